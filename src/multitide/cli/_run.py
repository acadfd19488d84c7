"""A run: read, split, train, measure on the test part, and write the folder; what ``fit`` and ``demo`` share."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from multitide.cli._show import (
    show_heading,
    show_metrics,
    show_next,
    show_reading,
    show_split,
    show_tasks,
)
from multitide.cli._terminal import say, show_note, show_warning
from multitide.config._config import Config
from multitide.config._load_config import read_all
from multitide.errors import DataError, ParameterError, StoreError
from multitide.fitting._data_sets import in_domain, resolve_domain_tasks, tasks_of
from multitide.fitting._recipe import make_recipe
from multitide.model._store import refuse_existing, write_history
from multitide.reports._run import (
    MeasuredData,
    Report,
    answering_epochs,
    how_split,
    trained_for,
    write_report,
)
from multitide.tasks import Task, describe_tasks

if TYPE_CHECKING:
    import pandas as pd

    from multitide._estimator import MultiTaskEstimator
    from multitide.data._samples import Samples

RUNS = Path("runs")


def command_line() -> str:
    """Return the command as it was typed."""
    return shlex.join(["multitide", *sys.argv[1:]])


def run(config: Config, output: Path | None, name: str, command: str, *, verbose: bool) -> Path:
    """Do the whole run and return its folder; nothing is trained before all inputs are known to be good."""
    folder = claim(output, name)
    make_recipe(
        config.make_estimator().get_params(deep=False)
    )  # options were not in the file, which was checked
    with quietly():
        given = read_all(config)
        if not any(samples.y.shape[1] for samples in given.values()):
            raise DataError(
                "`tasks` must name a label column; use --label NAME, or [[tasks]] in a configuration."
            )
        tasks = resolve_domain_tasks(config.tasks, given)
    parts = [split_data(config, name, samples, tasks) for name, samples in given.items()]
    for part in parts:
        show_data(part)
    estimator = config.make_estimator(tasks=tasks, verbose=int(verbose))
    fit_sides(estimator, parts, own_rule="validation" in config.estimator)
    test = {part.name: part.test for part in parts}
    metrics = estimator.evaluate(test)
    show_metrics(metrics, f"Test part, {sum(map(len, test.values()))} samples")
    show_note(
        f"The network was {trained_for(estimator)}; epoch that answers: {answering_epochs(estimator)}."
    )
    estimator.save(folder)
    write_history(estimator.history_, folder)
    (folder / "config.toml").write_text(
        config.changed(random_state=estimator.seed_).to_toml(), encoding="utf-8"
    )
    metrics.to_parquet(folder / "metrics.parquet")
    write_report(Report(command, parts, metrics), estimator, folder)
    say(f"\nWritten: [bold]{folder}[/] (model, history, metrics, report.md, config.toml)")
    which = f" --data {shlex.quote(parts[0].name)}" if parts[0].name else ""
    statics = parts[0].samples.static is not None
    second = (
        " --labels LABELS" if "labels" in config.tables[parts[0].name].data and statics else ""
    )  # it holds statics
    lines = [
        (
            "Answer for new data",
            f"multitide predict {folder} DATA{second}{which} --output predictions.csv",
        )
    ]
    if len(tasks) > 1:
        lines.append(("Does sharing a network help?", f"multitide compare {folder}/config.toml"))
    show_next(*lines)
    return folder


def split_data(config: Config, name: str, samples: Samples, tasks: Sequence[Task]) -> MeasuredData:
    """Cut a data set as the configuration says."""
    table = config.tables[name]
    with in_domain(name):
        splitter = table.splitter(samples)
        split = splitter.split(samples)
        if not len(split.test):
            raise ParameterError(
                "`split.test` must be above 0: a run is measured on its test part; got 0."
            )
    described = describe_own_tasks(config, samples, tasks)
    return MeasuredData(name, str(table.data["path"]), samples, described, splitter, split)


def describe_own_tasks(config: Config, samples: Samples, tasks: Sequence[Task]) -> pd.DataFrame:
    """Return what each task of a data set was taken for, and why; `tasks` are those of all data sets."""
    own = {task.name for task in tasks_of(samples, tasks)}
    asked = (
        samples.y.columns if config.tasks is None else config.tasks
    )  # as written, so that it says what was inferred
    return describe_tasks([task for task in asked if getattr(task, "name", task) in own], samples.y)


def show_data(part: MeasuredData) -> None:
    """Show how a data set was read and cut."""
    if part.name:
        show_heading(f"Data set {part.name}")
    show_reading(part.samples.reading)
    show_tasks(part.tasks)
    show_split(part.counts, how_split(part.splitter))
    for sentence in one_sided_classes(part):
        show_warning(sentence)


def one_sided_classes(part: MeasuredData) -> list[str]:
    """Say which classes have no label in training, which no network can learn, or none in the test part."""
    found = []
    asked = set(part.tasks.loc[part.tasks["kind"] == "classification", "task"])
    for task, labels in part.samples.y.items():
        if task not in asked:
            continue
        sides = {side: set(labels.iloc[index].dropna()) for side, index in vars(part.split).items()}
        unlearned = sorted(set(labels.dropna()) - sides["train"], key=str)
        unmeasured = sorted(sides["train"] - sides["test"], key=str)
        if unlearned:
            found.append(
                f"Task {task!r}: no label of {_named(unlearned)} in training: it is never answered."
            )
        if unmeasured:
            found.append(
                f"Task {task!r}: no label of {_named(unmeasured)} in the test part: it is not measured."
            )
    return found


def _named(classes: Sequence[object]) -> str:
    shown = ", ".join(str(name) for name in classes[:5])
    return (
        f"class {shown}"
        if len(classes) == 1
        else f"classes {shown}" + (", ..." if len(classes) > 5 else "")
    )


def fit_sides(
    estimator: MultiTaskEstimator, parts: Sequence[MeasuredData], *, own_rule: bool
) -> None:
    """Train; a split's validation part chooses the epoch, unless the estimator has a rule of its own for that."""
    held_out = {
        p.name: p.samples[p.split.validation]
        for p in parts
        if len(p.split.validation) and not own_rule
    }
    learned = {
        part.name: part.samples[
            part.split.train
            if part.name in held_out
            else np.union1d(part.split.train, part.split.validation)
        ]
        for part in parts
    }
    estimator.fit(learned, validation=held_out or None)


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
    folder = output or next(
        path for i in range(1, 10**6) if not (path := RUNS / f"{name}-{i:03d}").exists()
    )
    refuse_existing(folder, "output")
    parent = next(path for path in folder.resolve().parents if path.exists())
    try:
        probe = parent / f".{folder.name}.tmp"
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise StoreError(
            f"`output` must be a place that can be written; got {str(folder)!r} ({error})."
        ) from error
    return folder
