"""Choose how the parts of a fit are weighted, on validation rows only.

    python benchmarks/weights.py [--folder runs/quality] [--arm default|best] [--tasks]

Reads what ``quality.py`` has kept: the predictions of the default's network and trees, and of the
members of ``--best``, for the rows that they held out. Each rule finds the weights on four fifths
of the recordings of these rows, and is judged on the rest; two random divisions. Losses are in
units of the trivial loss. No prediction of a test set is used.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from kept_fits import kept
from weight_rules import RULES, Rule

N_FOLDS, N_DIVISIONS = 5, 2


@dataclass(frozen=True)
class Problem:
    """The rows of one task of one fit.

    Attributes
    ----------
    arm, case, seed, task : str, str, int, str
        What was fitted.
    predictions : dict of str to ndarray
        By part, (n_rows, ...).
    row_losses : callable
        The losses of the rows, (n_rows,); NaN without a label.
    groups : ndarray, shape (n_rows,)
        Recordings, as numbers.
    """

    arm: str
    case: str
    seed: int
    task: str
    predictions: dict[str, np.ndarray]
    row_losses: Callable[[np.ndarray], np.ndarray]
    groups: np.ndarray


def problems_of(folder: Path) -> Iterator[Problem]:
    """Yield the tasks of all kept fits."""
    for path in sorted(folder.glob("*-default-*.pickle")):
        case, arm, seed, _ = path.stem.split("-")
        _, parts = kept(path)
        for task in parts[0].held_out:
            own = [part.held_out[task] for part in parts if task in part.held_out]
            if len(own) < 2:
                continue
            names = [part.name for part in parts if task in part.held_out]
            decoded = [each.decoded.astype(np.float64) for each in own]

            def losses(values: np.ndarray, first=own[0]) -> np.ndarray:
                return first.target.decoded_losses(first.truth, values)

            predictions = dict(zip(names, decoded, strict=True))
            yield Problem(
                arm, case, int(seed), task, predictions, losses, own[0].recordings
            )
    for path in sorted(folder.glob("*-best-*.rows.pickle")):
        case, arm, seed, _, _ = path.name.split(".")[0].split("-")
        for task, (target, rows) in kept(path).items():
            truth = target.truth(rows.labels)
            first = next(iter(rows.predictions.values()))
            known = ~np.isnan(target.decoded_losses(truth, first))
            own_truth = truth[known]

            def losses(
                values: np.ndarray, target=target, truth=own_truth
            ) -> np.ndarray:
                return target.decoded_losses(truth, values)

            predictions = {n: each[known] for n, each in rows.predictions.items()}
            _, codes = np.unique(rows.groups[known], return_inverse=True)
            yield Problem(arm, case, int(seed), task, predictions, losses, codes)


def judged(problem: Problem, rules: dict[str, Rule]) -> dict[str, float]:
    """Return the loss of each rule, and of each part, on rows that have not chosen."""
    generator = np.random.default_rng(0)
    predictions = list(problem.predictions.values())
    n_groups = int(problem.groups.max()) + 1
    sums = dict.fromkeys([*rules, *(f"= {n}" for n in problem.predictions)], 0.0)
    for _ in range(N_DIVISIONS):
        folds = generator.permutation(n_groups)[problem.groups] % N_FOLDS
        for fold in range(N_FOLDS):
            chosen_on, judges = folds != fold, folds == fold
            if not judges.any():
                continue

            def losses(values: np.ndarray, chosen_on=chosen_on) -> np.ndarray:
                return np.where(chosen_on, problem.row_losses(values), np.nan)

            for name, rule in rules.items():
                combined = rule(predictions, losses, problem.groups)
                sums[name] += float(problem.row_losses(combined)[judges].sum())
            for name, values in problem.predictions.items():
                sums[f"= {name}"] += float(problem.row_losses(values)[judges].sum())
    n_rows = len(problem.groups) * N_DIVISIONS
    return {name: total / n_rows for name, total in sums.items()}


def main() -> None:
    """Judge all rules on all kept fits."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("runs/quality"))
    parser.add_argument("--arm", choices=["default", "best"])
    parser.add_argument("--tasks", action="store_true", help="print each task")
    parser.add_argument("--rules", nargs="+", choices=RULES, default=list(RULES))
    arguments = parser.parse_args()
    rules = {name: RULES[name] for name in arguments.rules}
    rows = []
    for problem in problems_of(arguments.folder):
        if arguments.arm not in (None, problem.arm):
            continue
        found = judged(problem, rules)
        single = min(value for name, value in found.items() if name.startswith("= "))
        place = {"arm": problem.arm, "case": problem.case, "task": problem.task}
        rows.append(place | {"seed": problem.seed, "best part": single} | found)
    table = pd.DataFrame(rows)
    if arguments.tasks:
        print(table.round(3).T.to_string())
    for arm, own in table.groupby("arm"):
        print(
            f"\n## {arm}: {len(own)} tasks\n\n{summary(own, list(rules)).to_string()}"
        )


def summary(table: pd.DataFrame, rules: list[str]) -> pd.DataFrame:
    """Return per rule the mean loss by case, and how it compares with the best part."""
    by_case = table.groupby("case", sort=False)[[*rules, "best part"]].mean().T
    by_case["mean"] = by_case.mean(axis=1)
    regret = table[[*rules, "best part"]].div(table["best part"], axis=0)
    # A part that the judged rows choose is a reference that no rule can know.
    by_case["to best part"] = regret.mean()
    by_case["worst"] = regret.max()
    by_case["over 1 %"] = (regret > 1.01).sum()
    return by_case.round(3)


if __name__ == "__main__":
    main()
