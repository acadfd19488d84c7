"""Do the true relations between the tasks of the simulated rig show on new draws of the rig?

    python benchmarks/rig_draws.py [--draws 12] [--seeds 3] [--arms hard ...] [--folder F] [--jobs
    N]

A gain of sharing.py holds for one training set: its interval covers seeds and test machines. With
70 labels per task, it matters which 70. Here the whole rig is drawn anew: machines, runs, labels,
initial weights and test machines. The mean gain over the seeds of a draw counts once. Draws are
independent, so intervals are Student's over draws; p values are adjusted for the number of sharings
(Holm). The settings are those of sharing.py, whose own draw, 0, is left out. Every run is stored as
soon as it is finished (--folder, by default runs/rig_draws).

Expected time: with --arms hard, one minute per draw on two cores.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from multitide import compare
from multitide.engines._default_n_jobs import default_n_jobs
from multitide.reports._pages import markdown_table
from multitide.reports.study._sentences import MARKS
from multitide.sharing import SHARINGS
from multitide.study.results._adjusted_p_values import holm
from multitide.study.results._verdicts import CANNOT_TELL, HELPS, HURTS
from sharing import ROOT, relatives, rig

LEVEL = 0.05


def gains_of_draw(draw: int, options: argparse.Namespace) -> pd.DataFrame:
    """Run or resume the study of one draw; return its gains: arm, task, gain."""
    samples, split, estimator = rig(draw)
    comparison = compare(
        samples,
        estimator=estimator,
        arms={name: {"sharing": name} for name in options.arms},
        n_seeds=options.seeds,
        split=split,
        n_jobs=options.jobs,
        folder=options.folder / str(draw),
    )
    return comparison.gains[["arm", "task", "gain"]].assign(draw=draw)


def over_draws(gains: pd.DataFrame) -> pd.DataFrame:
    """Return one row per arm and task: mean gain over draws, interval, verdict, and count."""
    rows = []
    for (task, arm), found in gains.groupby(["task", "arm"], sort=False):
        values = found["gain"].to_numpy()
        error, dof = values.std(ddof=1) / np.sqrt(len(values)), len(values) - 1
        half = error * stats.t.ppf(1 - LEVEL / 2, dof)
        p = 2 * stats.t.sf(abs(values.mean()) / error, dof)
        row = {
            "task": task,
            "arm": arm,
            "gain": values.mean(),
            "low": values.mean() - half,
            "high": values.mean() + half,
        }
        rows.append(
            row | {"p": p, "n_up": int((values > 0).sum()), "n_draws": len(values)}
        )
    table = pd.DataFrame(rows)
    table["p_holm"] = table.groupby("task", sort=False)["p"].transform(holm)
    signs = np.where(table["gain"] > 0, HELPS, HURTS)
    return table.assign(verdict=np.where(table["p_holm"] < LEVEL, signs, CANNOT_TELL))


def table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return one row per task: its related tasks, and the gain of each way of sharing."""
    rows = []
    for task, found in summary.groupby("task", sort=False):
        row = {"task": task, "related to": ", ".join(relatives(str(task))) or "none"}
        rows.append(
            row | {str(arm["arm"]): _cell(arm) for arm in found.to_dict("records")}
        )
    return pd.DataFrame(rows)


def _cell(row: dict[str, object]) -> str:
    interval = "{gain:+.3f} [{low:+.3f}, {high:+.3f}]".format(**row)
    return f"{interval} {MARKS[str(row['verdict'])]}, {row['n_up']} of {row['n_draws']}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--arms",
        nargs="+",
        choices=[*SHARINGS],
        default=[name for name in SHARINGS if name != "none"],
    )
    parser.add_argument("--jobs", type=int, default=default_n_jobs("cpu"))
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "rig_draws")
    options = parser.parse_args()
    logging.getLogger("multitide").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    gains = pd.concat(
        [gains_of_draw(draw, options) for draw in range(1, options.draws + 1)],
        ignore_index=True,
    )
    options.folder.mkdir(parents=True, exist_ok=True)
    gains.to_csv(options.folder / "gains.csv", index=False)
    print(
        f"{options.draws} draws of {options.seeds} seeds each; "
        "mean gain, interval over draws, how many draws gain:\n"
    )
    print(markdown_table(table(over_draws(gains))))


if __name__ == "__main__":
    main()
