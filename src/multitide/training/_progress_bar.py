"""The progress of training: a bar on a terminal, lines elsewhere if training takes long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from multitide._patient_console import PatientConsole
from multitide._visible import visible
from multitide.training._callbacks import Callback, HistoryRow

if TYPE_CHECKING:
    from multitide.training._trainer import Trainer


SECONDS = 5.0  # a shorter training needs no lines in a log


class ProgressBar(Callback):
    """A bar over the epochs with the mean loss of the tasks.

    The loss is that of the validation set, or of the training set if there is no validation set.

    Parameters
    ----------
    console : rich Console, optional
        Where to draw. Default: standard error. If it is not a terminal, such as the log of a job,
        there is no bar, but a line per epoch once training has taken five seconds.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or PatientConsole(stderr=True)
        self._progress: Progress | None = None
        self._bar = TaskID(0)
        self._started = 0.0

    def on_train_begin(self, trainer: Trainer) -> None:
        """Draw the empty bar."""
        self._started = time.monotonic()
        if not self._console.is_terminal:
            return
        self._progress = Progress(
            # Names of tasks are not markup.
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}", markup=False),
            console=self._console,
        )
        self._progress.start()
        title = visible(", ".join(trainer.names))
        self._bar = self._progress.add_task(
            title, total=trainer.max_epochs, completed=trainer.epoch, loss=""
        )

    def on_epoch_end(self, trainer: Trainer, rows: list[HistoryRow]) -> None:
        """Advance by one epoch."""
        if self._progress is None and time.monotonic() - self._started < SECONDS:
            return
        if any(row["side"] == "validation" for row in rows):
            side = "validation"
        else:
            side = "train"
        losses = []
        for row in rows:
            if row["side"] == side:
                losses.append(row["loss"])
        mean = sum(losses) / max(len(losses), 1)
        text = f"{side} loss {mean:.4f} (1 = trivial)"
        if self._progress is not None:
            self._progress.update(self._bar, advance=1, loss=text)
        else:
            line = Text(f"epoch {trainer.epoch} of {trainer.max_epochs}: {text}")
            self._console.print(line, soft_wrap=True)

    def on_train_end(self, trainer: Trainer) -> None:
        """Stop drawing; the bar stays on the screen."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
