"""The checkpoint of one training: taken up at its beginning, and written as time passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from multitide.training._checkpoint_store import CheckpointStore, State, restoring
from multitide.training._trainer_state import (
    restore_callbacks,
    restore_trainer,
    state_of_trainer,
)

if TYPE_CHECKING:
    from multitide.training._trainer import Trainer


class TrainingCheckpoint:
    """A piece of a store that is the training of a network.

    Parameters
    ----------
    store : CheckpointStore or None
        None: nothing is kept.
    """

    def __init__(self, store: CheckpointStore | None) -> None:
        self._store = store
        self._number = 0
        self._state: State | None = None
        if store is not None:
            self._number = store.begin_piece()
            self._state = store.read(self._number)

    def restore(self, trainer: Trainer) -> None:
        """Put a trainer into the stored state, if there is one, before its callbacks begin."""
        if self._store is not None and self._state is not None:
            with restoring(self._store.path_of(self._number)):
                restore_trainer(trainer, self._state)

    def restore_callbacks(self, trainer: Trainer) -> None:
        """Put the callbacks of a trainer into their stored state, after they have begun."""
        if self._store is not None and self._state is not None:
            with restoring(self._store.path_of(self._number)):
                restore_callbacks(trainer, self._state)
        self._state = None

    def after_step(self, trainer: Trainer, *, at_once: bool) -> None:
        """Keep the state, if it is time to or `at_once`."""
        if self._store is not None and (at_once or self._store.is_due):
            self._store.write(
                self._number, state_of_trainer(trainer, is_finished=False)
            )

    def finish(self, trainer: Trainer) -> None:
        """Keep the end of the training."""
        if self._store is not None:
            self._store.write(self._number, state_of_trainer(trainer, is_finished=True))

    def close(self) -> None:
        """Keep what there is: training was interrupted."""
        if self._store is not None:
            self._store.close()
