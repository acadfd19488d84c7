"""``multitide demo``: the whole path on a simulated test rig whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

    from multitide.data._samples import Samples
    from multitide.study import Comparison

# Chosen so that the truth can be seen in a minute, by looking at the verdicts of four sizes: a
# show, no evidence.
N_RUNS, LABEL_SHARE, N_SECONDS = 2400, 0.25, (24, 36)
CONFIG = """\
# Written by `multitide demo`: a simulated test rig, and four questions about each of its runs.
max_epochs = 40
batch_size = 32
lr = 0.01
random_state = 0

[data]
path = "rig.csv"          # one row a second: ten sensors
labels = "labels.csv"     # one row a run: its labels, most of them missing, and static inputs
series = "run"
time = "time"
static = ["machine_type", "age"]
ignore = ["machine"]

[split]
by = "random"             # runs of the same machines; by = "group", column = "machine" asks for new ones
test = 0.8                # a rig is simulated for nothing: much to test on, and few runs to learn from,
validation = 0.25         # as where labels are dear

[[tasks]]
name = "fault"

[[tasks]]
name = "severity"

[[tasks]]
name = "remaining_life"

[[tasks]]
name = "operator"         # unrelated to the others, by construction

[backbone]
name = "fcn"              # the default, lstm_fcn, takes longer
filters = [16, 16, 16]

[compare]
n_seeds = 5

[compare.arms]
hard = "hard"             # one network for all four
by_cause = {groups = [["fault", "severity", "remaining_life"], ["operator"]]}
"""


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(help="Where to write; multitide-demo, or with a number if that exists."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Simulate a test rig, train on it, and compare what is found with the truth; needs no file."""
    from multitide.cli._compare import run_study
    from multitide.cli._run import command_line, quietly, run
    from multitide.cli._show import show_next
    from multitide.cli._terminal import say
    from multitide.config._load_config import load_config, read_all
    from multitide.data._simulate_rig import simulate_rig
    from multitide.model._store import refuse_existing

    folder = folder or first_free(Path("multitide-demo"))
    refuse_existing(folder)
    rig = simulate_rig(N_RUNS, n_timepoints=N_SECONDS, label_share=LABEL_SHARE, random_state=0)
    config = write_data(rig, folder)
    say(
        f"A simulated test rig: [bold]{folder}/rig.csv[/], [bold]labels.csv[/]; what to do: [bold]{config}[/]"
    )
    loaded = load_config(config)
    run(loaded, folder / "run", "demo", command_line(), verbose=not quiet)
    say(
        "\nDoes sharing a network help? Every task alone, all four in one network, and as they are related ..."
    )
    with quietly():
        data = read_all(loaded)
    show_truth(run_study(loaded, data, folder / "compare", {}, verbose=not quiet))
    show_next(
        ("What sharing does, as a page", f"{folder}/compare/report.html"),
        ("The report of the run", f"{folder}/run/report.md"),
        ("The same by hand", f"multitide fit {config}"),
        ("On your own table", "multitide init YOUR.csv"),
    )


def first_free(folder: Path) -> Path:
    """Return the folder, or the first of its name with a number that does not exist."""
    names = [folder, *(folder.with_name(f"{folder.name}-{number}") for number in range(2, 1000))]
    return next(path for path in names if not path.exists())


def write_data(samples: Samples, folder: Path) -> Path:
    """Write a rig's runs and labels as a user would have them, with the configuration; return its path."""
    from multitide.errors import StoreError

    series, labels = as_tables(samples)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        series.to_csv(folder / "rig.csv", index=False)
        labels.to_csv(folder / "labels.csv", index=False)
        (folder / "multitide.toml").write_text(CONFIG, encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"`folder` must be a place that can be written; got {str(folder)!r} ({error})."
        ) from error
    return folder / "multitide.toml"


def as_tables(samples: Samples) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a rig's runs as a long table, one row a second, and what belongs to each run as another."""
    import numpy as np
    import pandas as pd

    runs = np.arange(1, len(samples) + 1)
    rows = np.concatenate(
        [start + np.arange(n) for start, n in zip(samples.starts, samples.lengths, strict=True)]
    )
    seconds = np.concatenate([np.arange(n) for n in samples.lengths]).astype("timedelta64[s]")
    series = pd.DataFrame(samples.values[rows], columns=list(samples.channels)).round(3)
    assert samples.begin is not None
    series.insert(0, "time", np.repeat(samples.begin, samples.lengths) + seconds)
    series.insert(0, "run", np.repeat(runs, samples.lengths))
    labels = pd.concat(
        [pd.DataFrame({"run": runs, "machine": samples.series}), samples.static, samples.y], axis=1
    )
    return series, labels


def show_truth(comparison: Comparison) -> None:
    """Show the verdicts beside what is true about each task by construction."""
    from multitide.cli._terminal import show_table
    from multitide.data._rig_truth import rig_truth

    truth = rig_truth()
    gains = comparison.gains.assign(
        found=lambda g: g["verdict"] + " (" + g["gain"].map("{:+.3f}".format) + ")"
    )
    table = gains.pivot(index="task", columns="arm", values="found").reindex(
        columns=comparison.arms[1:]
    )
    table = table.reindex([task.name for task in comparison.tasks]).fillna("as alone")
    causes = [
        ", ".join(
            other for pair in truth.related if task in pair for other in pair if other != task
        )
        for task in table.index
    ]
    table["truth: shares its hidden cause with"] = [cause or "no other task" for cause in causes]
    show_table(
        table.rename_axis(columns=None).reset_index(),
        "Found, and true: what sharing does to each task",
    )
