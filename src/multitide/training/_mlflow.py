"""The losses and metrics of training, for MLflow."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from multitide._checks import check_type
from multitide._require_extra import require_extra
from multitide._without_password import without_password
from multitide.errors import StoreError
from multitide.training._callbacks import Callback, HistoryRow
from multitide.training._curves import curves_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from multitide.training._trainer import Trainer

NOT_IN_A_NAME = re.compile(r"[^\w\- ]")  # of a task; a "/" would begin a group
LONGEST_NAME = 200
MOST_AT_ONCE = 1000  # metrics that a store accepts in one request
LAST = "lr"  # is written last, so that it tells which epochs are complete

logger = logging.getLogger(__name__)


class MLflow(Callback):
    """Logs the history of training as metrics of MLflow runs.

    There is one metric per set, task and column of the history: ``train/loss/TASK``,
    ``validation/accuracy/TASK``, ..., and ``lr``; the step is the epoch. Characters of a task's
    name that MLflow refuses are underscores. Needs the extra ``mlflow``.

    Parameters
    ----------
    tracking_uri : str, optional
        A store of MLflow, such as ``"http://127.0.0.1:5000"`` or ``"sqlite:///mlflow.db"``. By
        default the one that MLflow itself is set to.
    experiment : str, default="multitide"
        The experiment, which is created if need be. Each training is a run of it: pre-training,
        trials and refits too, and each task with ``sharing="none"``. A fit that is resumed
        continues its run.

    Raises
    ------
    MissingDependencyError
        If MLflow is not installed.
    StoreError
        From ``fit``, before training, if the store cannot be reached. If it is lost later, a
        warning says so, and training goes on.

    Examples
    --------
    >>> import multitide as mt
    >>> samples = mt.simulate_rig(n_runs=40, random_state=0)
    >>> estimator = mt.MultiTaskEstimator(max_epochs=1, random_state=0, verbose=0)
    >>> callback = mt.MLflow("sqlite:///mlflow.db")  # doctest: +SKIP
    >>> estimator.fit(samples, callbacks=[callback])  # doctest: +SKIP
    """

    def __init__(
        self, tracking_uri: str | None = None, experiment: str = "multitide"
    ) -> None:
        require_extra("mlflow", "The callback MLflow")
        if tracking_uri is not None:
            check_type("tracking_uri", tracking_uri, str)
        check_type("experiment", experiment, str)
        self.tracking_uri = tracking_uri
        self.experiment = experiment
        self._client: MlflowClient | None = None
        self._was_reached = False
        self._experiment_id = ""
        self._run = ""
        self._written = 0  # the last epoch that is
        self._names: dict[str, str] = {}  # the curve of each

    def state(self) -> dict[str, Any]:
        """Return the identifier of the run."""
        return {"run": self._run}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue the run that :meth:`state` returned, after the epochs that it holds."""
        self._run = str(state["run"])
        if self._client is None or not self._run:
            return
        with self._reaching():
            self._client.update_run(self._run, status="RUNNING")
            for metric in self._client.get_metric_history(self._run, LAST):
                self._written = max(self._written, metric.step)

    def on_train_begin(self, trainer: Trainer) -> None:
        """Reach the store, before anything is trained."""
        from mlflow import MlflowClient

        self._run, self._written, self._names = "", 0, {}
        with self._reaching():
            self._client = MlflowClient(self.tracking_uri)
            self._experiment_id = self._find_experiment(self._client)

    def on_epoch_end(self, trainer: Trainer, rows: list[HistoryRow]) -> None:
        """Log the rows of the history, unless the run that is continued has them."""
        if self._client is None or trainer.epoch <= self._written:
            return
        with self._reaching():
            self._log(self._client, trainer.epoch, rows)

    def on_train_end(self, trainer: Trainer) -> None:
        """End the run."""
        if self._client is None or not self._run:
            return
        with self._reaching():
            self._client.set_terminated(self._run)

    def _find_experiment(self, client: MlflowClient) -> str:
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            return str(client.create_experiment(self.experiment))
        return str(found.experiment_id)

    def _log(self, client: MlflowClient, epoch: int, rows: list[HistoryRow]) -> None:
        from mlflow.entities import Metric

        if not self._run:
            self._run = client.create_run(self._experiment_id).info.run_id
        now = round(1000 * time.time())
        metrics = []
        for name, value in self._values(rows).items():
            metrics.append(Metric(name, value, now, epoch))
        for start in range(0, len(metrics), MOST_AT_ONCE):
            client.log_batch(self._run, metrics[start : start + MOST_AT_ONCE])

    def _values(self, rows: list[HistoryRow]) -> dict[str, float]:
        """Return what the rows say by the names of metrics, that of `LAST` at the end."""
        values = {}
        last = float("nan")
        for row in rows:
            curves = curves_of(row)
            last = curves.pop(LAST)
            for curve, value in curves.items():
                values[self._name(f"{row['side']}/{curve}")] = value
        return {**values, LAST: last}

    def _name(self, curve: str) -> str:
        """Return a name that MLflow accepts, and that no other curve has."""
        side, column, task = curve.split("/", maxsplit=2)
        name = f"{side}/{column}/{NOT_IN_A_NAME.sub('_', task)[:LONGEST_NAME]}"
        while self._names.setdefault(name, curve) != curve:
            name += "_"
        return name

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Turn what a store raises into one error at first, and into a warning in training."""
        try:
            yield
            self._was_reached = True
        except Exception as reason:
            if not self._was_reached:
                raise StoreError(self._refusal(reason)) from reason
            self._client = None
            message = "MLflow has not taken the metrics (%s); training goes on without."
            logger.warning(message, without_password(str(reason)))

    def _refusal(self, reason: Exception) -> str:
        place = "the default of MLflow"
        if self.tracking_uri is not None:
            place = repr(self.tracking_uri)
        message = f"`tracking_uri` must be a store that MLflow reaches; got {place} ({reason})."
        return without_password(message)
