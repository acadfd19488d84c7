"""The losses and metrics of training, for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from multitide._checks import as_path
from multitide._require_extra import require_extra
from multitide._result_folder import writable
from multitide.training._callbacks import Callback, HistoryRow
from multitide.training._curves import curves_of

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from multitide.training._trainer import Trainer

RUN = "run-{}"


class TensorBoard(Callback):
    """Writes the history of training as event files, which ``tensorboard --logdir`` shows.

    There is one curve per task and column of the history: ``loss/TASK``, ``weight/TASK``,
    ``accuracy/TASK``, ..., and ``lr``. The curves of the training and the validation set lie in
    the folders ``train`` and ``validation`` of each run, so that TensorBoard draws both in one
    chart. Needs the extra ``tensorboard``.

    Parameters
    ----------
    folder : path
        Where to write. Each training begins a folder of its own, ``run-1``, ``run-2``, ...:
        pre-training, trials and refits too, and each task with ``sharing="none"``. A fit that is
        resumed continues its run.

    Examples
    --------
    >>> import tempfile
    >>> import multitide as mt
    >>> samples = mt.simulate_rig(n_runs=40, random_state=0)
    >>> estimator = mt.MultiTaskEstimator(max_epochs=1, random_state=0, verbose=0)
    >>> with tempfile.TemporaryDirectory() as folder:  # doctest: +SKIP
    ...     estimator.fit(samples, callbacks=[mt.TensorBoard(folder)])
    """

    def __init__(self, folder: str | Path) -> None:
        require_extra("tensorboard", "The callback TensorBoard")
        self.folder = as_path("folder", folder)
        self._run = 0
        self._writers: dict[str, SummaryWriter] = {}

    def state(self) -> dict[str, Any]:
        """Return the number of the run."""
        return {"run": self._run}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue the run that :meth:`state` returned."""
        self._run = int(state["run"])

    def on_train_begin(self, trainer: Trainer) -> None:
        """Choose the folder of a new run."""
        with writable(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        self._run += 1
        while (self.folder / RUN.format(self._run)).exists():
            self._run += 1

    def on_epoch_end(self, trainer: Trainer, rows: list[HistoryRow]) -> None:
        """Write the rows of the history."""
        for row in rows:
            writer = self._writer(row["side"], trainer.epoch)
            for curve, value in curves_of(row).items():
                writer.add_scalar(curve, value, trainer.epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, trainer: Trainer) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _writer(self, side: str, epoch: int) -> SummaryWriter:
        """Return the writer of a set; what a killed fit wrote from this epoch on is replaced."""
        from torch.utils.tensorboard import SummaryWriter

        if side not in self._writers:
            folder = self.folder / RUN.format(self._run) / side
            self._writers[side] = SummaryWriter(str(folder), purge_step=epoch)
        return self._writers[side]
