"""Signals while a command works.

A fit ends after the current step with a checkpoint, and the run is written with the best epoch; a
second signal ends it at once. A study or a search ends at once; what is finished stays, and the
same command continues it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from multitide._interrupts import Ended, end
from multitide.cli._arguments import quoted
from multitide.cli._terminal import show_warning
from multitide.training._callbacks import Callback, HistoryRow
from multitide.training._trainer import Trainer

ENDING = (signal.SIGINT, signal.SIGTERM)
EXIT_CODE = 128 + signal.SIGTERM


class Termination(Callback):
    """Ends training on request.

    The network in training keeps its best epoch, as after Ctrl-C. Networks that come after it are
    trained for one epoch, because a model needs all of them.

    Attributes
    ----------
    requested : bool
        Whether SIGTERM was received.
    """

    def __init__(self) -> None:
        self.requested = False
        self._has_begun = False
        self._trainer: Trainer | None = None

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """From here on a signal reaches the trainer."""
        self._has_begun = True
        self._trainer = trainer

    def on_epoch_end(self, trainer: Trainer, rows: list[HistoryRow]) -> None:
        """Stop a network whose training began after the request."""
        if self.requested and not trainer.interrupt:
            trainer.end_early()

    def on_train_end(self, trainer: Trainer) -> None:
        """Let what follows be finished."""
        self._trainer = None

    def request(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        is_second = self._trainer is None or self._trainer.interrupt
        if number == signal.SIGTERM:
            self.requested = True
        if self._trainer is not None:
            self._trainer.interrupt = True
        if is_second and (number == signal.SIGINT or self._trainer is not None):
            raise KeyboardInterrupt
        if number == signal.SIGTERM and not self._has_begun:
            raise SystemExit(EXIT_CODE)


@contextmanager
def finishing_on_signals() -> Iterator[Termination]:
    """Give the block a callback for its fit; after SIGTERM the process exits with code 143.

    Signals can only be handled in the main thread; in others the block runs as it is.
    """
    termination = Termination()
    if threading.current_thread() is not threading.main_thread():
        yield termination
        return
    earlier = {}
    for number in ENDING:
        earlier[number] = signal.signal(number, termination.request)
    try:
        yield termination
    except KeyboardInterrupt:  # before the end of the first epoch
        if not termination.requested:
            raise
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
    if termination.requested:
        raise SystemExit(EXIT_CODE)


@contextmanager
def ended_by_signals(folder: Path, kept: Path | None = None) -> Iterator[None]:
    """End the block at Ctrl-C or SIGTERM, with one message and exit code 130 or 143.

    Parameters
    ----------
    folder : path
        Where the results lie that can be continued, or will lie.
    kept : path, optional
        Where they lie until then, if that is another folder.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = {}
    for number in ENDING:
        earlier[number] = signal.signal(number, end)
    try:
        yield
    except Ended as ended:
        show_warning(
            f"{signal.Signals(ended.number).name}: the work has ended. What is finished stays in "
            f"{str(kept or folder)!r}; the same command with --output {quoted(folder)} continues."
        )
        raise SystemExit(128 + ended.number) from ended
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
