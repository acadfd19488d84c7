"""What a run was trained on, read again from the tables that its configuration names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from multitide._local_copy import is_url
from multitide._toml import NONE
from multitide.config._config import Config
from multitide.config._config_of_run import config_of_run
from multitide.config._data_section import PATHS
from multitide.config._prepare import Prepared, prepare
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.errors import MultitideError
from multitide.fitting._data_sets import split_data_sets
from multitide.model._schema import DataRecord


def trained_on(run: Path, records: Sequence[DataRecord]) -> DataSets | None:
    """Return the training, validation and calibration samples of a run, by data set.

    Parameters
    ----------
    run : path
        A run folder or a model folder.
    records : sequence of DataRecord
        Those of its model.

    Returns
    -------
    DataSets or None
        None if they cannot be known: there is no configuration, or its tables are absent, behind
        URLs, or not those that the model was fitted on.
    """
    config = config_of_run(run)
    if config is None or _names_urls(config):
        return None
    try:
        prepared = prepare(config)
        fingerprints = _fingerprints(prepared)
    except (MultitideError, OSError):
        return None
    for record in records:
        if fingerprints.get(record.name) != record.fingerprint:
            return None
    by_name: dict[str, Samples] = {}
    for data in prepared.data:
        seen = [data.split.train, data.split.validation, data.split.calibration]
        rows = np.concatenate(seen)
        by_name[data.name] = data.samples[rows]
    return DataSets(by_name)


def _names_urls(config: Config) -> bool:
    """Return whether tables lie elsewhere: a stranger's run must not make us ask there."""
    for section in config.data:
        for name in PATHS:
            if is_url(section.options.get(name)):
                return True
    return False


def started_from(run: Path) -> Path | None:
    """Return the run that the training of another one started from, if any."""
    config = config_of_run(run)
    if config is None:
        return None
    training = config.table.get("training", {})
    if not isinstance(training, dict) or training.get("start", NONE) == NONE:
        return None
    return Path(str(training["start"]))


def _fingerprints(prepared: Prepared) -> dict[str, str]:
    """Return the fingerprint that the model of a run has for each data set."""
    training, validation = prepared.fitting_sets()
    config = prepared.config
    split = split_data_sets(
        training,
        prepared.tasks,
        validation,
        config.make_estimator().validation,
        0,
        calibration=prepared.calibration_sets(),
    )
    found = {}
    for data in split:
        found[data.name] = data.samples.fingerprint()
    return found
