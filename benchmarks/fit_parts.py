"""Where the time of a bare default fit goes: seconds of the processor by part.

    python benchmarks/fit_parts.py [CASE ...] [--max-epochs N]

Fits ``MultiTaskEstimator()`` on the training rows of each case (see ``cases.py``), of which it
holds out validation rows by the rule of the case, on one thread. No test set is read. A part that
is called within another counts only as itself.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

import pandas as pd
import torch
from cases import CASES

from multitide import MultiTaskEstimator, _carry_out, _estimator
from multitide.fitting import _fit_model, _forests
from multitide.reports._pages import markdown_table

# The functions of each part, as (where it is looked up, its name).
PARTS: dict[str, list[tuple[object, str]]] = {
    "plan": [(_estimator, "plan_fit")],
    "features of trees": [(_forests.FeatureTables, "table")],
    "growing trees": [(_forests, "grow_trees")],
    "choice of their settings": [(_forests, "choose")],
    "linear heads": [(_fit_model.LinearFit, "run")],
    "network": [(_fit_model.Phases, "run")],
    "held-out predictions": [(_fit_model, "predict_held_out")],
    "weights": [(_fit_model, "weigh_fits")],
    "calibration": [(_carry_out, "calibrate")],
    "profile": [(_carry_out, "training_profile")],
}
REST = "everything else"


class Clock:
    """Seconds of the processor of the innermost part."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys([*PARTS, REST], 0.0)
        self._inside = [REST]
        self._since = time.process_time()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the block as a part."""
        self._switch()
        self._inside.append(name)
        yield
        self._switch()
        self._inside.pop()

    def _switch(self) -> None:
        now = time.process_time()
        self.seconds[self._inside[-1]] += now - self._since
        self._since = now


def timed(
    clock: Clock, name: str, function: Callable[..., object]
) -> Callable[..., object]:
    """Return the function, whose time the clock counts."""

    def counted(*args: object, **kwargs: object) -> object:
        with clock.part(name):
            return function(*args, **kwargs)

    return counted


def measure(case: str, max_epochs: int | str) -> dict[str, float]:
    """Return the seconds of each part of a fit."""
    data = CASES[case]()
    estimator = MultiTaskEstimator(
        data.tasks,
        max_epochs=max_epochs,  # type: ignore[arg-type]
        validation=data.rule,
        random_state=0,
        verbose=0,
    )
    samples = data.samples[data.splits[0].train]
    clock = Clock()
    with ExitStack() as stack:
        for name, places in PARTS.items():
            for owner, attribute in places:
                function = timed(clock, name, getattr(owner, attribute))
                stack.enter_context(mock.patch.object(owner, attribute, function))
        with clock.part(REST):
            estimator.fit(samples)
    return clock.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=["rig", "phalanx", "icu"])
    parser.add_argument("--max-epochs", default="auto")
    given = parser.parse_args()
    torch.set_num_threads(1)
    epochs = given.max_epochs
    for case in given.cases:
        seconds = measure(case, epochs if epochs == "auto" else int(epochs))
        total = sum(seconds.values())
        rows = []
        for name, each in seconds.items():
            rows.append((name, f"{each:.2f}", f"{each / total:.0%}"))
        rows.append(("all", f"{total:.2f}", ""))
        table = pd.DataFrame(rows, columns=["part", "s", "share"])
        print(f"\n### {case}\n\n{markdown_table(table)}", flush=True)


if __name__ == "__main__":
    main()
