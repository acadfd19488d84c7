"""``multitide fit``: from a configuration or a data file to a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from multitide.config._config import Config

Names = Annotated[list[str] | None, typer.Option()]


def fit(
    source: Annotated[
        Path, typer.Argument(help="A configuration (.toml) or a data file (.csv, .parquet, .ts).")
    ],
    label: Annotated[
        list[str] | None, typer.Option(help="A label column; once for each task.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="A second table with the labels, one row a series.")
    ] = None,
    channel: Annotated[
        list[str] | None, typer.Option(help="An input column; without it all numbers are.")
    ] = None,
    static: Annotated[
        list[str] | None, typer.Option(help="An input column that is constant in a series.")
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="A column to leave out.")] = None,
    series: Annotated[
        str | None, typer.Option(help="The column that says which recording a row belongs to.")
    ] = None,
    time: Annotated[
        list[str] | None, typer.Option(help="The time column, or several: year, month, ...")
    ] = None,
    window: Annotated[
        int | None, typer.Option(help="Rows in a sample; without it a sample is a whole series.")
    ] = None,
    stride: Annotated[
        int | None, typer.Option(help="Rows from one window's start to the next; 1 without it.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="How to hold out: time, group or random; without it what leaks least."),
    ] = None,
    max_epochs: Annotated[
        int | None, typer.Option(help="Length of a full run; 50 without it.")
    ] = None,
    random_state: Annotated[
        int | None, typer.Option(help="Seed; without it one is drawn and written down.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda, cuda:1; auto without it.")
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="From series to features; lstm_fcn without it; `multitide methods backbone`."
        ),
    ] = None,
    representation: Annotated[
        str | None,
        typer.Option(help="minirocket, ts2vec or model:RUN, before --backbone fc or linear."),
    ] = None,
    pretrain: Annotated[
        list[str] | None, typer.Option(help="A task to learn first, by itself; once for each.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="A run or model folder whose backbone is the start.")
    ] = None,
    freeze: Annotated[
        str | None,
        typer.Option(
            help="What stays as pre-trained: auto, nothing, backbone, gradual, or N, all but N blocks."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The run folder; runs/NAME-001 and so on without it.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Train one network for all labels of a table, and write a run folder.

    CONFIG.toml says everything; options go before it. A data file needs at least a label:
    multitide fit data.csv --label fault --label load --window 48
    """
    from multitide.cli._run import command_line, run

    lists = {"channels": channel, "static": static, "ignore": ignore, "time": time}
    single = {"labels": labels, "series": series, "window": window, "stride": stride}
    data = {name: value for name, value in {**lists, **single}.items() if value not in (None, [])}
    options = {
        "max_epochs": max_epochs,
        "random_state": random_state,
        "device": device,
        "backbone": backbone,
    }
    changes: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    config = source_config(source, label, data, split)
    if representation is not None:
        changes["inputs"] = _with(config, "inputs", representation=representation)
    if phases := _phases(pretrain, start, freeze):
        changes["training"] = _with(config, "training", **phases)
        check_freeze(changes["training"])
    run(config.changed(**changes), output, source.stem, command_line(), verbose=not quiet)


def _with(config: Config, part: str, **settings: Any) -> dict[str, Any]:
    """Return a table of the configuration with some settings changed."""
    table = config.table.get(part, {})
    return {**(table if isinstance(table, dict) else {}), **settings}


def _phases(pretrain: list[str] | None, start: Path | None, freeze: str | None) -> dict[str, Any]:
    """Return what the options say of ``[training]``: pre-training, transfer and what is left of it to learn."""
    depth = int(freeze) if freeze is not None and freeze.isdecimal() else freeze
    given = {
        "pretrain": pretrain or None,
        "start": None if start is None else str(start.resolve()),
        "freeze": depth,
    }
    return {name: value for name, value in given.items() if value is not None}


def check_freeze(training: dict[str, Any]) -> None:
    """Raise if a network is to be frozen that has learned nothing yet."""
    from multitide._toml import NONE
    from multitide.errors import ParameterError

    pretrained = training.get("pretrain") or training.get("start", NONE) != NONE
    if not pretrained and training.get("freeze", "auto") not in ("auto", "nothing"):
        raise ParameterError(
            "`training.freeze` must be 'auto' or 'nothing' where nothing is pre-trained; "
            f"got {training['freeze']!r}. Say also --start MODEL or --pretrain TASK."
        )


def source_config(
    source: Path, label: list[str] | None, data: dict[str, Any], split: str | None
) -> Config:
    """Return the configuration that a file holds, or that the options of a data file stand for."""
    from multitide.config._load_config import load_config

    if source.suffix.lower() == ".toml":
        _refuse_data_options(source, label, data, split)
        return load_config(source)
    return _config_of_options(source, label, data, split)


def _refuse_data_options(
    source: Path, label: list[str] | None, data: dict[str, Any], split: str | None
) -> None:
    from multitide.errors import ParameterError

    given = [*(["label"] if label else []), *data, *(["split"] if split else [])]
    if given:
        options = ", ".join(
            f"--{name.removesuffix('s') if name == 'channels' else name}" for name in given
        )
        raise ParameterError(
            f"{options} must be said in the configuration itself, {str(source)!r}."
        )


def _config_of_options(
    source: Path, label: list[str] | None, data: dict[str, Any], split: str | None
) -> Config:
    """Return the configuration that the options of a data file stand for."""
    from multitide._checks import raise_problems
    from multitide.config._load_config import parse_config

    plain = {name: str(value) if isinstance(value, Path) else value for name, value in data.items()}
    table: dict[str, Any] = {"data": {"path": str(source), **plain}}
    if split:
        table["split"] = {"by": split}
    if label:
        table["tasks"] = [{"name": name} for name in label]
    problems: list[str] = []
    config = parse_config(table, Path(), problems)
    raise_problems(problems)
    return config
