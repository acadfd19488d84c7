"""The first sentences of an explanation say what matters, and whether it may be chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from multitide.reasons import Explanation
from multitide.reports._pages import breakable
from multitide.reports._write_explanation import headlines


@pytest.mark.parametrize(
    ("loss", "low", "words", "by_chance"),
    [
        (0.5, 0.1, "flow matters most; the loss rises by 0.5", False),
        (0.5, -0.1, "flow matters most; the loss rises by 0.5", True),
        (0.5, np.nan, "flow matters most", False),
        (-0.1, -0.2, "no input matters", False),
    ],
)
def test_a_rise_whose_interval_includes_zero_may_be_chance(
    loss: float, low: float, words: str, by_chance: bool
) -> None:
    importance = pd.DataFrame(
        {
            "task": "fault",
            "kind": ["segment", "channel", "channel"],
            "input": ["0% to 50%", "flow", "trim"],
            "loss": [9.0, loss, -0.2],
            "loss_low": [8.0, low, -0.3],
        }
    )
    found = Explanation(importance, pd.DataFrame(), None, n_samples=9, n_repeats=2)
    (sentence,) = headlines(found)
    assert sentence.startswith("fault: ")
    assert words in sentence
    assert ("may be chance" in sentence) == by_chance


def test_a_name_breaks_after_underscores_and_is_escaped() -> None:
    assert breakable("oil_t.a <b>") == "oil_<wbr>t.<wbr>a &lt;b&gt;"
