"""What a study says where the truth is known: gains, failures, few groups, missing classes.

    python benchmarks/simulated_verdicts.py

Nothing is trained: stand-ins for networks predict the truth with an error that depends on the arm,
so that the true gain of every arm is known. Prints Markdown for docs/results/verdicts.md.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
import torch

from multitide import MultiTaskEstimator, Samples, Splitter
from multitide.reports._pages import markdown_table
from multitide.study import Comparison, compare
from multitide.study._recommendation import recommend
from multitide.study.results._tables import advice_sentences, gain_table

# Errors on "load" by rate of learning, which stands for the arm; the load itself varies by 10.
ALONE, HELPFUL, EQUAL, HARMFUL, BROKEN, CUT_SHORT = 0.01, 0.02, 0.03, 0.04, 0.05, 0.06
ERRORS = {ALONE: 6.0, HELPFUL: 4.5, EQUAL: 6.0, HARMFUL: 7.5, CUT_SHORT: 7.5}


class StandIn(MultiTaskEstimator):
    """Predicts the truth with noise of a size that its rate of learning decides."""

    def fit(self, X: Any, y: Any = None, *, callbacks: Any = (), **_: Any) -> Self:
        if self.lr == BROKEN:
            raise RuntimeError("the loss is not a number")
        self.model_ = torch.nn.Linear(1, 1)
        self.best_epoch_ = {}
        self.history_ = history_of(self.lr, [task.name for task in self.tasks])
        for callback in callbacks:
            callback.on_step_end(None)
        return self

    @property
    def classes_(self) -> dict[str, list[str]]:
        return {"state": ["high", "low", "rare"]}

    def decode(self, X: Samples, **_: Any) -> dict[str, np.ndarray]:
        level = X.gather(slice(None))[:, :, 0]
        of_data = int(1e6 * abs(level.sum()))
        rng = np.random.default_rng([self.random_state, int(1000 * self.lr), of_data])
        load = 100 + 10 * level[:, 1] + ERRORS[self.lr] * rng.normal(size=len(X))
        logits = np.zeros((len(X), 3))
        logits[:, 0] = 3 * (level[:, 0] + 0.3 * rng.normal(size=len(X)))
        logits[:, 2] = -4
        state = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        answers = {"load": load, "state": state}
        return {task.name: answers[task.name] for task in self.tasks}


def history_of(lr: float, names: list[str]) -> pd.DataFrame:
    """Return validation losses that still fall at the end if the training was cut short."""
    rows = []
    if lr == CUT_SHORT:
        for epoch in range(1, 9):
            for name in names:
                rows.append((epoch, name, "validation", 1 - epoch / 20))
    return pd.DataFrame(rows, columns=["epoch", "task", "side", "loss"])


@dataclass(frozen=True)
class Case:
    """A study whose truth is known.

    Attributes
    ----------
    title, truth : str
    arms : dict
    n : int
        Number of samples.
    sizes : sequence of float or None
        Shares of the test groups; every sample is a group of its own by default.
    rare : int
        Number of samples of a third class.
    options : dict
        Of `compare`.
    """

    title: str
    truth: str
    arms: dict[str, dict[str, Any]]
    n: int = 400
    sizes: tuple[float, ...] | None = None
    rare: int = 0
    options: dict[str, Any] = field(default_factory=dict)


HARD = {"sharing": "hard"}
SIX = (1 / 12,) * 12  # machines, of which a split by machine tests half
CASES = [
    Case(
        "A clear gain",
        "“together” has an error of 4.5 on load in place of 6, a gain of 0.16; state is equal.",
        {"together": HARD | {"lr": HELPFUL}},
    ),
    Case(
        "No gain, and enough data",
        "Both arms have the same error.",
        {"together": HARD | {"lr": EQUAL}},
        n=20_000,
        options={"margin": 0.03},
    ),
    Case(
        "A gain and a loss",
        "“one” is better than alone on load, “other” is worse.",
        {"one": HARD | {"lr": HELPFUL}, "other": HARD | {"lr": HARMFUL}},
    ),
    Case(
        "Three seeds",
        "“together” is better on load by 0.16.",
        {"together": HARD | {"lr": HELPFUL}},
        options={"n_seeds": 3},
    ),
    Case(
        "Six test groups",
        "“together” is better on load by 0.16, but only six new machines were tested.",
        {"together": HARD | {"lr": HELPFUL}},
        sizes=SIX,
    ),
    Case(
        "One machine has nearly all test rows",
        "“together” is better on load by 0.16; one of 12 test machines has most of the rows.",
        {"together": HARD | {"lr": HELPFUL}},
        n=2000,
        sizes=(0.95, *(0.05 / 11,) * 11),
    ),
    Case(
        "An arm was not trained to the end",
        "“together” is worse than alone on load, and its validation loss still falls.",
        {"together": HARD | {"lr": CUT_SHORT}},
    ),
    Case(
        "An arm fails",
        "“broken” raises an error in every fit; “together” is better on load by 0.16.",
        {"broken": HARD | {"lr": BROKEN}, "together": HARD | {"lr": HELPFUL}},
    ),
    Case(
        "A fold lacks a class",
        "Two samples of 400 have the class “rare”, so that some folds never see it in training.",
        {"together": HARD | {"lr": HELPFUL}},
        rare=2,
        options={"cv": 5, "n_seeds": 5},
    ),
    Case(
        "The same fits by another name",
        "“again” trains each task alone, as the reference does.",
        {"again": {"sharing": "none"}},
    ),
]


def samples_of(case: Case) -> Samples:
    """Return series of equal steps, whose first channel gives the class and second the load."""
    rng = np.random.default_rng(1)
    level = rng.normal(size=(case.n, 2))
    state = np.where(level[:, 0] > 0, "high", "low").astype(object)
    state[: case.rare] = "rare"
    labels = pd.DataFrame({"load": 100 + 10 * level[:, 1], "state": state})
    series = np.repeat(level[:, :, None], 4, axis=2).astype(np.float32)
    groups = None
    if case.sizes is not None:
        groups = rng.choice(len(case.sizes), size=case.n, p=case.sizes)
    return Samples.from_arrays(series, labels, series=groups)


def study_of(case: Case) -> Comparison:
    """Run the study of a case."""
    options: dict[str, Any] = {"n_seeds": 5, "n_jobs": 1, "verbose": 0}
    by = "group" if case.sizes == SIX else "random"
    options["split"] = Splitter(by=by, test=0.5)
    samples = samples_of(case)
    groups = samples.series if by == "random" and case.sizes else None
    return compare(
        samples,
        groups=groups,
        estimator=StandIn(sharing="none", lr=ALONE),
        arms=case.arms,
        **options | case.options,
    )


def main() -> None:
    logging.getLogger("multitide").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    for case in CASES:
        print(f"### {case.title}\n\nTruth: {case.truth}\n")
        try:
            comparison = study_of(case)
        except Exception as error:
            print(f"The study is refused: {error}\n")
            continue
        found = recommend(comparison)
        print(f"> **{found.in_words}** {found.confidence_in_words}\n")
        gains = gain_table(comparison.gains, comparison.mean_gains, comparison.margin)
        print(markdown_table(gains[["task", "arm", "gain", "interval", "verdict"]]))
        notes = advice_sentences(comparison.gains)
        if notes:
            print("\n" + "\n".join(f"- {note}" for note in notes))
        print()


if __name__ == "__main__":
    main()
