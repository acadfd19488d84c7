"""``multitide tune``: search for settings with a low validation loss, within a time budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from multitide.cli._arguments import Address, Engine, Quiet, engine_options

if TYPE_CHECKING:
    from multitide.config._config import Config
    from multitide.data._samples import Samples
    from multitide.tuning import Tuning

BEST = "best.toml"


def tune(
    config: Annotated[
        Path,
        typer.Argument(help="Configuration file (.toml) that the search starts from."),
    ],
    budget: Annotated[
        str | None, typer.Option(help="Total time, such as 30m or 2h. Default: 30m.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(help="Maximum number of trials, including the start.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(help="Number of processes. Default: one per core, at most 8."),
    ] = None,
    engine: Engine = None,
    address: Address = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder of the search; an existing search is resumed."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Search for better settings on the validation set, and write the best configuration.

    It searches backbone, sharing, weighting and learning rate. [tune.space] in the configuration
    changes what is searched.
    """
    from multitide._folder_kinds import SEARCH_FORMAT
    from multitide.cli._arguments import growing_folder, quoted
    from multitide.cli._show import show_next, show_tasks
    from multitide.cli._terminal import quietly
    from multitide.cli._termination import ended_by_signals
    from multitide.config._load_config import load_config
    from multitide.tasks import describe_tasks

    options: dict[str, object] = {**engine_options(engine, address)}
    for name, value in (("budget", budget), ("n_trials", trials), ("n_jobs", jobs)):
        if value is not None:
            options[name] = value
    loaded = load_config(config)
    _refuse_validation(loaded)
    folder = growing_folder(output, f"{config.stem}-tune", SEARCH_FORMAT)
    with quietly():
        samples = loaded.read()
    show_tasks(describe_tasks(loaded.tasks, samples.y))
    with ended_by_signals(folder):
        run_search(loaded, samples, folder, options, verbose=not quiet)
    more = "--budget 2h"
    n_trials = trials or loaded.tune.get("n_trials")
    if n_trials is not None:
        # A longer budget alone would not add trials.
        more += f" --trials {2 * n_trials}"
    show_next(
        ("Train a model with these settings", f"multitide fit {quoted(folder / BEST)}"),
        (
            "Continue the search",
            f"multitide tune {quoted(config)} --output {quoted(folder)} {more}",
        ),
    )


def run_search(
    config: Config,
    samples: Samples,
    folder: Path,
    options: dict[str, object],
    *,
    verbose: bool,
) -> None:
    """Run the search of a configuration, show the result, and write it to `folder`."""
    from multitide._result_folder import writable, write_file
    from multitide.cli._arguments import command_line
    from multitide.cli._terminal import bold, quietly, say
    from multitide.reports import write_tuning_report
    from multitide.tasks import resolve_tasks
    from multitide.tuning import tune as search

    with quietly():
        tasks = resolve_tasks(config.tasks, samples.y)
    tuning = search(
        samples,
        tasks,
        estimator=config.make_estimator(),
        split=config.splitter(samples),
        folder=folder,
        verbose=int(verbose),
        **{**config.tune, **options},
    )
    show_tuning(tuning)
    best = config.changed(**tuning.settings)
    with writable(folder):
        write_file(folder / BEST, f"# {tuning.headline}\n{best.to_toml()}")
    page = write_tuning_report(tuning, folder, best=BEST, command=command_line())
    others = ", report.md, trials.parquet, metrics.parquet"
    say("\nWritten: ", bold(folder / BEST), ", ", bold(page), others)


def show_tuning(tuning: Tuning) -> None:
    """Show the best trials, which settings mattered, and the metrics on the test set."""
    import pandas as pd

    from multitide.cli._terminal import say, show_table
    from multitide.reports._write_tuning_report import metric_rows

    title = "Best trials by validation loss / trivial loss, mean over tasks (trial 0 is the start)"
    show_table(tuning.best_trials(), title)
    if tuning.importances:
        names, shares = zip(*tuning.importances.items(), strict=True)
        table = pd.DataFrame({"setting": names, "share": shares})
        show_table(
            table, "Share of the loss's variance over trials that each setting explains"
        )
    names_shown = {"n_labelled": "labelled", "better": "better is"}
    metrics = pd.DataFrame(metric_rows(tuning.metrics)).rename(columns=names_shown)
    is_first = ~metrics["task"].duplicated()
    short = metrics[is_first | (metrics["metric"] == "loss")]
    show_table(short, "Test set: one network each, measured once after the search")
    say(f"\n{tuning.in_words()}")


def _refuse_validation(config: Config) -> None:
    from multitide.errors import ParameterError

    if "validation" in config.estimator:
        raise ParameterError(
            "`validation` must be left out of a "
            "configuration that is tuned, because settings "
            "are chosen on the validation set of the split: "
            "[split] validation = 0.15."
        )
