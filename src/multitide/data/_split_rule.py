"""The rules to split by, and what messages say about them."""

from __future__ import annotations

from typing import Literal, get_args

Rule = Literal["time", "group", "random", "column"]
REMEDIES = {
    "time": 'Label more of that period, or split by="group" or by="random".',
    "group": 'Take other groups with `random_state`, or split by="time" or by="random".',
    "random": "The task has too few labels: label more samples or leave the task out.",
    "column": "Change the column, or leave the task out.",
}
FEW = "A table gives more with `series` (one sample a series) or `window`."
NOTHING_KEPT = (
    "`split` by {by} must leave samples to train on; "
    "got none (all others overlap the held-out "
    "ones in time, or there are none). "
    'Hold out less, or split by="group".'
)


def check_rule(by: object) -> object:
    """Raise for the name of a column in place of a rule, with what to write instead."""
    if isinstance(by, str) and by not in get_args(Rule):
        raise ValueError(
            "'time', 'group', 'random' or 'column' (to split by a column `c`: by = \"group\" and "
            'column = "c" in [split], and extra = ["c"] in [data])'
        )
    return by
