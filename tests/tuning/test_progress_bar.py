"""The bar of a search says where it stands: drawn on a terminal, in lines elsewhere."""

from __future__ import annotations

import io

from rich.console import Console

from multitide.tuning._progress_bar import Progress, TuningBar

STATES = [
    Progress(2, 1, 0, 1, 0.9, 0.5, 0.4, 30.0),
    Progress(4, 1, 0, 0, 0.9, 0.4, 1.0, 0.0),
]


def drawn(terminal: bool) -> str:
    screen = io.StringIO()
    bar = TuningBar(Console(file=screen, force_terminal=terminal, width=120))
    for state in STATES:
        bar(state)
    return screen.getvalue()


def test_the_bar_is_drawn_on_a_terminal() -> None:
    assert "4 done, 1 pruned, best 0.4000 (start 0.9000)" in drawn(terminal=True)


def test_a_line_per_finished_trial_is_written_elsewhere() -> None:
    lines = drawn(terminal=False).splitlines()
    assert lines == ["tune: 4 done, 1 pruned, best 0.4000 (start 0.9000)"]
