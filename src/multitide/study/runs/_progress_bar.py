"""The progress of a study: a bar on a terminal, a line per finished fit elsewhere."""

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
from rich.text import Text

from multitide._budget import in_words
from multitide._patient_console import PatientConsole
from multitide.study.runs._workers import Progress


class Running(Protocol):
    """A state that says how many things are running, and how many are done."""

    @property
    def running(self) -> int:
        """The number of things that are running."""

    @property
    def done(self) -> int:
        """The number of things that are done."""


State = TypeVar("State", bound=Running)


class StateBar(ABC, Generic[State]):
    """A progress bar that ends when nothing is running.

    Parameters
    ----------
    console : rich Console, optional
        Where to draw; standard error by default. If it is not a terminal, such as the log of a
        job, there is no bar, but a line whenever something is done.
    """

    name: ClassVar[str]

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or PatientConsole(stderr=True)
        self._bar: Bar | None = None
        self._task = TaskID(0)
        self._said: int | None = (
            None  # how many were done when the last line was written
        )

    def __call__(self, state: State) -> None:
        """Draw the state."""
        if not self._console.is_terminal:
            self._write(state)
            return
        done, total, text = self.read(state)
        if self._bar is None:
            self._bar = self._start(total)
        self._bar.update(self._task, completed=done, words=text)
        if not state.running:
            self._bar.stop()
            self._bar = None

    def _write(self, state: State) -> None:
        """Write a line if something has finished since the last one."""
        finished = self.finished(state)
        if self._said is not None and finished > self._said:
            self._console.print(
                Text(f"{self.name}: {self.line(state)}"), soft_wrap=True
            )
        self._said = finished

    def finished(self, state: State) -> int:
        """Return the number of things that have ended."""
        return state.done

    def line(self, state: State) -> str:
        """Return what is written where there is no terminal."""
        return self.read(state)[2]

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

    def line(self, state: Progress) -> str:
        """Return the number of finished fits, of all fits, and the state in words."""
        done, total, text = self.read(state)
        return f"{done} of {total} fits done, {text}"

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
