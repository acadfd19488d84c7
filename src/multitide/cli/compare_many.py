"""``multitide compare A.toml B.toml ...``: the same arms on several data sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multitide.study import Comparisons


def compare_configs(configs: Sequence[Path], folder: Path, options: dict[str, Any], *, verbose: bool) -> None:
    """Conduct the study of each configuration, and show what holds for each and over all; they lie in one folder."""
    from rich.markup import escape

    from multitide.cli.run import command_line, quietly
    from multitide.cli.terminal import say
    from multitide.config_file import load_config
    from multitide.errors import ParameterError
    from multitide.reporting import write_overview
    from multitide.study import compare_many

    loaded = {name: load_config(path) for name, path in zip(names_of(configs), configs, strict=True)}
    if "label_shares" in options or any("label_shares" in config.compare for config in loaded.values()):
        raise ParameterError("`label_shares` must be left out beside several configurations; got them.")
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
    from multitide.cli.terminal import say, show_table

    gains = found.gains[["data", "task", "arm", "gain", "low", "high", "verdict", "n_seeds", "n_groups"]]
    show_table(gains, f"Gain over {found.reference!r}: less loss, in units of the trivial loss (+ is better)")
    show_table(found.losses.reset_index().rename_axis(columns=None), "Loss / trivial loss on the test parts")
    show_table(found.standing, "Arms by mean rank over data sets and tasks (1 = least loss)")
    show_table(found.pairs, "Two by two over data sets; a plus: the first has less loss")
    say(f"\n{found.in_words()}")
