"""The training loop: short named steps with hooks, and no synchronisation within an epoch."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from multitide._threads import threads_of_step
from multitide.balancing._aggregator import AggregatorModule
from multitide.balancing._diverged import Diverged
from multitide.balancing._weighting import WeightingModule
from multitide.network._network import Network
from multitide.network._stacking import Losses
from multitide.sharing._across import joined_rows
from multitide.training._best_weights import Keeper
from multitide.training._callbacks import Callback, HistoryRow
from multitide.training._clip_gradient import clip_gradient
from multitide.training._epoch_means import epoch_means
from multitide.training._finite import check_losses, check_weights
from multitide.training._history_rows import history_rows
from multitide.training._lookahead import SecondForward
from multitide.training._mixing import DeviceData, Drawn, Mixer
from multitide.training._moving_average import MovingAverage
from multitide.training._optimizer import make_optimizer, set_learning_rates
from multitide.training._own_parameters import own_parameters
from multitide.training._precision import Precision
from multitide.training._schedule import Schedule
from multitide.training._settings import Training
from multitide.training._step_graphs import Recorder, StepGraphs, StepResult
from multitide.training._training_checkpoint import TrainingCheckpoint
from multitide.training._validation import Validation, validate

logger = logging.getLogger("multitide")


class Trainer:
    """Trains one network on one group of tasks.

    Callbacks may read the public attributes ``network``, ``names``, ``weighting``, ``optimizer``,
    ``epoch`` (from 1), ``max_epochs``, ``history``, ``keeper``, ``stop`` and ``diverged`` (why
    training has stopped early, or ""), and may set ``stop``. A handler of signals may set
    ``interrupt``, which ends training after the current step, with a checkpoint.

    Parameters
    ----------
    network : Network
        The network, already on the device.
    streams : sequence of DeviceData
        The training and validation set of each of the network's data sets.
    weighting : WeightingModule
        Combines the losses of the tasks in a batch to one number.
    aggregator : AggregatorModule, optional
        Combines the gradients of the tasks in a batch to one update, instead of the weighting.
    keeper : Keeper
        Chooses the epoch whose weights are kept.
    settings : Training
        The other settings.
    max_epochs, batch_size, lr : int, int, float
        See :class:`multitide.MultiTaskEstimator`.
    seed : int
        Seed of the order of the rows; the caller seeds torch for dropout.
    schedule : Schedule, optional
        Replaces the schedule of `settings` (a refit repeats that of the first run).
    callbacks : sequence of Callback
        Callbacks, called in this order.
    frozen : sequence of Module
        Modules that stay in eval mode, so that their batch-norm statistics do not change and their
        dropout is off; the caller disables their gradients.
    lr_factors : mapping of int to float, optional
        Factors on the learning rate by the ``id`` of the parameter; 1 for all others.
    recorder : Recorder, optional
        Records the steps, which are then replayed.
    checkpoint : TrainingCheckpoint, optional
        Keeps the state of the training; if it has one already, training continues there.
    """

    def __init__(
        self,
        network: Network,
        streams: Sequence[DeviceData],
        *,
        weighting: WeightingModule,
        aggregator: AggregatorModule | None = None,
        keeper: Keeper,
        settings: Training,
        max_epochs: int,
        batch_size: int,
        lr: float,
        seed: int,
        schedule: Schedule | None = None,
        callbacks: Sequence[Callback] = (),
        frozen: Sequence[nn.Module] = (),
        lr_factors: Mapping[int, float] | None = None,
        recorder: Recorder | None = None,
        checkpoint: TrainingCheckpoint | None = None,
    ) -> None:
        self.network = network
        self.names = network.names
        self.weighting = weighting
        self.keeper = keeper
        self.settings = settings
        self.max_epochs = max_epochs
        self.epoch = 0
        self.stop = self.interrupt = False
        self.diverged = ""
        self.schedule = schedule or Schedule(
            settings.schedule, max_epochs, settings.patience
        )
        self.frozen = list(frozen)
        self._parameters = list(network.parameters())
        self.optimizer = make_optimizer(
            self._parameters,
            weighting.parameter_groups(lr),
            lr=lr,
            weight_decay=settings.weight_decay,
            lr_factors=lr_factors or {},
        )
        self.history: list[HistoryRow] = []
        self.seconds = 0.0
        self.gradient_norm: Tensor | None = None  # before clipping, still on the device
        self.taken: list[Tensor] = []  # the losses of the steps of an epoch so far
        self._losses = Losses(network.target_list)
        self._streams = list(streams)
        self._device = streams[0].samples.device
        self._checkpoint = checkpoint or TrainingCheckpoint(None)
        self.callbacks = list(callbacks)
        self._batch_size = batch_size
        self.precision = Precision(settings.precision)
        if settings.precision == "auto":
            self.callbacks.insert(0, self.precision)
        if weighting.needs_second_forward:
            self.callbacks.insert(0, SecondForward())
        self.mixer = Mixer(
            [stream.train for stream in streams],
            batch_size,
            settings.mixing,
            settings.temperature,
            settings.order,
            seed,
        )
        self.before_epoch = self.mixer.state()
        self.average: MovingAverage | None = None
        if settings.averaging is not None:
            self.average = MovingAverage(network, settings.averaging)
        if len(self.names) > 1:
            self.aggregator = aggregator
        else:
            self.aggregator = None
        self._at_features = aggregator is not None and aggregator.at == "features"
        self._graphs: StepGraphs | None = None
        if recorder is not None:
            modules: list[nn.Module] = [network, weighting]
            if self.average is not None:
                modules.append(self.average.network)
            self._graphs = StepGraphs(
                self.compute, modules, self.optimizer, recorder, settings.graph is True
            )

    # -- the run -----------------------------------------------------------------------------------

    def run(self) -> Trainer:
        """Train until the schedule or a callback stops.

        After Ctrl-C, or a loss that is not finite, the best epoch so far is kept.
        """
        n_timepoints = max(stream.samples.n_timepoints for stream in self._streams)
        with threads_of_step(self.network, self._batch_size, n_timepoints):
            self._run_epochs()
        self._checkpoint.finish(self)
        return self

    def _run_epochs(self) -> None:
        self._begin()
        try:
            while self.taken or not self._is_over:
                if not self.taken:
                    self.epoch += 1
                self.run_epoch()
        except KeyboardInterrupt:
            self._checkpoint.close()
            if not self.keeper.best:
                raise
            logger.warning(
                "Training was interrupted in epoch %d; the best epoch so far is kept.",
                self.epoch,
            )
        except Diverged as error:
            if not self.keeper.best:
                raise
            self.stop = True
            self.diverged = str(error)
            logger.warning(
                "Training has stopped in epoch %d; the best epoch so far is kept. %s",
                self.epoch,
                error,
            )
        finally:
            self._call("on_train_end")

    @property
    def _is_over(self) -> bool:
        # A model needs one epoch, also if a callback has set `stop` before it.
        return self.epoch > 0 and (self.stop or self.epoch >= self.max_epochs)

    def _begin(self) -> None:
        """Take up the state of the checkpoint, if there is one."""
        self._checkpoint.restore(self)
        self._call("on_train_begin")
        self._checkpoint.restore_callbacks(self)

    def run_epoch(self) -> None:
        """Train on every row once, validate, keep the best weights, and decide whether to stop."""
        self._call("on_epoch_begin")
        started = time.perf_counter()
        train_losses = self.train_epoch()
        check_weights(self.network, self.epoch)
        validation = self.validate()
        self.weighting.end_epoch(train_losses)
        improved = self.keeper.offer(self.epoch, validation.losses, self.evaluated)
        seconds = time.perf_counter() - started
        self.seconds += seconds
        rows = history_rows(self, train_losses, validation, seconds)
        self.history += rows
        if self.schedule.finished(self.epoch - 1, improved):
            self.stop = True
        self._call("on_epoch_end", rows)

    def train_epoch(self) -> dict[str, float]:
        """Take one step per batch and return the mean training loss per task.

        Losses are in units of the trivial loss.
        """
        self.network.train()
        for module in self.frozen:
            module.eval()
        self.before_epoch = self.mixer.state()
        drawn = self.mixer.draw()
        with nullcontext() if self._graphs is None else self._graphs.epoch():
            losses = self._take_steps(drawn)
        check_losses(losses.cpu().numpy(), self.names, self.epoch)
        return epoch_means(losses.cpu().numpy(), drawn.n_labelled, self.names)

    def _take_steps(self, drawn: Drawn) -> Tensor:
        """Take the steps of an epoch and return their losses, shape (n_steps, n_tasks)."""
        rows = []
        for each in drawn.rows:
            rows.append(torch.from_numpy(each).to(self._device))
        for i in range(len(self.taken), len(drawn.n_labelled)):
            self.set_learning_rate(i / len(drawn.n_labelled))
            batch = []
            for indices, bounds in zip(rows, drawn.bounds, strict=True):
                batch.append(indices[bounds[i] : bounds[i + 1]])
            self.taken.append(self.step(batch, drawn.n_labelled[i]))
            self._after_step()
        losses, self.taken = torch.stack(self.taken), []
        return losses

    def _after_step(self) -> None:
        """Keep the state if it is time to, or if training is to end here."""
        ends = self.interrupt  # a signal may set it at any time
        self._checkpoint.after_step(self, at_once=ends)
        if ends:
            raise KeyboardInterrupt

    def in_any_process(self, flag: bool) -> bool:
        """Return whether a flag is set here, or in another process of the same training."""
        return flag

    def end_early(self) -> None:
        """End after this epoch, at the wish of somebody; a checkpoint stays where it is."""
        self.stop = True
        self._checkpoint.close()

    # -- one step ----------------------------------------------------------------------------------

    def step(self, rows: Sequence[Tensor], n_labelled: np.ndarray) -> Tensor:
        """Take one optimiser step and return the losses, shape (n_tasks,), on the device.

        Parameters
        ----------
        rows : sequence of Tensor of int64, each of shape (any,)
            For each data set, the numbers of its samples in the batch; there may be none.
        n_labelled : ndarray of int, shape (n_tasks,)
            Number of labelled rows per task; tasks with none take no part in the step.
        """
        self.optimizer.zero_grad()
        self._call("on_step_begin", rows, n_labelled)
        take = self.compute
        if self._graphs is not None and self.precision.in_bf16 is not None:
            take = self._graphs.step
        losses, self.gradient_norm = take(rows, n_labelled)
        self._call("on_step_end")
        return losses

    def compute(self, rows: Sequence[Tensor], n_labelled: np.ndarray) -> StepResult:
        """Compute a step on the device, without what callbacks do before and after it."""
        losses, features = self.task_losses(rows, n_labelled)
        self._call("on_losses", losses)
        self.backward(losses, features)
        norm = self.update()
        if len(losses) < len(self.names):
            zero = torch.zeros((), device=self._device)
            losses = {name: losses.get(name, zero) for name in self.names}
        with torch.no_grad():
            return StepResult(torch.stack(list(losses.values())), norm)

    def task_losses(
        self, rows: Sequence[Tensor], n_labelled: np.ndarray
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Return the mean loss of each task that has labels in the batch, and the heads' inputs.

        Losses are in units of the trivial loss; a task without labels has none.
        """
        features, codes, weights = self.read(rows)
        if self._at_features:
            # With a view per task, one backward pass gives the gradient of each task there.
            features = [each.view_as(each) for each in features]
        outputs = self.network.outputs(features, (n_labelled > 0).tolist())
        losses = self._losses.means(
            outputs, codes, n_labelled.tolist(), weights, self._graphs is not None
        )
        return {self.names[i]: loss for i, loss in losses.items()}, features

    def read(
        self, rows: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor] | None]:
        """Return each task's features, codes and weights (if any) for the rows of all data sets."""
        features, codes, weights = [], [], []
        rounded = bool(self.precision.in_bf16)
        for i, (stream, numbers) in enumerate(zip(self._streams, rows, strict=True)):
            if len(numbers):
                batch = stream.samples.gather(numbers)
                inputs = batch.x, batch.lengths, batch.static
                features.append(self.network.features(*inputs, i, rounded))
                codes.append(batch.codes)
                if batch.weights is not None:
                    weights.append(batch.weights)
        return joined_rows(features), joined_rows(codes), joined_rows(weights) or None

    def backward(self, losses: dict[str, Tensor], features: list[Tensor]) -> None:
        """Backpropagate the weighted losses or the aggregated gradients, and the penalty."""
        penalty = self.network.sharing.penalty()
        if self.aggregator is None:
            total = self.weighting(losses)
            (total if penalty is None else total + penalty).backward()
            return
        own = own_parameters(self.network, self._at_features)
        if self._at_features:
            by_name = dict(zip(self.names, features, strict=True))
            self.aggregator.backward_at_views(
                losses, [by_name[name] for name in losses], own
            )
        else:
            shared = self.network.sharing.shared_parameters()
            self.aggregator.backward(losses, shared, own)
        if penalty is not None:
            penalty.backward()

    def update(self) -> Tensor | None:
        """Clip the gradient, take the optimiser's step, and update the average of the weights.

        Return the norm before clipping, if the gradient is clipped.
        """
        norm = None
        if self.settings.clip_norm is not None:
            norm = clip_gradient(self._parameters, self.settings.clip_norm)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(self.network)
        return norm

    # -- validation --------------------------------------------------------------------------------

    @property
    def evaluated(self) -> Network:
        """The network that is validated and kept: the averaged one, if there is one."""
        if self.average is None:
            return self.network
        return self.average.network

    def validate(self) -> Validation:
        """Return the mean loss and the headline metric of each task on the validation set."""
        return validate(self.evaluated, self._streams, self._losses)

    # -- parts of the steps ------------------------------------------------------------------------

    def set_learning_rate(self, part_of_epoch: float) -> None:
        """Multiply the base learning rate of every parameter group by the schedule's factor."""
        factor = self.schedule.factor(self.epoch - 1 + part_of_epoch)
        set_learning_rates(self.optimizer, factor)

    def _call(self, hook: str, *args: object) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(self, *args)
