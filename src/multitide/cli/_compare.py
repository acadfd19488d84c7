"""``multitide compare``: whether sharing a network helps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import pandas as pd

    from multitide.config._config import Config
    from multitide.data._samples import Samples
    from multitide.study import Comparison, Comparisons, Conditions, LabelCurve

    Data = dict[str, Samples]  # by name; the only one has none


def compare(
    configs: Annotated[
        list[Path], typer.Argument(help="A configuration (.toml), or several: one a data set.")
    ],
    seeds: Annotated[int | None, typer.Option(help="Networks of every arm; 5 without it.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes; one a core without it.")] = None,
    budget: Annotated[
        str | None, typer.Option(help="Time it may take, as 30m or 2h; the rest is left out.")
    ] = None,
    conditions: Annotated[
        bool,
        typer.Option(
            "--conditions", help="Check also when sharing pays: shared features, labels, width."
        ),
    ] = False,
    label_shares: Annotated[
        str | None,
        typer.Option(
            help="Shares of the labels, as 0.05,0.2,1: the study with so many of them each."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The study's folder; one that exists already is resumed.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Train every task alone and all of them in one network, several times, and say which gains by sharing.

    Several configurations with the same arms, one a data set, are compared and ranked over all.
    """
    from multitide.cli._show import show_next
    from multitide.config._load_config import load_config

    options = {"n_seeds": seeds, "n_jobs": jobs, "budget": budget}
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    given |= {"conditions": True} if conditions else {}
    given |= {"label_shares": shares_of(label_shares)} if label_shares else {}
    if len(configs) > 1:
        compare_configs(configs, study_folder(output, "several"), given, verbose=not quiet)
        return
    loaded = load_config(configs[0])
    folder = study_folder(output, configs[0].stem)
    data = read_and_show(loaded)
    options = {**loaded.compare, **given}
    if "label_shares" in options:
        run_curve(loaded, data, folder, given, verbose=not quiet)
        return
    comparison = run_study(loaded, data, folder, given, verbose=not quiet)
    if comparison.gains["advice"].str.contains("seeds").any():
        more = max(5, 2 * int(comparison.gains["n_seeds"].max()))
        show_next(
            (
                "Go on with more seeds",
                f"multitide compare {configs[0]} --seeds {more} --output {folder}",
            )
        )


def read_and_show(config: Config) -> Data:
    """Read the data sets of a configuration, and show what the tasks of each were taken for."""
    from multitide.cli._run import describe_own_tasks, quietly
    from multitide.cli._show import show_heading, show_tasks
    from multitide.config._load_config import read_all
    from multitide.fitting._data_sets import resolve_domain_tasks

    with quietly():
        data = read_all(config)
        tasks = resolve_domain_tasks(config.tasks, data)
    for name, samples in data.items():
        if name:
            show_heading(f"Data set {name}")
        show_tasks(describe_own_tasks(config, samples, tasks))
    return data


def shares_of(text: str) -> list[float]:
    """Read the shares that were typed."""
    from multitide.errors import ParameterError

    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ParameterError(
            f"`--label-shares` must be numbers such as 0.05,0.2,1; got {text!r}."
        ) from error


def study_folder(output: Path | None, name: str) -> Path:
    """Return the folder of an earlier study, which is resumed, or one that can be made."""
    from multitide.cli._run import claim

    return output if output is not None and output.exists() else claim(output, f"{name}-compare")


def run_study(
    config: Config, data: Data, folder: Path, options: dict[str, Any], *, verbose: bool
) -> Comparison:
    """Conduct the study that a configuration asks for, show it, and return it; it lies in its folder then."""
    from multitide.cli._run import command_line
    from multitide.cli._terminal import say
    from multitide.reports import write_study_report
    from multitide.study import compare as conduct

    comparison = conduct(
        _one_or_all(data), folder=folder, **_arguments(config, data, options, verbose)
    )
    show_comparison(comparison)
    page = write_study_report(comparison, folder, samples=data, command=command_line())
    say(
        f"\nWritten: [bold]{page}[/], and beside it report.md, results.parquet, runs.parquet, and every run"
    )
    show_left_out(comparison, folder)
    return comparison


def run_curve(
    config: Config, data: Data, folder: Path, options: dict[str, Any], *, verbose: bool
) -> LabelCurve:
    """Conduct the study for each share of the labels, show the gains, and return them; all lies in its folder then."""
    from multitide.cli._run import command_line
    from multitide.cli._terminal import say, show_table
    from multitide.reports import write_curve_report, write_study_report
    from multitide.study import label_curve
    from multitide.study._label_curve import folder_of

    arguments = _arguments(config, data, options, verbose)
    curve = label_curve(
        _one_or_all(data), shares=arguments.pop("label_shares"), folder=folder, **arguments
    )
    first = next(iter(curve.comparisons.values()))
    title = f"Gain over {first.reference!r} by the share of labels (+ is better)"
    show_table(curve.table(), f"{title}, with its {first.confidence:.0%} interval")
    most = max(curve.comparisons)
    if (found := curve.comparisons[most].conditions) is not None:
        say(f"\nThe conditions, with {most:.0%} of the labels; for other shares in their reports:")
        show_conditions(found)
    for share, comparison in curve.comparisons.items():
        write_study_report(
            comparison, folder_of(folder, share), samples=data, command=command_line()
        )
        show_left_out(comparison, folder_of(folder, share))
    page = write_curve_report(curve, folder, command=command_line())
    say(
        f"\nWritten: [bold]{page}[/], and beside it report.md, results.parquet, and each share's study with its report"
    )
    return curve


def _arguments(
    config: Config, data: Data, options: dict[str, Any], verbose: bool
) -> dict[str, Any]:
    """Return what a study is asked, by the configuration and by options, which go before it."""
    from multitide.cli._run import quietly
    from multitide.fitting._data_sets import resolve_domain_tasks

    with quietly():
        tasks = resolve_domain_tasks(config.tasks, data)
    split = _one_or_all(
        {name: config.tables[name].splitter(samples) for name, samples in data.items()}
    )
    shared = {"tasks": tasks, "estimator": config.make_estimator(), "split": split}
    return {**shared, **config.compare, **options, "verbose": int(verbose)}


def _one_or_all(by_name: dict[str, Any]) -> Any:
    """Return what belongs to the only data set, which is a study without names, or to each of several."""
    return by_name if len(by_name) > 1 else next(iter(by_name.values()))


def show_comparison(comparison: Comparison) -> None:
    """Show gains with their intervals and verdicts, and the losses that they come from."""
    from multitide.cli._terminal import show_note, show_table
    from multitide.study.results._tables import loss_table

    title = (
        f"Gain over {comparison.reference!r}: less loss, in units of the trivial loss (+ is better)"
    )
    show_table(gain_table(comparison), f"{title}, with its {comparison.confidence:.0%} interval")
    losses = loss_table(comparison.figures)
    show_table(losses, "Loss / trivial loss on the test part, mean ± spread over seeds")
    for arm, grouping in comparison.groupings.items():
        show_note(f"{arm}: {grouping.advice}")
    for sentence in advice_in_words(comparison.gains):
        show_note(sentence)
    if comparison.conditions is not None:
        show_conditions(comparison.conditions)


def advice_in_words(gains: pd.DataFrame) -> list[str]:
    """Say what would settle each gain; once, where all need the same."""
    if len(gains) > 1 and gains["advice"].nunique() == 1:
        advice = gains["advice"].iloc[0]
        return [f"Every task and arm: {advice}."] if advice else []
    rows = gains[["task", "arm", "advice"]].itertuples(index=False)
    return [f"{task}, {arm}: {advice}." for task, arm, advice in rows if advice]


def show_left_out(comparison: Comparison, folder: Path) -> None:
    """Say what a budget left out, and how to go on."""
    from multitide.cli._terminal import say

    if comparison.left_out:
        say(f"\n{comparison.left_out} Here: [bold]--output {folder}[/]")


def show_conditions(conditions: Conditions) -> None:
    """Show whether the conditions hold under which sharing is said to pay, a table each."""
    from multitide.cli._terminal import show_table
    from multitide.study.conditions._conditions import TITLES

    for name, rows in conditions.verdicts.groupby("condition", sort=False):
        table = rows[["task", "verdict", "words"]].replace({"task": {"": "(all)"}})
        show_table(table.rename(columns={"words": "because"}), TITLES[str(name)])


def gain_table(comparison: Comparison) -> pd.DataFrame:
    """Return one row a task and arm, and the mean over tasks where it has a meaning, in words."""
    import pandas as pd

    from multitide.study.results._tables import interval_in_words, verdict_in_words

    gains = comparison.gains
    if len(comparison.questions) > 1 and len(comparison.mean_gains):
        gains = pd.concat([gains, comparison.mean_gains.assign(task="(mean)")], ignore_index=True)
    return pd.DataFrame(
        {
            "task": gains["task"],
            "arm": gains["arm"],
            "gain": [f"{gain:+.4f}" for gain in gains["gain"]],
            "interval": [*map(interval_in_words, gains["low"], gains["high"])],
            "verdict": [
                verdict_in_words(str(verdict), comparison.margin) for verdict in gains["verdict"]
            ],
            "seeds": gains["n_seeds"],
            "labelled": gains["n_labelled"],
            "test groups": gains["n_groups"],
        }
    )


def compare_configs(
    configs: Sequence[Path], folder: Path, options: dict[str, Any], *, verbose: bool
) -> None:
    """Conduct the study of each configuration, and show what holds for each and over all; they lie in one folder."""
    from rich.markup import escape

    from multitide.cli._run import command_line, quietly
    from multitide.cli._terminal import say
    from multitide.config._load_config import load_config
    from multitide.errors import ParameterError
    from multitide.reports import write_overview
    from multitide.study import compare_many

    loaded = {
        name: load_config(path) for name, path in zip(names_of(configs), configs, strict=True)
    }
    if "label_shares" in options or any(
        "label_shares" in config.compare for config in loaded.values()
    ):
        raise ParameterError(
            "`label_shares` must be left out beside several configurations; got them."
        )
    with quietly():
        samples = {name: config.read() for name, config in loaded.items()}
    budget = options.pop("budget", None)
    data = {
        name: {
            "samples": samples[name],
            "tasks": config.tasks,
            "estimator": config.make_estimator(),
            "split": config.splitter(samples[name]),
            **{key: value for key, value in config.compare.items() if key != "budget"},
            **options,
        }
        for name, config in loaded.items()
    }
    found = compare_many(data, budget=budget, folder=folder, verbose=int(verbose))
    show_comparisons(found)
    page = write_overview(found, folder, samples=samples, command=command_line())
    say(f"\nWritten: [bold]{page}[/], report.md, results.parquet, and a folder for each data set")
    for name, study in found.studies.items():
        if study.left_out:
            say(f"{escape(name)}: {study.left_out}")


def names_of(configs: Sequence[Path]) -> list[str]:
    """Name the data sets after their files, or after their folders where files are called the same."""
    from multitide.errors import ParameterError

    candidates = [path.stem for path in configs], [path.resolve().parent.name for path in configs]
    for names in candidates:
        if len(set(names)) == len(names):
            return names
    wanted = "must have different names, or lie in folders of different names"
    raise ParameterError(f"`configs` {wanted}; got {candidates[0]}.")


def show_comparisons(found: Comparisons) -> None:
    """Show gains, losses, ranks, tests and what they tell."""
    from multitide.cli._terminal import say, show_table

    gains = found.gains[
        ["data", "task", "arm", "gain", "low", "high", "verdict", "n_seeds", "n_groups"]
    ]
    show_table(
        gains,
        f"Gain over {found.reference!r}: less loss, in units of the trivial loss (+ is better)",
    )
    show_table(
        found.losses.reset_index().rename_axis(columns=None),
        "Loss / trivial loss on the test parts",
    )
    show_table(found.standing, "Arms by mean rank over data sets and tasks (1 = least loss)")
    show_table(found.pairs, "Two by two over data sets; a plus: the first has less loss")
    say(f"\n{found.in_words()}")
