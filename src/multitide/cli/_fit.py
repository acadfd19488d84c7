"""``multitide fit``: from a configuration or a data file to a run folder."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from multitide.cli._arguments import (
    Address,
    Calendar,
    Category,
    Channel,
    Engine,
    Ignore,
    Label,
    LabelFile,
    Quiet,
    Series,
    Source,
    SplitBy,
    Static,
    Stride,
    Time,
    Weight,
    Window,
    engine_options,
)
from multitide.cli._fit_together import fit_together
from multitide.cli._written import Written, takes_written

if TYPE_CHECKING:
    from multitide.config._config import Config
    from multitide.config._prepare import Prepared

# Options that describe a data file, by the argument of `read_table` that each stands for.
OPTION_OF = {"channels": "channel", "time_format": "time-format"}


@takes_written
def fit(
    source: Source,
    label: Label = None,
    labels: LabelFile = None,
    channel: Channel = None,
    category: Category = None,
    static: Static = None,
    ignore: Ignore = None,
    series: Series = None,
    time: Time = None,
    *,
    written: Written,
    calendar: Calendar = None,
    weight: Weight = None,
    window: Window = None,
    stride: Stride = None,
    split: SplitBy = None,
    max_epochs: Annotated[
        int | None,
        typer.Option(
            help="Maximum number of epochs. Default: by the number of samples."
        ),
    ] = None,
    random_state: Annotated[
        int | None,
        typer.Option(help="Seed. Default: a random one, recorded in the run."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda or cuda:1. Default: auto.")
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="Network from series to features. Default: auto, a network, trees and "
            "for few labels linear heads, weighted per task on the validation set. "
            "`multitide methods backbone` lists all."
        ),
    ] = None,
    representation: Annotated[
        str | None,
        typer.Option(
            help="Train on vectors instead of series, with --backbone fc or linear: "
            "such as minirocket, or model:RUN. "
            "`multitide methods representation` lists all."
        ),
    ] = None,
    pretrain: Annotated[
        list[str] | None, typer.Option(help="Task to pre-train on (repeatable).")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(help="Run or model folder whose backbone training starts from."),
    ] = None,
    freeze: Annotated[
        str | None,
        typer.Option(
            help="Pre-trained layers to keep fixed: auto, nothing, backbone, gradual, or N, "
            "all but the last N blocks. Default: auto."
        ),
    ] = None,
    best: Annotated[
        bool,
        typer.Option(
            "--best",
            help="Fit an ensemble of different families of models, weighted per task.",
        ),
    ] = False,
    n_seeds: Annotated[
        int | None, typer.Option(help="Fits of each member of an ensemble. Default: 5.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(help="Time for an ensemble, such as 10m. Default: no limit."),
    ] = None,
    engine: Engine = None,
    address: Address = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Run folder. Default: runs/NAME-001, then -002, ..."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue the run of that name, or the last one in runs, that was killed or has "
            "ended early. Begins a run if there is none.",
        ),
    ] = False,
    checkpoint_minutes: Annotated[
        float | None,
        typer.Option(help="Time between two checkpoints of the training. Default: 5."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Train a model for all labels of a table, and write a run folder.

    With a configuration, options of training override the file, and options of the data are not
    allowed. A data file needs at least one label:

        multitide fit data.csv --label fault --label load --window 48
    """
    data = {
        "channels": channel,
        "category": category,
        "static": static,
        "ignore": ignore,
        "time": time,
        "calendar": calendar,
        "weight": weight,
        "labels": labels,
        "series": series,
        "window": window,
        "stride": stride,
        **written.options(),
    }
    config = source_config(source, label, given(data), split)
    options = {
        "max_epochs": max_epochs,
        "random_state": random_state,
        "device": device,
        "backbone": backbone,
    }
    changes = given(options)
    if representation is not None:
        changes["inputs"] = _table(config, "inputs") | {
            "representation": representation
        }
    transfer = _transfer_options(pretrain, start, freeze)
    of_training = transfer | given({"checkpoint_minutes": checkpoint_minutes})
    if of_training:
        training = _table(config, "training") | of_training
        if transfer:
            _check_freeze(training)
        changes["training"] = training
    config = config.changed(**changes).changed_ensemble(
        best=best, n_seeds=n_seeds, budget=budget, **engine_options(engine, address)
    )
    run = partial(fit_and_show, name=source.stem, verbose=not quiet, resume=resume)
    fit_together(config, run, output, resume=resume)


def fit_and_show(
    config: Config,
    output: Path | None,
    name: str,
    *,
    verbose: bool,
    resume: bool = False,
) -> Path:
    """Make a run, show its data and metrics, and return its folder."""
    from multitide._partial_folder import has_ended_early, partial_of
    from multitide._run_fit import check_estimator, train_run
    from multitide.cli._arguments import (
        command_line,
        quoted,
        result_folder,
        resumed_folder,
    )
    from multitide.cli._show import show_data, show_metrics
    from multitide.cli._show_model_facts import show_fitted
    from multitide.cli._terminal import bold, quietly, say, show_note
    from multitide.cli._termination import ended_by_signals, finishing_on_signals
    from multitide.config._prepare import prepare

    if resume and not config.is_ensemble:
        folder = resumed_folder(output, name)
    else:
        folder = result_folder(output, name, take_up=config.is_ensemble)
    check_estimator(config)
    with quietly():
        prepared = prepare(config)
    show_data(prepared)
    if config.is_ensemble:
        with ended_by_signals(folder, partial_of(folder)):
            run = train_run(prepared, folder, command_line(), int(verbose))
    else:
        with finishing_on_signals() as termination:
            run = train_run(
                prepared,
                folder,
                command_line(),
                int(verbose),
                [termination],
                resume=resume,
            )
    n_test = sum(len(data.split.test) for data in run.data)
    show_metrics(run.metrics, f"Test set, {n_test} samples")
    show_fitted(run.estimator)
    content = " (model, history, metrics, report.html, config.toml)"
    say("\nWritten: ", bold(folder), content)
    if has_ended_early(folder):
        repeat = f"multitide fit {quoted(folder / 'config.toml')}"
        show_note(
            "Training has ended early. "
            f"`{repeat} --output {quoted(folder)} --resume` trains on."
        )
    _show_next_steps(prepared, folder)
    return folder


def _show_next_steps(prepared: Prepared, folder: Path) -> None:
    from multitide.cli._arguments import quoted
    from multitide.cli._show import show_next

    first = prepared.config.data[0]
    options = "--output predictions.csv"
    if first.name:
        options = f"--data {shlex.quote(first.name)} {options}"
    if "labels" in first.options and prepared.data[0].samples.static is not None:
        options = f"--labels LABELS {options}"  # the table that holds the static inputs
    steps = [("Predict new data", f"multitide predict {quoted(folder)} DATA {options}")]
    if len(prepared.tasks) > 1:
        command = f"multitide compare {quoted(folder / 'config.toml')}"
        steps.append(("See whether sharing a network helps", command))
    show_next(*steps)


def given(options: Mapping[str, object]) -> dict[str, object]:
    """Return the options that were given."""
    used = {}
    for name, value in options.items():
        if value not in (None, []):
            used[name] = value
    return used


def _table(config: Config, part: str) -> dict[str, object]:
    """Return the configuration's table of a part, which may also be given by name."""
    table = config.table.get(part, {})
    if isinstance(table, dict):
        return dict(table)
    return {}


def _transfer_options(
    pretrain: list[str] | None, start: Path | None, freeze: str | None
) -> dict[str, object]:
    """Return the options as parameters of ``[training]``."""
    is_number = freeze is not None and freeze.isdecimal()
    options = {
        "pretrain": pretrain,
        "start": None if start is None else str(start.resolve()),
        "freeze": int(freeze or 0) if is_number else freeze,
    }
    return given(options)


def _check_freeze(training: dict[str, object]) -> None:
    """Raise if layers are to be frozen that have not been trained."""
    from multitide._toml import NONE
    from multitide.errors import ParameterError

    is_pretrained = training.get("pretrain") or training.get("start", NONE) != NONE
    if not is_pretrained and training.get("freeze", "auto") not in ("auto", "nothing"):
        raise ParameterError(
            "`training.freeze` must be 'auto' or "
            "'nothing' if nothing is pre-trained; "
            f"got {training['freeze']!r}. "
            "Also give --start MODEL or --pretrain TASK."
        )


def source_config(
    source: Path, label: list[str] | None, data: dict[str, object], split: str | None
) -> Config:
    """Return the configuration of a file, a study's recommendation, or a data file with options."""
    from multitide._folder_kinds import STUDY_FORMAT, kind_of
    from multitide.config._load_config import load_config
    from multitide.errors import ParameterError

    if source.is_dir() and kind_of(source, [STUDY_FORMAT]):
        source = _recommended_by(source)
    if source.suffix.lower() != ".toml":
        return _config_from_options(source, label, data, split)
    refused = given({"label": label, **data, "split": split})
    if refused:
        options = ", ".join(f"--{OPTION_OF.get(name, name)}" for name in refused)
        raise ParameterError(
            f"{options} must be set in the configuration, {str(source)!r}."
        )
    return load_config(source)


def _recommended_by(study: Path) -> Path:
    """Return the configuration that a study recommends."""
    from multitide._folder_kinds import STUDY_CONFIG
    from multitide.errors import ParameterError

    path = study / STUDY_CONFIG
    if not path.is_file():
        raise ParameterError(
            f"`source` must be a study with {STUDY_CONFIG}; got {str(study)!r}. "
            "`multitide compare` writes it for one data set, if one fit can train what it "
            "recommends."
        )
    return path


def _config_from_options(
    source: Path, label: list[str] | None, data: dict[str, object], split: str | None
) -> Config:
    from multitide._checks import raise_problems
    from multitide.config._load_config import parse_config

    section: dict[str, Any] = {"path": str(source)}
    for name, value in data.items():
        if isinstance(value, Path):
            section[name] = str(value)
        else:
            section[name] = value
    table: dict[str, Any] = {"data": section}
    if split:
        table["split"] = {"by": split}
    if label:
        table["tasks"] = [{"name": name} for name in label]
    parsed = parse_config(table, Path())
    raise_problems(parsed.problems)
    return parsed.config
