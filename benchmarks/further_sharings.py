"""Are MMoE, PLE and trace-norm sharing worth a place in the package? Choose on validation, test once, go by a rule.

    python benchmarks/further_sharings.py [--only rig ...] [--budget 55m] [--jobs N] [--folder F]

Protocol, written before any test figure was seen:

- Data, networks, budgets, splits and seeds are those of sharing.py (its CASES and SEEDS: 5, and 20
  on the rig).
- Candidates are those of further_parts.py. MMoE and PLE are compared with `hard`, which they are
  beside their experts; trace norm with `soft`, which also has a backbone a task.
- Sizes: experts have 16 units, and 4 on the hydraulic rig, whose backbone gives 832 features, so
  that no network with experts has more than 2.2 times the parameters of `hard`. With 4 units the
  validation losses there were 0.49, those of `hard` about 0.28; so "wider" settings were added to
  GRID (MMoE 16 units, still within 2.2 times; PLE 8, 2.8 times), when validation losses had been
  seen and no test figure of a candidate.
- One setting a candidate, for all data sets, as a package would have it: the one of GRID with the
  least mean of the validation losses over the four data sets, with two seeds of their own (1000 and
  1001). The references have the package's defaults and no such choice, which favours the
  candidates.
- RULE: a candidate is taken into the package if its mean gain over its reference is above 0 on at
  least two of the four data sets and below 0 on none, by the package's verdicts, with p values
  adjusted (Holm) for the three candidates.
- A control, added when these test figures had been seen: trace norm passed the rule against `soft`
  with its default strength, which nobody had chosen. `soft_chosen` is `soft` with a strength of the
  same grid, chosen in the same way. A candidate that passes is taken only if the rule holds against
  its control as well.

Both phases keep every finished run in --folder (by default runs/further_sharings), so the same
command goes on where it stopped; --budget is for the whole command, and seeds that do not fit are
left for the next one, whatever came out. The runs of `hard` and `soft` may be copied from
sharing.py's folder (NAME/runs to test/NAME/runs) instead of being done again: a run is named by all
that decides it. Writes choice.md and NAME.md a data set.

Expected: about 25 minutes on two cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from further_parts import PLE, MMoE, TraceNorm

from multitide import Comparison, compare
from multitide.reports._run import markdown_table
from multitide.sharing import Sharing, Soft
from multitide.study.design._test_groups import MIN_GROUPS
from multitide.study.results._verdicts import (
    CANNOT_TELL,
    HELPS,
    HURTS,
    MARGIN,
    MIN_RUNS,
    SAME,
    holm,
)
from multitide.study.runs._timing import parse_budget
from multitide.study.runs._workers import default_n_jobs
from sharing import CASES, GROUPS, N_SEEDS, ROOT, SEEDS, TITLES

# Settings of each candidate: the part, and the units of an expert on the hydraulic rig.
GRID: dict[str, dict[str, tuple[Sharing, int]]] = {
    "mmoe": {
        "2 experts": (MMoE(n_experts=2), 4),
        "4 experts": (MMoE(n_experts=4), 4),
        "2 experts, wider": (MMoE(n_experts=2), 16),
    },
    "ple": {
        "1 own, 1 shared": (PLE(), 4),
        "1 own, 2 shared": (PLE(n_shared=2), 4),
        "1 own, 1 shared, 2 levels": (PLE(n_levels=2), 4),
        "1 own, 1 shared, wider": (PLE(), 8),
    },
    "trace_norm": {
        "0.0001": (TraceNorm(strength=0.0001, same_start=False), 0),
        "0.001": (TraceNorm(strength=0.001, same_start=False), 0),
        "0.01": (TraceNorm(strength=0.01, same_start=False), 0),
        "0.001, same start": (TraceNorm(strength=0.001, same_start=True), 0),
    },
    "soft_chosen": {
        "0.0001": (Soft(strength=0.0001), 0),
        "0.001": (Soft(strength=0.001), 0),
        "0.01": (Soft(strength=0.01), 0),
    },
}
REFERENCES = {"mmoe": "hard", "ple": "hard", "trace_norm": "soft"}
CONTROLS = {"trace_norm": "soft_chosen"}
# Rows of a table: an arm, and the one that it is compared with.
ROWS = [
    *(("hard", ""), ("mmoe", "hard"), ("ple", "hard"), ("soft", ""), ("trace_norm", "soft")),
    *(("soft_chosen", "soft"), ("trace_norm", "soft_chosen")),
]
MANY_FEATURES = ("hydraulic", "hydraulic_few")
CHOICE_SEEDS, FIRST = 2, 1000
LEVEL = 0.05


# -- choosing, on validation -----------------------------------------------------------------------


def of_size(setting: tuple[Sharing, int], case: str) -> Sharing:
    """Return a candidate with experts of the case's size."""
    part, units = setting
    return dataclasses.replace(part, n_units=units) if units and case in MANY_FEATURES else part


def validation_losses(case: str, options: argparse.Namespace) -> pd.Series:
    """Return for every setting of every candidate the mean validation loss over tasks and seeds; NaN: it failed."""
    samples, split, estimator = CASES[case]()
    settings = {
        (name, label): of_size(grid[label], case) for name, grid in GRID.items() for label in grid
    }
    comparison = compare(
        samples,
        estimator=estimator.set_params(random_state=FIRST),
        arms={f"{name}: {label}": {"sharing": part} for (name, label), part in settings.items()},
        reference="{}: {}".format(*next(iter(settings))),
        n_seeds=CHOICE_SEEDS,
        split=split,
        groups=GROUPS.get(case),
        n_jobs=options.jobs,
        folder=options.folder / "choice" / case,
    )
    losses = comparison.runs.pivot(index="arm", columns="seed", values="validation_loss").mean(
        axis=1, skipna=False
    )
    found = {place: losses["{}: {}".format(*place)] for place in settings}
    return pd.Series(found).rename(case)


def chosen(losses: pd.DataFrame) -> str:
    """Return the setting (column) with the least mean loss over data sets (rows), of those that failed on none."""
    return str(losses.mean(skipna=False).idxmin())


def choose(options: argparse.Namespace) -> dict[str, str]:
    """Return each candidate's setting, from choice.json if it was chosen before."""
    kept = options.folder / "choice.json"
    if not kept.exists():
        table = pd.DataFrame([validation_losses(case, options) for case in CASES])
        choice = {name: chosen(table[name]) for name in GRID}
        rows = table.T.assign(mean=table.mean(skipna=False)).round(4)
        rows = rows.rename_axis(["candidate", "setting"]).reset_index()
        rows["chosen"] = [choice[row.candidate] == row.setting for row in rows.itertuples()]
        (options.folder / "choice.md").write_text(markdown_table(rows), encoding="utf-8")
        kept.write_text(json.dumps(choice, indent=1), encoding="utf-8")
    return dict(json.loads(kept.read_text(encoding="utf-8")))


# -- testing, once ---------------------------------------------------------------------------------


def study(
    case: str, choice: Mapping[str, str], options: argparse.Namespace, seconds: float
) -> Comparison:
    """Conduct, or take up, the study of a data set; `hard` is its reference."""
    samples, split, estimator = CASES[case]()
    arms: dict[str, Any] = {reference: reference for reference in REFERENCES.values()}
    arms |= {name: {"sharing": of_size(grid[choice[name]], case)} for name, grid in GRID.items()}
    return compare(
        samples,
        estimator=estimator,
        arms=arms,
        reference="hard",
        n_seeds=SEEDS.get(case, N_SEEDS),
        split=split,
        groups=GROUPS.get(case),
        budget=seconds,
        n_jobs=options.jobs,
        folder=options.folder / "test" / case,
    )


def judged(gains: pd.DataFrame) -> pd.DataFrame:
    """Return mean gains with the package's verdicts, p values adjusted for the three candidates."""
    p = holm(gains["p"])
    told = (
        (gains["n_seeds"] * gains["n_folds"] >= MIN_RUNS)
        & (gains["n_groups"] >= MIN_GROUPS)
        & ~np.isnan(p)
    )
    same = gains[["low", "high"]].abs().max(axis=1) < MARGIN
    sided = np.where(gains["gain"] > 0, HELPS, HURTS)
    verdict = np.select([~told, same, p < LEVEL], [CANNOT_TELL, SAME, sided], CANNOT_TELL)
    return gains.assign(p_holm=p, verdict=verdict)


def is_taken(verdicts: Sequence[str]) -> bool:
    """Return what the rule says of a candidate with these verdicts, one a data set."""
    return list(verdicts).count(HELPS) >= 2 and HURTS not in verdicts


def mean_gains(comparison: Comparison, references: Mapping[str, str]) -> pd.DataFrame:
    """Return each candidate's mean gain over its reference, judged together."""
    rows = [
        gains[gains["arm"] == name]
        for name, reference in references.items()
        for gains in [comparison.against(reference).mean_gains]
    ]
    return judged(pd.concat(rows, ignore_index=True))


# -- tables ----------------------------------------------------------------------------------------


def table(comparison: Comparison, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return a row an arm: gains over its reference with their 95 % intervals, p, seconds and parameters."""
    spent = (
        comparison.runs[comparison.runs["status"] == "done"]
        .groupby("arm")[["seconds", "n_parameters"]]
        .mean()
    )
    p = verdicts.set_index("arm")["p_holm"]
    rows = []
    for arm, reference in ROWS:
        found = comparison.against(reference or "hard")
        row: dict[str, Any] = {"arm": arm, "against": reference or "-"}
        for task in comparison.tasks:
            row[task.name] = _gain(found.gains, arm=arm, task=task.name) if reference else "-"
        row["mean gain"] = _gain(found.mean_gains, arm=arm) if reference else "-"
        row["p (Holm)"] = f"{p[arm]:.2g}" if REFERENCES.get(arm) == reference else "-"
        row["seconds"] = f"{spent['seconds'].get(arm, np.nan):.1f}"
        row["parameters"] = f"{spent['n_parameters'].get(arm, np.nan):,.0f}"
        rows.append(row)
    return pd.DataFrame(rows)


def _gain(gains: pd.DataFrame, **where: str) -> str:
    for column, value in where.items():
        gains = gains[gains[column] == value]
    return (
        "-"
        if gains.empty
        else "{:+.3f} [{:+.3f}, {:+.3f}]".format(*gains[["gain", "low", "high"]].iloc[0])
    )


def page(case: str, comparison: Comparison, verdicts: pd.DataFrame) -> str:
    """Return the table of one data set, and what it rests on, in Markdown."""
    runs = comparison.runs
    seeds = runs[runs["status"] == "done"].groupby("arm")["seed"].nunique().min()
    failed = int((runs["status"] != "done").sum())
    rests = f"{seeds} seeds, {comparison.test['group'].nunique()} test groups"
    rests += f"; {failed} fits failed or were left out." if failed else "."
    return f"### {TITLES[case]}\n\n{rests}\n\n{markdown_table(table(comparison, verdicts))}\n"


def outcome(verdicts: Mapping[str, pd.DataFrame], references: Mapping[str, str]) -> pd.DataFrame:
    """Return a row a candidate: its mean gain and verdict on every data set, and what the rule says."""
    rows = []
    for name, reference in references.items():
        found = {case: table.set_index("arm").loc[name] for case, table in verdicts.items()}
        said = {case: f"{row['gain']:+.3f} {row['verdict']}" for case, row in found.items()}
        passes = (
            "passes"
            if is_taken([str(row["verdict"]) for row in found.values()])
            else "does not pass"
        )
        rows.append({"candidate": name, "against": reference, **said, "rule": passes})
    return pd.DataFrame(rows)


# -- the command -----------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), metavar="DATASET")
    parser.add_argument("--budget", default="55m", help="of the whole command")
    parser.add_argument("--jobs", type=int, default=default_n_jobs("cpu"))
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "further_sharings")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("multitide").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    started, verdicts, controlled = time.perf_counter(), {}, {}
    ends = started + parse_budget(options.budget)
    choice = choose(options)
    print((options.folder / "choice.md").read_text(encoding="utf-8"), flush=True)
    for case in options.only:
        comparison = study(case, choice, options, max(1.0, ends - time.perf_counter()))
        verdicts[case], controlled[case] = (
            mean_gains(comparison, over) for over in (REFERENCES, CONTROLS)
        )
        text = page(case, comparison, verdicts[case])
        (options.folder / f"{case}.md").write_text(text, encoding="utf-8")
        print(text, flush=True)
    if set(verdicts) == set(CASES):
        text = markdown_table(
            pd.concat([outcome(verdicts, REFERENCES), outcome(controlled, CONTROLS)])
        )
        (options.folder / "outcome.md").write_text(text, encoding="utf-8")
        print(text)
    print(f"This command took {time.perf_counter() - started:.0f} s.")


if __name__ == "__main__":
    main()
