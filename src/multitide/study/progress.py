"""The progress of a study on a terminal; silent everywhere else."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from multitide.study.cost import in_words
from multitide.study.execution import Progress


class StudyBar:
    """A bar over the fits: done, running, left, failed, and the time to the end.

    Parameters
    ----------
    console : rich Console, optional
        Where to draw; standard error when not given. Nothing is drawn where that is no terminal.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bar: Bar | None = None
        self._task = TaskID(0)

    def __call__(self, state: Progress) -> None:
        """Draw the state."""
        if not self._console.is_terminal:
            return
        if self._bar is None:
            self._bar = Bar(
                TextColumn("study"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[words]}"),
                console=self._console,
            )
            self._bar.start()
            self._task = self._bar.add_task("study", total=state.done + state.running + state.left, words="")
        self._bar.update(self._task, completed=state.done, words=words(state))
        if not state.running:
            self._bar.stop()
            self._bar = None


def words(state: Progress) -> str:
    """Say where things stand."""
    parts = [f"{state.running} running, {state.left} left"] if state.running else ["finished"]
    if state.failed:
        parts.append(f"{state.failed} failed")
    if state.running:
        parts.append(f"about {in_words(state.seconds_left)} to go")
    return ", ".join(parts)
