"""``multitide demo``: the whole path on a simulated test rig whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

    from multitide.samples import Samples
    from multitide.study import Comparison

CONFIG = """\
# Written by `multitide demo`: a simulated test rig, four questions about each of its runs.
max_epochs = 15
random_state = 0

[data]
path = "rig.csv"          # one row a second: ten sensors
labels = "labels.csv"     # one row a run: labels, some of them missing, and static inputs
series = "run"
time = "time"
static = ["machine_type", "age"]
extra = ["machine"]       # kept for the split

[split]
by = "group"              # whole machines are held out: what will a new machine show?
column = "machine"
test = 0.3

[[tasks]]
name = "fault"

[[tasks]]
name = "severity"

[[tasks]]
name = "remaining_life"

[[tasks]]
name = "operator"         # unrelated to the others, by construction

[backbone]
name = "lstm_fcn"
filters = [32, 32, 16]

[compare]
arms = ["alone", "hard"]
n_seeds = 5
"""


def demo(
    folder: Annotated[
        Path | None, typer.Option(help="Where to write; multitide-demo, or with a number if that exists.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Simulate a test rig, train on it, and compare what is found with the truth; needs no file."""
    from multitide.cli.compare import run_study
    from multitide.cli.run import command_line, run
    from multitide.cli.show import show_next
    from multitide.cli.terminal import say
    from multitide.config_file import load_config
    from multitide.simulate import simulate_rig
    from multitide.store import refuse_existing

    folder = folder or first_free(Path("multitide-demo"))
    refuse_existing(folder)
    config = write_data(simulate_rig(300, label_share=0.5, random_state=0), folder)
    say(f"A simulated test rig: [bold]{folder}/rig.csv[/], [bold]labels.csv[/]; what to do: [bold]{config}[/]")
    loaded = load_config(config)
    run(loaded, folder / "run", "demo", command_line(), verbose=not quiet)
    say("\nDoes sharing a network help? Every task alone, and all four in one network, five times each ...")
    show_truth(run_study(loaded, folder / "compare", "demo", {}, verbose=not quiet))
    show_next(
        ("The report", f"{folder}/run/report.md"),
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
        raise StoreError(f"`folder` must be a place that can be written; got {str(folder)!r} ({error}).") from error
    return folder / "multitide.toml"


def as_tables(samples: Samples) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a rig's runs as a long table, one row a second, and what belongs to each run as another."""
    import numpy as np
    import pandas as pd

    runs = np.arange(1, len(samples) + 1)
    rows = np.concatenate([start + np.arange(n) for start, n in zip(samples.starts, samples.lengths, strict=True)])
    seconds = np.concatenate([np.arange(n) for n in samples.lengths]).astype("timedelta64[s]")
    series = pd.DataFrame(samples.values[rows], columns=list(samples.channels)).round(3)
    assert samples.begin is not None
    series.insert(0, "time", np.repeat(samples.begin, samples.lengths) + seconds)
    series.insert(0, "run", np.repeat(runs, samples.lengths))
    labels = pd.concat([pd.DataFrame({"run": runs, "machine": samples.series}), samples.static, samples.y], axis=1)
    return series, labels


def show_truth(comparison: Comparison) -> None:
    """Show each verdict beside what is true about the task by construction."""
    import pandas as pd

    from multitide.cli.compare import gain_table
    from multitide.cli.terminal import show_table
    from multitide.simulate import rig_truth

    truth = rig_truth()
    related = {task: [*(a for a, b in truth.related if b == task), *(b for a, b in truth.related if a == task)]
               for task in truth.correlation}
    found = gain_table(comparison).query("task in @related")
    causes = [", ".join(related[task]) or "none: unrelated by construction" for task in found["task"]]
    table = pd.DataFrame({"task": found["task"], "sharing": found["verdict"], "gain": found["gain"], "truth": causes})
    show_table(table.rename(columns={"truth": "truth: shares its hidden cause with"}), "Found, and true")
