"""No sharing: a network a task."""

from __future__ import annotations

from dataclasses import dataclass

from multitide.sharing.hard import Hard


@dataclass
class NoSharing(Hard):
    """A network a task, each trained apart on its own labelled rows, with its own schedule and its own best epoch.

    It is what a user without multitide does, one fit a task with the same seed, and therefore the arm ``alone`` that
    a study compares with.
    """

    def groups(self, names: list[str]) -> list[list[str]]:
        """Return every task by itself."""
        return [[name] for name in names]
