"""What a chosen threshold gives on test sets, beside 0.5.

    python benchmarks/decisions.py [physionet] [icu] [hydraulic] [rig]

For each data set one yes/no label: death in hospital, whether the hydraulic rig has settled, and
whether the simulated rig has its rarest fault. Boosted trees are fitted once per rule; the
validation set chooses the threshold, and the test set judges. Folds of a test are pooled. Prints a
table in Markdown.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
from cases import CASES, Case

from multitide import Classification, MultiTaskEstimator
from multitide.backbones import Trees
from multitide.reports._pages import markdown_table

TREES = Trees(kind="boosting", n_trees=100, n_levels=0, min_samples_leaf=10)
RULES = ("f1", "balanced", "recall>=0.9")
LABELS = {"physionet": "death", "icu": "death", "hydraulic": "stable", "rig": "fault"}


def yes_no(case: Case, name: str) -> Case:
    """Return the case with one label: whether a task has its rarest class."""
    labels = case.samples.y[name]
    rarest = labels.value_counts().index[-1]
    answer = labels.eq(rarest).map({True: "yes", False: "no"})
    y = pd.DataFrame({"answer": answer.where(labels.notna())})
    return replace(case, samples=case.samples.replace(y=y))


def judge(case: Case, rule: str) -> dict[str, object]:
    """Fit on every split, and compare the threshold with 0.5 on all test rows."""
    parts, thresholds = [], []
    for split in case.splits:
        task = Classification("answer", positive="yes", threshold=rule)
        estimator = MultiTaskEstimator(
            [task], backbone=TREES, random_state=0, verbose=0
        )
        samples = case.samples
        estimator.fit(samples[split.train], validation=samples[split.validation])
        test = samples[split.test]
        table = pd.DataFrame({"yes": test.y["answer"].eq("yes")})
        table["probability"] = estimator.predict_proba(test)["answer"]["yes"]
        table["said"] = estimator.predict(test)["answer"].eq("yes")
        parts.append(table[test.y["answer"].notna().to_numpy()])
        thresholds.append(estimator.decisions_["threshold"].item())
    rows = pd.concat(parts)
    row: dict[str, object] = {
        "rule": rule,
        "threshold": " / ".join(f"{value:.2f}" for value in thresholds),
        "test rows": len(rows),
        "yes": int(rows["yes"].sum()),
    }
    half = rows["probability"] > 0.5
    for name, said in (("chosen", rows["said"]), ("0.5", half)):
        for measure, value in measures(rows["yes"], said).items():
            row[f"{measure}, {name}"] = round(value, 3)
    return row


def measures(yes: pd.Series, said: pd.Series) -> dict[str, float]:
    """Return F1, precision and recall of yes."""
    right = int((yes & said).sum())
    both = int(yes.sum() + said.sum())
    return {
        "F1": 2 * right / both if both else np.nan,
        "precision": right / said.sum() if said.any() else np.nan,
        "recall": right / yes.sum(),
    }


def main(names: list[str]) -> None:
    """Print a row per data set and rule."""
    rows = []
    for name in names or list(LABELS):
        case = yes_no(CASES[name](), LABELS[name])
        for rule in RULES:
            rows.append({"data": f"{name}, {LABELS[name]}"} | judge(case, rule))
            print(rows[-1], file=sys.stderr, flush=True)
    print(markdown_table(pd.DataFrame(rows)))


if __name__ == "__main__":
    main(sys.argv[1:])
