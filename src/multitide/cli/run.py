"""A run: read, split, train, measure on the test part, and write the folder; what ``fit`` and ``demo`` share."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from multitide.cli.show import show_metrics, show_next, show_reading, show_split, show_tasks
from multitide.cli.terminal import say
from multitide.config_file import Config
from multitide.errors import DataError, ParameterError, StoreError
from multitide.report import Report, how_split, write_report
from multitide.store import refuse_existing, write_history
from multitide.tasks import describe_tasks, resolve_tasks

if TYPE_CHECKING:
    from multitide.estimator import MultiTaskEstimator
    from multitide.samples import Samples
    from multitide.splits import Split

RUNS = Path("runs")


def command_line() -> str:
    """Return the command as it was typed."""
    return shlex.join(["multitide", *sys.argv[1:]])


def run(config: Config, output: Path | None, name: str, command: str, *, verbose: bool) -> Path:
    """Do the whole run and return its folder; nothing is trained before all inputs are known to be good."""
    folder = claim(output, name)
    with quietly():
        samples = config.read()
    if not samples.y.shape[1]:
        raise DataError("`tasks` must name a label column; use --label NAME, or [[tasks]] in a configuration.")
    described = describe_tasks(config.tasks, samples.y)
    with quietly():
        tasks = resolve_tasks(config.tasks, samples.y)
    splitter = config.splitter(samples)
    split = splitter.split(samples)
    if not len(split.test):
        raise ParameterError("`split.test` must be above 0: a run is measured on its test part; got 0.")
    show_reading(samples.reading)
    show_tasks(described)
    show_split(split.counts(samples.y), how_split(splitter))
    estimator = config.make_estimator(tasks=tasks, verbose=int(verbose))
    fit_sides(estimator, samples, split, own_rule="validation" in config.estimator)
    metrics = estimator.evaluate(samples[split.test])
    show_metrics(metrics, f"Test part, {len(split.test)} samples")
    estimator.save(folder)
    write_history(estimator.history_, folder)
    (folder / "config.toml").write_text(config.to_toml(), encoding="utf-8")
    metrics.to_parquet(folder / "metrics.parquet")
    report = Report(command, str(config.data["path"]), described, split.counts(samples.y), splitter, metrics)
    write_report(report, estimator, samples[split.test], folder)
    say(f"\nWritten: [bold]{folder}[/] (model, history, metrics, report.md, config.toml)")
    second = " --labels LABELS" if "labels" in config.data and samples.static is not None else ""  # it holds statics
    show_next(("Answer for new data", f"multitide predict {folder} DATA{second} --output predictions.csv"))
    return folder


def fit_sides(estimator: MultiTaskEstimator, samples: Samples, split: Split, *, own_rule: bool) -> None:
    """Train; the split's validation part chooses the epoch, unless the estimator has a rule of its own for that."""
    if own_rule or not len(split.validation):
        estimator.fit(samples[np.union1d(split.train, split.validation)])
    else:
        estimator.fit(samples[split.train], validation=samples[split.validation])


@contextmanager
def quietly() -> Iterator[None]:
    """Keep back the log lines that a table shows anyway."""
    logger = logging.getLogger("multitide")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def claim(output: Path | None, name: str) -> Path:
    """Return a folder that does not exist yet and can be made, or raise before any work is done."""
    folder = output or next(path for i in range(1, 10**6) if not (path := RUNS / f"{name}-{i:03d}").exists())
    refuse_existing(folder)
    parent = next(path for path in folder.resolve().parents if path.exists())
    try:
        probe = parent / f".{folder.name}.tmp"
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise StoreError(f"`output` must be a place that can be written; got {str(folder)!r} ({error}).") from error
    return folder
