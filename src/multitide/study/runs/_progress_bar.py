"""The progress of a study on a terminal; nothing is drawn anywhere else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, Protocol, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TaskID,
    TextColumn,
)
from rich.progress import Progress as Bar

from multitide.study.runs._timing import in_words
from multitide.study.runs._workers import Progress


class Running(Protocol):
    """A state that says how many things are running."""

    @property
    def running(self) -> int:
        """The number of things that are running."""


State = TypeVar("State", bound=Running)


class StateBar(ABC, Generic[State]):
    """A progress bar that ends when nothing is running.

    Parameters
    ----------
    console : rich Console, optional
        Where to draw; standard error by default. Nothing is drawn unless it is a terminal.
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
        done, total, text = self.read(state)
        if self._bar is None:
            self._bar = self._start(total)
        self._bar.update(self._task, completed=done, words=text)
        if not state.running:
            self._bar.stop()
            self._bar = None

    @abstractmethod
    def read(self, state: State) -> tuple[float, float, str]:
        """Return the amount done, the total, and the text after the bar."""

    def counts(self) -> list[ProgressColumn]:
        """Return the columns between the bar and the text."""
        return []

    def _start(self, total: float) -> Bar:
        bar = Bar(
            TextColumn(self.name),
            BarColumn(),
            *self.counts(),
            TextColumn("{task.fields[words]}", markup=False),
            console=self._console,
        )
        bar.start()
        self._task = bar.add_task(self.name, total=total, words="")
        return bar


class StudyBar(StateBar[Progress]):
    """A progress bar of the fits of a study."""

    name = "study"

    def read(self, state: Progress) -> tuple[float, float, str]:
        """Return the number of finished fits, of all fits, and the state in words."""
        return (
            state.done,
            state.done + state.running + state.left,
            progress_in_words(state),
        )

    def counts(self) -> list[ProgressColumn]:
        """Show "done/total"."""
        return [MofNCompleteColumn()]


def progress_in_words(state: Progress) -> str:
    """Return the progress as text, such as "2 running, 5 left, about 10 min to go"."""
    if state.failed:
        failed = [f"{state.failed} failed"]
    else:
        failed = []
    if not state.running:
        return ", ".join(["finished", *failed])
    parts = [
        f"{state.running} running, {state.left} left",
        *failed,
        f"about {in_words(state.seconds_left)} to go",
    ]
    return ", ".join(parts)
