"""``multitide compare``: find out whether sharing a network helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, TypeVar

import typer

from multitide.cli._arguments import Address, Engine, Quiet, engine_options
from multitide.cli._show_study import (
    show_comparison,
    show_comparisons,
    show_curve,
    show_left_out,
)

if TYPE_CHECKING:
    from multitide.config._config import Config
    from multitide.data._data_sets import DataSets as Data
    from multitide.study import Comparison, LabelCurve

Value = TypeVar("Value")


class Options(TypedDict, total=False):
    """Options of the command, which override the configuration."""

    n_seeds: int
    n_jobs: int
    engine: str
    budget: str
    conditions: bool
    until_conclusive: bool
    robust: bool | None
    label_shares: list[float]


def compare(
    configs: Annotated[
        list[Path],
        typer.Argument(help="Configuration (.toml), or several: one per data set."),
    ],
    seeds: Annotated[
        int | None, typer.Option(help="Seeds per arm. Default: 5.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Number of processes. Default: one per core.")
    ] = None,
    engine: Engine = None,
    address: Address = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Time limit, such as 30m or 2h; what does not fit is skipped."
        ),
    ] = None,
    conditions: Annotated[
        bool,
        typer.Option(
            "--conditions",
            help="Also check the conditions for a gain: shared features, labels, width.",
        ),
    ] = False,
    until_conclusive: Annotated[
        bool,
        typer.Option(
            "--until-conclusive",
            help="Add seeds until every verdict is settled, or the budget ends.",
        ),
    ] = False,
    robust: Annotated[
        bool | None,
        typer.Option(
            "--robust/--no-robust",
            help="Repeat undecided and surprising arms at twice the length. Default: where it "
            "takes less than half of the budget.",
        ),
    ] = None,
    label_shares: Annotated[
        str | None,
        typer.Option(
            help="Fractions of the labels, such as 0.05,0.2,1; one study for each."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder of the study; an existing study is resumed."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Train every task alone and all tasks in one network, and report which tasks gain.

    With several configurations, one per data set, the same arms are ranked over all data sets.
    """
    from multitide._folder_kinds import CURVE_FORMAT, STUDIES_FORMAT, STUDY_FORMAT
    from multitide.cli._termination import ended_by_signals
    from multitide.config._load_config import load_config

    options = _options(seeds, jobs, budget, conditions, label_shares)
    if until_conclusive:
        options["until_conclusive"] = True
    if robust is not None:
        options["robust"] = robust
    if chosen := engine_options(engine, address):
        options["engine"] = chosen["engine"]
    if len(configs) > 1:
        folder = study_folder(output, "several", STUDIES_FORMAT)
        with ended_by_signals(folder):
            compare_configs(configs, folder, options, verbose=not quiet)
        return
    config = load_config(configs[0])
    is_curve = "label_shares" in config.compare or "label_shares" in options
    kind = CURVE_FORMAT if is_curve else STUDY_FORMAT
    folder = study_folder(output, configs[0].stem, kind)
    data = read_and_show(config)
    with ended_by_signals(folder):
        if is_curve:
            run_curve(config, data, folder, options, verbose=not quiet)
            return
        comparison = run_study(config, data, folder, options, verbose=not quiet)
    _show_more_seeds(comparison, configs[0], folder)


def _options(
    seeds: int | None,
    jobs: int | None,
    budget: str | None,
    conditions: bool,
    label_shares: str | None,
) -> Options:
    options: Options = {}
    if seeds is not None:
        options["n_seeds"] = seeds
    if jobs is not None:
        options["n_jobs"] = jobs
    if budget is not None:
        options["budget"] = budget
    if conditions:
        options["conditions"] = True
    if label_shares:
        options["label_shares"] = shares_of(label_shares)
    return options


def shares_of(text: str) -> list[float]:
    """Parse the value of ``--label-shares``."""
    from multitide.errors import ParameterError

    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ParameterError(
            f"`--label-shares` must be numbers such as 0.05,0.2,1; got {text!r}."
        ) from error


def read_and_show(config: Config) -> Data:
    """Read the data sets of a configuration, and show the tasks of each."""
    from multitide.cli._show import show_heading, show_tasks
    from multitide.cli._terminal import quietly
    from multitide.config._prepare import describe_own_tasks
    from multitide.fitting._data_sets import resolve_shared_tasks

    with quietly():
        data = config.read_all()
        tasks = resolve_shared_tasks(config.tasks, data)
    for name, samples in data.items():
        if name:
            show_heading(f"Data set {name}")
        show_tasks(describe_own_tasks(config, samples, tasks))
    return data


def study_folder(output: Path | None, name: str, kind: str) -> Path:
    """Return the folder of an existing study of a kind, which is resumed, or a new one."""
    from multitide.cli._arguments import growing_folder

    return growing_folder(output, f"{name}-compare", kind)


def run_study(
    config: Config, data: Data, folder: Path, options: Options, *, verbose: bool
) -> Comparison:
    """Run the study of a configuration, show it, write it into a folder, and return it."""
    from multitide.cli._arguments import command_line
    from multitide.cli._terminal import bold, say
    from multitide.reports import write_study_report
    from multitide.study import compare as run_comparison

    arguments = _arguments(config, data, options, verbose)
    comparison = run_comparison(_one_or_all(data), folder=folder, **arguments)
    show_comparison(comparison)
    fit_command = write_recommended(config, comparison, folder)
    page = write_study_report(comparison, folder, samples=data, command=command_line())
    say(
        "\nReport: ",
        bold(page),
        " (the folder also contains report.md and all results)",
    )
    show_left_out(comparison, folder)
    _show_recommended(comparison, fit_command)
    return comparison


def write_recommended(config: Config, comparison: Comparison, folder: Path) -> str:
    """Write the configuration that the study recommends; return its command, "" without one."""
    from multitide._folder_kinds import STUDY_CONFIG
    from multitide._result_folder import writable, write_file
    from multitide.cli._arguments import quoted
    from multitide.study._recommendation import recommend, recommended_settings

    settings = recommended_settings(comparison, recommend(comparison))
    with writable(folder):
        if settings is None or config.is_ensemble:
            (folder / STUDY_CONFIG).unlink(missing_ok=True)
            return ""
        text = config.changed(**settings).to_toml()
        write_file(folder / STUDY_CONFIG, text)
    return f"multitide fit {quoted(folder)}"


def _show_recommended(comparison: Comparison, fit_command: str) -> None:
    from multitide.cli._show import show_next
    from multitide.cli._terminal import bold, say
    from multitide.study._recommendation import recommend

    recommendation = recommend(comparison)
    say("\n", bold(recommendation.in_words), f" {recommendation.confidence_in_words}")
    if fit_command:
        show_next(("Train what it recommends", fit_command))


def run_curve(
    config: Config, data: Data, folder: Path, options: Options, *, verbose: bool
) -> LabelCurve:
    """Run the study at each label share, show it, write all into a folder, and return the curve."""
    from multitide.cli._arguments import command_line
    from multitide.cli._terminal import bold, say
    from multitide.data._data_sets import DataSets
    from multitide.errors import ParameterError
    from multitide.reports import write_curve_report, write_study_report
    from multitide.study import label_curve
    from multitide.study._curve import folder_of

    arguments = _arguments(config, data, options, verbose)
    for option in ("until_conclusive", "robust"):
        if arguments.pop(option, False):
            raise ParameterError(
                f"`{option}` must not be given with label shares; got true. "
                "Run a study of all labels."
            )
    shares = arguments.pop("label_shares")
    samples = DataSets(_one_or_all(data)).only("`--label-shares`")
    curve = label_curve(samples, shares=shares, folder=folder, **arguments)
    show_curve(curve)
    for share, comparison in curve.comparisons.items():
        own = folder_of(folder, share)
        write_study_report(comparison, own, samples=data, command=command_line())
        show_left_out(comparison, own)
    page = write_curve_report(curve, folder, command=command_line())
    say("\nReport: ", bold(page), " (with links to the report of each label share)")
    return curve


# The arguments of `compare` have many types; they were checked when the configuration was loaded.
def _arguments(
    config: Config, data: Data, options: Options, verbose: bool
) -> dict[str, Any]:
    """Return the arguments of the study: the configuration's, overridden by options."""
    from multitide.cli._terminal import quietly
    from multitide.fitting._data_sets import resolve_shared_tasks

    with quietly():
        tasks = resolve_shared_tasks(config.tasks, data)
    splitters = {}
    for name, samples in data.items():
        splitters[name] = config.section(name).splitter(samples)
    arguments = {
        "tasks": tasks,
        "estimator": config.make_estimator(),
        "split": _one_or_all(splitters),
        "verbose": int(verbose),
    }
    return {**arguments, **config.compare, **options}


def _one_or_all(by_name: Mapping[str, Value]) -> Value | Mapping[str, Value]:
    """Return the value of the only data set, or those of several by name."""
    if len(by_name) > 1:
        return by_name
    return next(iter(by_name.values()))


def _show_more_seeds(comparison: Comparison, config: Path, folder: Path) -> None:
    """Show the command that adds seeds, if more of them would give a verdict."""
    from multitide.cli._arguments import quoted
    from multitide.cli._show import show_next

    if comparison.gains["advice"].str.contains("seeds").any():
        n_seeds = max(5, 2 * int(comparison.gains["n_seeds"].max()))
        command = f"multitide compare {quoted(config)} --seeds {n_seeds} "
        command += f"--output {quoted(folder)}"
        show_next(("Add seeds to this study", command))


def compare_configs(
    configs: Sequence[Path], folder: Path, options: Options, *, verbose: bool
) -> None:
    """Run the study of each configuration, show the ranking over all, and write one folder."""
    from multitide.cli._arguments import command_line
    from multitide.cli._terminal import bold, quietly, say
    from multitide.config._load_config import load_config
    from multitide.reports import write_overview
    from multitide.study import compare_many

    names = names_of(configs)
    loaded = {}
    for name, path in zip(names, configs, strict=True):
        loaded[name] = load_config(path)
    _refuse_label_shares(options, *[config.compare for config in loaded.values()])
    with quietly():
        samples = {}
        for name, config in loaded.items():
            samples[name] = config.read()
    budget = options.pop("budget", None)
    studies: dict[str, Any] = {}  # arguments of compare, by data set
    for name, config in loaded.items():
        own = {}
        for key, value in config.compare.items():
            if key != "budget":
                own[key] = value
        studies[name] = {
            "samples": samples[name],
            "tasks": config.tasks,
            "estimator": config.make_estimator(),
            "split": config.splitter(samples[name]),
            **own,
            **options,
        }
    comparisons = compare_many(
        studies, budget=budget, folder=folder, verbose=int(verbose)
    )
    show_comparisons(comparisons)
    page = write_overview(comparisons, folder, samples=samples, command=command_line())
    say("\nReport: ", bold(page), " (with links to the report of each data set)")
    for name, study in comparisons.studies.items():
        if study.left_out:
            say(f"{name}: {study.left_out}")


def _refuse_label_shares(*arguments: Mapping[str, object]) -> None:
    from multitide.errors import ParameterError

    for given in arguments:
        if "label_shares" in given:
            raise ParameterError(
                "`label_shares` must not be given "
                "with several configurations; "
                f"got {given['label_shares']}. "
                "Run each configuration on its own."
            )


def names_of(configs: Sequence[Path]) -> list[str]:
    """Name the data sets after their files, or after the folders if file names repeat."""
    from multitide.errors import ParameterError

    files = [path.stem for path in configs]
    folders = []
    for path in configs:
        folders.append(path.resolve().parent.name)
    for names in (files, folders):
        if len(set(names)) == len(names):
            return names
    raise ParameterError(
        "`configs` must have different names, "
        "or be in folders with different names; "
        f"got {files}."
    )
