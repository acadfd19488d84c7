"""Results say what they are in one line; arrays and tables would fill the screen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from makers import make_samples, small
from multitide._gradient_flow import GradientFlow
from multitide._run_fit import Run
from multitide.data._split import Split
from multitide.data._split_data import SplitData
from multitide.study.grouping._grouping import Grouping

SAMPLES = make_samples(n=300)
SPLIT = Split(np.arange(200), np.arange(200, 250), np.arange(250, 300))
METRICS = pd.DataFrame(
    {
        "task": ["load", "load", "state"],
        "metric": ["rmse", "loss", "loss"],
        "value": [3.0, 0.45, 1.20],
    }
)
AFFINITY = pd.DataFrame(np.eye(2), index=["a", "b"], columns=["a", "b"])
THINGS = [
    (SAMPLES, "300 samples"),
    (SAMPLES.X, "(300, 3, 20)"),
    (SPLIT, "200 training, 50 validation and 50 test"),
    (SplitData("rig", SAMPLES, SPLIT), "'rig'"),
    (
        Run(Path("runs/a"), small(), METRICS, [SplitData("", SAMPLES, SPLIT)]),
        "runs/a: test loss (1 = trivial) load 0.45, state 1.2",
    ),
    (
        Run(Path("r"), small(), METRICS.assign(data="rig"), []),
        "load of rig 0.45, state of rig 1.2",
    ),
    (GradientFlow(AFFINITY, AFFINITY), "tasks a, b; 2 steps"),
    (
        Grouping((("a", "b"),), AFFINITY, "pairs", AFFINITY["a"], AFFINITY["a"]),
        "one network",
    ),
]


@pytest.mark.parametrize(("thing", "part"), THINGS)
def test_a_result_is_one_short_line(thing: object, part: str) -> None:
    text = repr(thing)
    assert part in text
    assert "\n" not in text and len(text) < 250
    assert "array(" not in text
