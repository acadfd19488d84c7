"""What a fit has reached so far, on disk: its history, and the model of the best epoch."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import cast

from multitide._result_folder import replaced_folder
from multitide.errors import StoreError
from multitide.model._history import HISTORY, history_line
from multitide.model._schema import DataRecord
from multitide.model._store import StoredModel, write_model
from multitide.network._copies import copy_with_state
from multitide.network._network import Network, Predictor
from multitide.tasks import Task
from multitide.training._best_weights import JOINT, Snapshot
from multitide.training._callbacks import Callback, HistoryRow
from multitide.training._trainer import Trainer

logger = logging.getLogger("multitide")
MOST_OF_THE_TIME = 0.05  # share of the training time that writing may take


class ModelSoFar(Callback):
    """Writes the history of every epoch, and the model of the best one.

    Networks that are trained one after the other are in the model as soon as they have an epoch.

    Parameters
    ----------
    folder : path
        Where ``history.jsonl`` is written; it exists already.
    model : path or None
        The folder of the model; it is replaced as a whole. None: only the history is written.
    params : dict
        The estimator's parameters.
    tasks : sequence of Task
    data : sequence of DataRecord
    """

    def __init__(
        self,
        folder: Path,
        model: Path | None,
        params: Mapping[str, object],
        tasks: Sequence[Task],
        data: Sequence[DataRecord],
    ) -> None:
        self._folder, self._model = folder, model
        self._params = dict(params)
        self._tasks, self._data = list(tasks), list(data)
        self._networks: dict[tuple[str, ...], Network] = {}
        self._epochs: dict[tuple[str, ...], int] = {}
        self._started = time.perf_counter()
        self._writing = 0.0
        self._has_failed = False

    def on_train_begin(self, trainer: Trainer) -> None:
        """Write what a training that is taken up has reached before."""
        self._write(trainer, trainer.history, is_new=True)

    def on_epoch_end(self, trainer: Trainer, rows: list[HistoryRow]) -> None:
        """Append the history, and write the model if this epoch is the best so far."""
        best = trainer.keeper.best.get(JOINT)
        self._write(trainer, rows, best is not None and best.epoch == trainer.epoch)

    def _write(self, trainer: Trainer, rows: list[HistoryRow], is_new: bool) -> None:
        """Append rows, and write the best epoch if it is new.

        Training goes on if there is no room for them.
        """
        best = trainer.keeper.best.get(JOINT)
        try:
            with open(self._folder / HISTORY, "a", encoding="utf-8") as file:
                file.writelines(history_line(row) for row in rows)
            if best is not None and is_new:
                self._keep(trainer, best)
        except (OSError, StoreError) as error:
            if not self._has_failed:
                message = (
                    "The best model so far cannot be written (%s); training goes on."
                )
                logger.warning(message, error)
            self._has_failed = True

    def _keep(self, trainer: Trainer, best: Snapshot) -> None:
        """Write the model with the best epoch of a network, unless that takes too long."""
        started = time.perf_counter()
        if self._model is None or self._writing > MOST_OF_THE_TIME * (
            started - self._started
        ):
            return
        names = tuple(trainer.names)
        self._networks[names] = copy_with_state(trainer.network, best.state).cpu()
        self._epochs[names] = best.epoch
        with replaced_folder(self._model) as draft:
            write_model(self._stored(), draft)
        self._writing += time.perf_counter() - started

    def _stored(self) -> StoredModel:
        """Return the model so far, of the tasks that have a network."""
        epochs: dict[str, int] = {}
        for names, epoch in self._epochs.items():
            epochs |= dict.fromkeys(names, epoch)
        tasks_of_networks = list(map(list, self._networks))
        return StoredModel(
            params=self._params,
            tasks=[task for task in self._tasks if task.name in epochs],
            predictor=Predictor(list(self._networks.values()), tasks_of_networks),
            data=self._records_of(epochs),
            seed=cast("int | None", self._params.get("random_state")) or 0,
            best_epoch=epochs,
            n_labelled={name: {} for name in epochs},
            seconds=time.perf_counter() - self._started,
        )

    def _records_of(self, tasks: Collection[str]) -> list[DataRecord]:
        """Return the data sets that have some of the tasks, with these only."""
        records = []
        for record in self._data:
            known = []
            for name in record.tasks:
                if name in tasks:
                    known.append(name)
            if known:
                records.append(record.model_copy(update={"tasks": known}))
        return records
