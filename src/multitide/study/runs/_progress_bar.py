"""The progress of a study on a terminal; silent everywhere else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from multitide.study.runs._timing import in_words
from multitide.study.runs._workers import Progress

State = TypeVar("State")  # has `running`, the number of what runs


class StateBar(ABC, Generic[State]):
    """A bar that follows how far something is, until nothing of it runs any more.

    Parameters
    ----------
    console : rich Console, optional
        Where to draw; standard error when not given. Nothing is drawn where that is no terminal.
    """

    name: ClassVar[str]

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bar: Bar | None = None
        self._task = TaskID(0)

    def __call__(self, state: State) -> None:
        """Draw the state."""
        if not self._console.is_terminal:
            return
        done, total, said = self.read(state)
        if self._bar is None:
            columns = [
                TextColumn(self.name),
                BarColumn(),
                *self.counts(),
                TextColumn("{task.fields[words]}"),
            ]
            self._bar = Bar(*columns, console=self._console)
            self._bar.start()
            self._task = self._bar.add_task(self.name, total=total, words="")
        self._bar.update(self._task, completed=done, words=said)
        running: Any = getattr(state, "running")  # noqa: B009
        if not running:
            self._bar.stop()
            self._bar = None

    @abstractmethod
    def read(self, state: State) -> tuple[float, float, str]:
        """Return how much is done, of how much, and where things stand in words."""

    def counts(self) -> list[ProgressColumn]:
        """Return what stands between the bar and the words."""
        return []


class StudyBar(StateBar[Progress]):
    """A bar over the fits: done, running, left, failed, and the time to the end."""

    name = "study"

    def read(self, state: Progress) -> tuple[float, float, str]:
        """Count fits."""
        return state.done, state.done + state.running + state.left, words(state)

    def counts(self) -> list[ProgressColumn]:
        """Show done and all."""
        return [MofNCompleteColumn()]


def words(state: Progress) -> str:
    """Say where things stand."""
    parts = [f"{state.running} running, {state.left} left"] if state.running else ["finished"]
    if state.failed:
        parts.append(f"{state.failed} failed")
    if state.running:
        parts.append(f"about {in_words(state.seconds_left)} to go")
    return ", ".join(parts)
