"""``multitide demo``: the whole workflow on a simulated test rig whose truth is known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from multitide.cli._arguments import Quiet

if TYPE_CHECKING:
    import pandas as pd

    from multitide.data._samples import Samples
    from multitide.study import Comparison

# Chosen after looking at the verdicts for four sizes, so that the truth is visible within a minute:
# a demonstration, not evidence.
N_RUNS, LABEL_SHARE, N_SECONDS = 2400, 0.25, (24, 36)
CONFIG = """\
# Written by `multitide demo`: a simulated test rig, and four labels of each of its runs.
max_epochs = 40
batch_size = 32
lr = 0.01
random_state = 0

[data]
path = "rig.csv"          # one row per second: ten sensors
labels = "labels.csv"     # one row per run: labels, most of them missing, and static inputs
series = "run"
time = "time"
static = ["machine_type", "age"]
ignore = ["machine"]

[split]
by = "random"             # same machines; for new ones: by = "group", column = "machine"
test = 0.8                # simulated runs are free, so that most can be test runs;
validation = 0.25         # few are used for training, as where labels are expensive

[[tasks]]
name = "fault"

[[tasks]]
name = "severity"

[[tasks]]
name = "remaining_life"

[[tasks]]
name = "operator"         # unrelated to the others, by construction

[backbone]
name = "fcn"              # faster than the default, lstm_fcn
filters = [16, 16, 16]

[compare]
n_seeds = 10

[compare.arms]
hard = "hard"             # one network for all four
by_cause = {groups = [["fault", "severity", "remaining_life"], ["operator"]]}
"""


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write. Default: multitide-demo, numbered if it exists."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Train on a simulated test rig and compare the results with the truth.

    No file is needed.
    """
    from multitide._result_folder import check_can_be_made
    from multitide.cli._arguments import quoted
    from multitide.cli._compare import run_study
    from multitide.cli._fit import fit_and_show
    from multitide.cli._show import show_next
    from multitide.cli._terminal import bold, quietly, say
    from multitide.config._load_config import load_config
    from multitide.data._simulate_rig import simulate_rig

    folder = folder or first_free(Path("multitide-demo"))
    check_can_be_made(folder)
    rig = simulate_rig(
        N_RUNS, n_timepoints=N_SECONDS, label_share=LABEL_SHARE, random_state=0
    )
    config = write_data(rig, folder)
    say("Simulated test rig: ", bold(folder / "rig.csv"), ", ", bold("labels.csv"))
    say("Configuration: ", bold(config))
    loaded = load_config(config)
    fit_and_show(loaded, folder / "run", "demo", verbose=not quiet)
    say(
        "\nDoes sharing a network help? Comparing "
        "one network per task, one for all four, "
        "and one per group of related tasks ..."
    )
    with quietly():
        data = loaded.read_all()
    show_truth(run_study(loaded, data, folder / "compare", {}, verbose=not quiet))
    export_run(folder, rig)
    show_next(
        ("Report of the comparison", f"{folder}/compare/report.html"),
        ("Report of the run", f"{folder}/run/report.html"),
        ("Train again yourself", f"multitide fit {quoted(config)}"),
        ("Start with your own table", "multitide init YOUR.csv"),
    )


def export_run(folder: Path, rig: Samples) -> None:
    """Export the model of the run, and say how nearly the file predicts what the model does."""
    from multitide._load import load
    from multitide.cli._terminal import bold, say
    from multitide.errors import MissingDependencyError
    from multitide.exporting._export import export
    from multitide.exporting._onnx_engine import OnnxEngine
    from multitide.exporting._relative_error import relative_error

    model, path = load(folder / "run"), folder / "model.onnx"
    try:
        export(model, path)
    except MissingDependencyError:
        say(
            "With the extra `onnx`, "
            f"`multitide export {folder}/run model.onnx` makes a file of the model "
            "that predicts without torch."
        )
        return
    engine = OnnxEngine(path.read_bytes(), model, model.data_[0])
    found = engine(rig)
    largest = 0.0
    for task, expected in model.decode(rig).items():
        error = relative_error(model.targets_.target(task), expected, found[task])
        largest = max(largest, float(error.max()))
    say(
        "Exported: ",
        bold(path),
        f". Its predictions of all {len(rig):,} runs are those of the model "
        f"(largest relative difference {largest:.0e}).",
    )


def first_free(folder: Path) -> Path:
    """Return the folder, or the first of that name with a number, that does not exist."""
    free, number = folder, 2
    while free.exists():
        free = folder.with_name(f"{folder.name}-{number}")
        number += 1
    return free


def write_data(samples: Samples, folder: Path) -> Path:
    """Write the tables and the configuration of a rig; return the path of the latter."""
    from multitide._result_folder import new_folder

    series, labels = as_tables(samples)
    with new_folder(folder) as draft:
        series.to_csv(draft / "rig.csv", index=False)
        labels.to_csv(draft / "labels.csv", index=False)
        (draft / "multitide.toml").write_text(CONFIG, encoding="utf-8")
    return folder / "multitide.toml"


def as_tables(samples: Samples) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a rig's runs as a table with one row per second, and as one with one row per run."""
    import numpy as np
    import pandas as pd

    if samples.begin is None:
        raise ValueError("the runs must have times")
    runs = np.arange(1, len(samples) + 1)
    steps = []
    for length in samples.lengths:
        steps.append(np.arange(length))
    rows = np.concatenate(
        [start + step for start, step in zip(samples.starts, steps, strict=True)]
    )
    seconds = np.concatenate(steps).astype("timedelta64[s]")
    series = pd.DataFrame(samples.values[rows], columns=list(samples.channels)).round(3)
    series.insert(0, "time", np.repeat(samples.begin, samples.lengths) + seconds)
    series.insert(0, "run", np.repeat(runs, samples.lengths))
    origin = pd.DataFrame({"run": runs, "machine": samples.series})
    return series, pd.concat([origin, samples.static, samples.y], axis=1)


def show_truth(comparison: Comparison) -> None:
    """Show the verdicts next to the tasks that are truly related."""
    from multitide.cli._terminal import show_table
    from multitide.data._rig_truth import rig_truth
    from multitide.tasks import task_names

    gains = comparison.gains
    verdicts = gains["verdict"] + " (" + gains["gain"].map("{:+.3f}".format) + ")"
    table = gains.assign(found=verdicts).pivot(
        index="task", columns="arm", values="found"
    )
    names = task_names(comparison.tasks)
    table = table.reindex(names, columns=comparison.arms[1:]).fillna("as alone")
    related = rig_truth().related
    partners = []
    for name in names:
        partners.append(_partners(name, related))
    table["truth: shares its hidden cause with"] = partners
    title = "Found and true: the effect of sharing on each task"
    show_table(table.rename_axis(columns=None).reset_index(), title)


def _partners(task: str, related: Iterable[tuple[str, str]]) -> str:
    partners = []
    for pair in related:
        if task in pair:
            for other in pair:
                if other != task:
                    partners.append(other)
    return ", ".join(partners) or "no other task"
