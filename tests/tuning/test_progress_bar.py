"""The bar of a search says where it stands, on a terminal only."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from multitide.tuning._progress_bar import Progress, TuningBar

STATES = [
    Progress(2, 1, 0, 1, 0.9, 0.5, 0.4, 30.0),
    Progress(4, 1, 0, 0, 0.9, 0.4, 1.0, 0.0),
]


@pytest.mark.parametrize("terminal", [True, False])
def test_the_bar_is_drawn_on_a_terminal_and_nowhere_else(terminal: bool) -> None:
    screen = io.StringIO()
    bar = TuningBar(Console(file=screen, force_terminal=terminal, width=120))
    for state in STATES:
        bar(state)
    assert (
        "4 done, 1 pruned, best 0.4000 (start 0.9000)" in screen.getvalue()
    ) == terminal
    assert bool(screen.getvalue()) == terminal
