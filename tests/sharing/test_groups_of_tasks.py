"""Hard sharing in groups: who shares a network, and what is refused."""

from __future__ import annotations

import pytest

from multitide.sharing import Hard
from multitide.sharing._sharing import check_named_tasks
from refusals import refused


@pytest.mark.parametrize(
    ("groups", "networks"),
    [
        ((), [["a", "b", "c"]]),
        ((("c", "a"),), [["a", "c"], ["b"]]),
        ((("a",), ("b", "c")), [["a"], ["b", "c"]]),
        ((("a", "b", "c"),), [["a", "b", "c"]]),
    ],
)
def test_a_task_in_no_group_has_a_network_of_its_own(
    groups: tuple[tuple[str, ...], ...], networks: list[list[str]]
) -> None:
    assert Hard(groups=groups).networks(["a", "b", "c"]) == networks


def test_a_name_that_is_no_task_is_refused() -> None:
    with refused("`sharing.groups`", "'lod'", "Did you mean 'load'"):
        check_named_tasks(Hard(groups=(("lod", "fault"),)), ["load", "fault"])


def test_a_task_named_twice_is_refused() -> None:
    with refused("`sharing.groups`", "'a' twice", "one network"):
        check_named_tasks(Hard(groups=(("a", "b"), ("a",))), ["a", "b"])
