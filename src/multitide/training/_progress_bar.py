"""The progress bar: on a terminal only, and silent everywhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from multitide.training._callbacks import Callback

if TYPE_CHECKING:
    from multitide.training._trainer import Trainer


class ProgressBar(Callback):
    """A bar over the epochs with the mean of the tasks' losses: of validation, or of training where there is none.

    Parameters
    ----------
    console : rich Console, optional
        Where to draw; standard error when not given. Nothing is drawn where that is no terminal.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._progress: Progress | None = None
        self._bar = TaskID(0)

    def on_train_begin(self, trainer: Trainer) -> None:
        """Draw the empty bar."""
        if not self._console.is_terminal:
            return
        columns = ("[bold]{task.description}", "{task.fields[figures]}")
        self._progress = Progress(
            TextColumn(columns[0]),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn(columns[1]),
            console=self._console,
        )
        self._progress.start()
        self._bar = self._progress.add_task(
            ", ".join(trainer.names), total=trainer.max_epochs, figures=""
        )

    def on_epoch_end(self, trainer: Trainer, rows: list[dict[str, Any]]) -> None:
        """Move on by one epoch."""
        if self._progress is None:
            return
        side = "validation" if any(row["side"] == "validation" for row in rows) else "train"
        losses = [row["loss"] for row in rows if row["side"] == side]
        figures = f"{side} loss {sum(losses) / max(len(losses), 1):.4f} (1 = trivial)"
        self._progress.update(self._bar, advance=1, figures=figures)

    def on_train_end(self, trainer: Trainer) -> None:
        """Leave the finished bar on the screen."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
