"""What the parts of a fit predict, kept so that their weights can be chosen again in seconds.

``quality.py`` keeps the predictions of the default's network and trees, and of each member of an
ensemble, for the validation rows; ``weights.py`` compares rules on them.
"""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import torch

from multitide import MultiTaskEstimator, Samples
from multitide.ensemble import _fit_members
from multitide.ensemble._validation_rows import ValidationRows
from multitide.fitting import _fit_model
from multitide.fitting._held_out import HeldOut, shares_of_fits
from multitide.fitting._weigh_fits import GroupFit
from multitide.model._prediction import decode
from multitide.network._network import Predictor
from multitide.tasks import Target


@dataclasses.dataclass(frozen=True)
class Part:
    """The network of a default fit, or its trees.

    Attributes
    ----------
    name : str
        Of the backbone.
    held_out : dict of str to HeldOut
        Predictions for the labelled validation rows, by task.
    test : dict of str to ndarray
        Predictions for the test set, by task.
    crossed : dict of str to HeldOut
        Predictions for training rows by fits that have not seen them, by task.
    """

    name: str
    held_out: dict[str, HeldOut]
    test: dict[str, np.ndarray]
    crossed: dict[str, HeldOut] = dataclasses.field(default_factory=dict)


@contextmanager
def fits_of_default() -> Iterator[list[GroupFit]]:
    """Collect the network and the trees of fits in the block, those without weight too."""
    found: list[GroupFit] = []
    weigh_fits = _fit_model.weigh_fits

    def collecting(fits, seed):  # type: ignore[no-untyped-def]
        found.extend(fits)
        return weigh_fits(fits, seed)

    with mock.patch.object(_fit_model, "weigh_fits", collecting):
        yield found


@contextmanager
def rows_of_members() -> Iterator[dict[str, tuple[Target, ValidationRows]]]:
    """Collect what the members of an ensemble that is fitted in the block held out, by task."""
    found: dict[str, tuple[Target, ValidationRows]] = {}
    validation_rows = _fit_members.validation_rows

    def collecting(held, data, target):  # type: ignore[no-untyped-def]
        rows = validation_rows(held, data, target)
        if rows is not None:
            found[target.task.name] = (target, rows)
        return rows

    with mock.patch.object(_fit_members, "validation_rows", collecting):
        yield found


def parts_of(
    estimator: MultiTaskEstimator, fits: list[GroupFit], test: Samples
) -> list[Part]:
    """Return what each part of a fitted default predicts."""
    (record,) = estimator.stored_.data
    parts = []
    for fit in fits:
        predictor = Predictor(fit.networks, fit.predicted).cpu().eval()
        decoded = decode(predictor, test, record, torch.device("cpu"))
        parts.append(Part(fit.name, fit.held_out, decoded, fit.crossed))
    return parts


def metrics_of(
    targets: dict[str, Target], parts: list[Part], test: Samples, seed: int
) -> pd.DataFrame:
    """Return the test metrics of a default fit, with weights that are chosen now."""
    tables = []
    for task, target in targets.items():
        own = [part for part in parts if task in part.test]
        weights = [1.0]
        if len(own) > 1:
            held_out = [part.held_out[task] for part in own]
            crossed = [part.crossed.get(task) for part in own]
            weights, _ = shares_of_fits(held_out, seed, crossed)
        decoded = np.zeros(own[0].test[task].shape)
        for weight, part in zip(weights, own, strict=True):
            decoded += weight * part.test[task]
        tables.append(target.evaluate(test, decoded).assign(task=task))
    return pd.concat(tables, ignore_index=True)


def keep(value: object, path: Path) -> None:
    """Write a value that only these scripts read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value))


def kept(path: Path) -> object:
    """Return a value that `keep` has written."""
    return pickle.loads(path.read_bytes())
