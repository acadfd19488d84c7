"""Ending a fit in time: the learning rate cools down before the deadline."""

from __future__ import annotations

import time

from multitide.training._callbacks import Callback, HistoryRow
from multitide.training._trainer import Trainer


class Deadline(Callback):
    """Starts the cool-down in time, and ends training at the deadline.

    Parameters
    ----------
    seconds : float
        From now on; infinite for no deadline.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.perf_counter() + seconds
        self._epoch_started = 0.0

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Note when the epoch started."""
        self._epoch_started = time.perf_counter()

    def on_epoch_end(self, trainer: Trainer, rows: list[HistoryRow]) -> None:
        """Cool down if no further epoch fits in before, or stop if none fits in at all."""
        now = time.perf_counter()
        left, needed = self._end - now, now - self._epoch_started
        if left < needed:
            trainer.stop = True
        schedule = trainer.schedule
        too_late = left < needed * (schedule.cool_down_epochs + 1)
        if schedule.cool_down_at is None and too_late:
            schedule.cool_down_at = trainer.epoch
