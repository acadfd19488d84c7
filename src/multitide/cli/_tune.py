"""``multitide tune``: settings with a low validation loss, found within a budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from multitide.config._config import Config
    from multitide.data._samples import Samples
    from multitide.tuning import Tuning

BEST = "best.toml"


def tune(
    config: Annotated[
        Path, typer.Argument(help="A configuration (.toml); it is where the search starts.")
    ],
    budget: Annotated[
        str | None, typer.Option(help="Time for all of it, as 30m or 2h; 30m without it.")
    ] = None,
    trials: Annotated[int | None, typer.Option(help="The most trials, the start included.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes; one a core without it.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="The search's folder; one that exists already is resumed.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Search for settings on the validation part, and write the best configuration.

    Backbone, sharing, weighting and how to learn; `tune.space` in the configuration says what else,
    or what not.
    """
    from multitide.cli._run import claim, quietly
    from multitide.cli._show import show_next, show_tasks
    from multitide.config._load_config import load_config
    from multitide.tasks import describe_tasks

    options = {"budget": budget, "n_trials": trials, "n_jobs": jobs}
    given = {name: value for name, value in options.items() if value is not None}
    loaded = load_config(config)
    _refuse_own_rule(loaded)
    folder = (
        output if output is not None and output.exists() else claim(output, f"{config.stem}-tune")
    )
    with quietly():
        samples = loaded.read()
    show_tasks(describe_tasks(loaded.tasks, samples.y))
    run_search(loaded, samples, folder, given, verbose=not quiet)
    most = given.get("n_trials", loaded.tune.get("n_trials"))
    more = (
        "--budget 2h" if most is None else f"--budget 2h --trials {2 * most}"
    )  # the smaller of both ends a search
    show_next(
        ("A model with these settings", f"multitide fit {folder / BEST}"),
        ("More trials", f"multitide tune {config} --output {folder} {more}"),
    )


def run_search(
    config: Config, samples: Samples, folder: Path, options: dict[str, Any], *, verbose: bool
) -> Tuning:
    """Conduct the search that a configuration asks for, show it, and return it; it lies in its folder then."""
    from multitide.cli._run import command_line, quietly
    from multitide.cli._terminal import say
    from multitide.reports import write_tuning_report
    from multitide.tasks import resolve_tasks
    from multitide.tuning import tune as conduct

    with quietly():
        tasks = resolve_tasks(config.tasks, samples.y)
    arguments = {
        "split": config.splitter(samples),
        **config.tune,
        **options,
        "verbose": int(verbose),
    }
    tuning = conduct(samples, tasks, estimator=config.make_estimator(), folder=folder, **arguments)
    show_tuning(tuning)
    best = config.changed(**tuning.settings)
    (folder / BEST).write_text(f"# {tuning.headline}\n{best.to_toml()}", encoding="utf-8")
    page = write_tuning_report(tuning, folder, best=BEST, command=command_line())
    say(
        f"\nWritten: [bold]{folder / BEST}[/], [bold]{page}[/], report.md, trials.parquet, metrics.parquet"
    )
    return tuning


def show_tuning(tuning: Tuning) -> None:
    """Show the best trials, what mattered, the figures of the test part, and what they are worth."""
    import pandas as pd

    from multitide.cli._terminal import say, show_table
    from multitide.reports._write_tuning_report import metric_rows

    title = "Best trials by validation loss / trivial loss, mean over tasks; trial 0 is the start"
    show_table(tuning.best_trials(), title)
    if tuning.importances:
        shares = pd.DataFrame(
            {"setting": list(tuning.importances), "share": [*tuning.importances.values()]}
        )
        show_table(shares, "Share of the loss's variance over trials that a setting explains")
    figures = pd.DataFrame(metric_rows(tuning.metrics))
    short = figures[
        ~figures["task"].duplicated() | (figures["metric"] == "loss")
    ]  # each task's headline, and its loss
    show_table(short, "Test part: one network each, measured once after the search")
    say(f"\n{tuning.in_words()}")


def _refuse_own_rule(config: Config) -> None:
    from multitide.errors import ParameterError

    if "validation" in config.estimator:
        raise ParameterError(
            "`validation` must be left out of a configuration that is tuned; the validation part of the split chooses: "
            "[split] validation = 0.15."
        )
