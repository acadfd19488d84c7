"""The training loop: named steps of a few lines, with hooks, and no host read within an epoch."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from multitide.balancing._aggregator import AggregatorModule
from multitide.balancing._weighting import WeightingModule
from multitide.errors import MultitideError
from multitide.network._network import Network
from multitide.network._stacking import Losses
from multitide.training._best_weights import Keeper
from multitide.training._callbacks import Callback
from multitide.training._lookahead import SecondForward
from multitide.training._mixing import Mixer, Stream
from multitide.training._schedule import Schedule
from multitide.training._settings import Training
from multitide.training._validation import Validation, validate

logger = logging.getLogger("multitide")


class Trainer:
    """Trains one network on one group of tasks.

    Its public attributes may be read by callbacks: ``network``, ``names``, ``weighting``,
    ``optimizer``, ``epoch`` (from 1), ``max_epochs``, ``history``, ``keeper``, and ``stop``, which
    may be set.

    Parameters
    ----------
    network : Network
        Already on the device.
    streams : sequence of Stream
        The samples of both sides, of each of the network's data sets.
    weighting : WeightingModule
        From the losses of the tasks in a batch to one number.
    aggregator : AggregatorModule, optional
        From the gradients of the tasks in a batch to one update, instead of the weighting.
    keeper : Keeper
        Chooses the weights that survive.
    settings : Training
        See there.
    max_epochs, batch_size, lr : int, int, float
        As in the estimator.
    seed : int
        Of the order of the rows; the caller seeds torch for dropout.
    schedule : Schedule, optional
        Replaces the one that `settings` asks for (a refit repeats the first run's).
    callbacks : sequence of Callback
        Told of every step.
    frozen : sequence of Module
        Stay in eval mode, so that their batch-norm statistics stay what they are and nothing is
        dropped in them; the caller has switched their gradients off.
    lr_factors : mapping of int to float, optional
        By the ``id`` of a parameter, the factor on its learning rate; 1 where there is none.
    """

    def __init__(
        self,
        network: Network,
        streams: Sequence[Stream],
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
    ) -> None:
        self.network, self.weighting, self.keeper, self.settings = (
            network,
            weighting,
            keeper,
            settings,
        )
        self.names, self.max_epochs, self.stop, self.epoch = network.names, max_epochs, False, 0
        self.schedule = schedule or Schedule(settings.schedule, max_epochs, settings.patience)
        self.frozen = list(frozen)
        self.optimizer = self._make_optimizer(lr, lr_factors or {})
        self.history: list[dict[str, Any]] = []
        self.seconds = 0.0
        self.gradient_norm: Tensor | None = None  # before clipping, still on the device
        self._losses, self._parameters = Losses(network.target_list), list(network.parameters())
        self._streams, self._device = list(streams), streams[0].samples.device
        self._callbacks = list(callbacks)
        if weighting.needs_second_forward:
            self._callbacks.insert(0, SecondForward())
        train = [stream.train for stream in streams]
        self._mixer = Mixer(
            train, batch_size, settings.mixing, settings.temperature, settings.order, seed
        )
        self._average = self._make_average()
        self._aggregator = aggregator if len(self.names) > 1 else None
        self._at_features = aggregator is not None and aggregator.at == "features"

    # -- the run -----------------------------------------------------------------------------------

    def run(self) -> Trainer:
        """Train until the schedule or a callback ends it; Ctrl-C keeps the best epoch so far."""
        started = time.perf_counter()
        self._tell("on_train_begin")
        try:
            while not self.stop and self.epoch < self.max_epochs:
                self.epoch += 1
                self.run_epoch()
        except KeyboardInterrupt:
            if not self.keeper.best:
                raise
            logger.warning(
                "Training was interrupted in epoch %d; the best epoch so far is kept.", self.epoch
            )
        finally:
            self._tell("on_train_end")
        self.seconds = time.perf_counter() - started
        return self

    def run_epoch(self) -> None:
        """Train on every row once, validate, keep, and decide whether to go on."""
        self._tell("on_epoch_begin")
        started = time.perf_counter()
        train_losses = self.train_epoch()
        validation = self.validate()
        self.weighting.end_epoch(train_losses)
        improved = self.keeper.offer(self.epoch, validation.losses, self.evaluated)
        rows = self._history_rows(train_losses, validation, time.perf_counter() - started)
        self.history += rows
        self.stop = self.schedule.finished(self.epoch - 1, improved)
        self._tell("on_epoch_end", rows)

    def train_epoch(self) -> dict[str, float]:
        """Take one step a batch and return each task's mean training loss in units of its trivial loss."""
        self.network.train()
        for module in self.frozen:
            module.eval()
        drawn = self._mixer.draw()
        rows = [torch.from_numpy(each).to(self._device) for each in drawn.rows]
        losses = []
        for i, n_labelled in enumerate(drawn.n_labelled):
            self.set_learning_rate(i / len(drawn.n_labelled))
            batch = [
                each[bounds[i] : bounds[i + 1]]
                for each, bounds in zip(rows, drawn.bounds, strict=True)
            ]
            losses.append(self.step(batch, n_labelled))
        return self._epoch_means(torch.stack(losses).cpu().numpy(), drawn.n_labelled)

    # -- one step ----------------------------------------------------------------------------------

    def step(self, rows: Sequence[Tensor], n_labelled: np.ndarray) -> Tensor:
        """Take one optimiser step and return the batch's losses, shape (n_tasks,), still on the device.

        Parameters
        ----------
        rows : sequence of Tensor of int64, each of shape (any,)
            For each data set the numbers of its samples; one that has none takes no part in the
            step.
        n_labelled : ndarray of int, shape (n_tasks,)
            Number of labelled rows of each task; tasks with none take no part in the step.
        """
        self.optimizer.zero_grad(set_to_none=True)
        self._tell("on_step_begin", rows, n_labelled)
        losses, features = self.task_losses(rows, n_labelled)
        self._tell("on_losses", losses)
        self.backward(losses, features)
        self.update()
        self._tell("on_step_end")
        zero = torch.zeros((), device=self._device)
        return torch.stack(
            [losses[name].detach() if name in losses else zero for name in self.names]
        )

    def task_losses(
        self, rows: Sequence[Tensor], n_labelled: np.ndarray
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Return the mean loss of each task that has labels in the batch, and the features that the heads read.

        Losses are in units of the trivial loss; an absent task has none.
        """
        features, coded = self.read(rows)
        if (
            self._at_features
        ):  # a view for each task, so that one pass back finds each task's gradient there
            features = [each.view_as(each) for each in features]
        outputs = self.network.outputs(features, [bool(n) for n in n_labelled])
        losses = self._losses.means(outputs, coded, n_labelled.tolist())
        return {self.names[i]: loss for i, loss in losses.items()}, features

    def read(self, rows: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return each task's features and codes for the rows of all data sets, one data set after the other."""
        features, codes = [], []
        for i, (stream, numbers) in enumerate(zip(self._streams, rows, strict=True)):
            if len(numbers):
                batch = stream.samples.gather(numbers)
                features.append(self.network.features(batch.x, batch.lengths, batch.static, i))
                codes.append(batch.codes)
        return together(features), together(codes)

    def backward(self, losses: dict[str, Tensor], features: list[Tensor]) -> None:
        """Send back the gradient of the weighted losses, or the tasks' aggregated ones, and of what ties the tasks."""
        penalty = self.network.sharing.penalty()
        if self._aggregator is None:
            total = self.weighting(losses)
            (total if penalty is None else total + penalty).backward()
            return
        if self._at_features:
            views = [
                each for name, each in zip(self.names, features, strict=True) if name in losses
            ]
            self._aggregator.backward_at_views(losses, views, self._own_parameters())
        else:
            self._aggregator.backward(
                losses, self.network.sharing.shared_parameters(), self._own_parameters()
            )
        if penalty is not None:
            penalty.backward()

    def update(self) -> None:
        """Clip the gradient, move the parameters that have one, and follow with the average."""
        if self.settings.clip_norm is not None:
            self.gradient_norm = nn.utils.clip_grad_norm_(self._parameters, self.settings.clip_norm)
        self.optimizer.step()
        if self._average is not None:
            self._average.update_parameters(self.network)

    # -- validation --------------------------------------------------------------------------------

    @property
    def evaluated(self) -> Network:
        """The network that is validated and kept: the averaged one if there is one."""
        if self._average is None:
            return self.network
        assert isinstance(self._average.module, Network)
        return self._average.module

    def validate(self) -> Validation:
        """Return each task's mean validation loss, in units of its trivial loss, and its headline figure."""
        return validate(self.evaluated, self._streams, self._losses)

    # -- what the steps are made of ----------------------------------------------------------------

    def set_learning_rate(self, part_of_epoch: float) -> None:
        """Set the learning rate of every parameter group to its base times the schedule's factor."""
        factor = self.schedule.factor(self.epoch - 1 + part_of_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor

    def _own_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that lie above the place where the tasks' gradients meet."""
        if self._at_features:
            return list(self.network.heads.parameters())
        shared = {id(parameter) for parameter in self.network.sharing.shared_parameters()}
        return [parameter for parameter in self.network.parameters() if id(parameter) not in shared]

    def _make_optimizer(self, lr: float, lr_factors: Mapping[int, float]) -> torch.optim.Optimizer:
        """Group the parameters by learning rate and decay; frozen ones are there too, and do not move."""
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for parameter in self.network.parameters():
            decay = self.settings.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((lr * lr_factors.get(id(parameter), 1.0), decay), []).append(
                parameter
            )
        listed: list[dict[str, Any]] = [
            {"params": parameters, "lr": rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ]
        listed += self.weighting.parameter_groups(lr)
        return torch.optim.AdamW(
            [group | {"base_lr": group["lr"]} for group in listed], lr=lr, fused=True
        )

    def _make_average(self) -> AveragedModel | None:
        if self.settings.averaging is None:
            return None
        average = get_ema_multi_avg_fn(self.settings.averaging)
        return AveragedModel(self.network, multi_avg_fn=average, use_buffers=False)

    def _epoch_means(self, losses: np.ndarray, counts: np.ndarray) -> dict[str, float]:
        if len(broken := np.flatnonzero(~np.isfinite(losses).all(axis=1))):
            self._refuse(int(broken[0]), losses[broken[0]])
        labelled = counts.sum(axis=0)
        means = (losses.astype(np.float64) * counts).sum(axis=0) / np.maximum(labelled, 1)
        return {
            name: mean
            for name, mean, n in zip(self.names, means.tolist(), labelled, strict=True)
            if n
        }

    def _refuse(self, step: int, losses: np.ndarray) -> None:
        """Name the first step at which a loss was not finite, and the tasks whose loss it was."""
        names = [
            name for name, loss in zip(self.names, losses, strict=True) if not np.isfinite(loss)
        ]
        raise MultitideError(
            f"The training loss must be finite; got {losses} for {self.names} in step {step + 1} of epoch {self.epoch} "
            f"(not finite: {names}). A lower `lr` or a `clip_norm` usually mends it; so does `inputs.clip`."
        )

    def _history_rows(
        self, train: dict[str, float], validation: Validation, seconds: float
    ) -> list[dict[str, Any]]:
        weights = self.weighting.current()
        lr = self.optimizer.param_groups[0]["lr"]
        shared = {"epoch": self.epoch, "lr": lr, "seconds": seconds}
        rows = [
            shared | {"task": name, "side": side, "loss": loss, "weight": weights.get(name, 1.0)}
            for side, losses in (("train", train), ("validation", validation.losses))
            for name, loss in losses.items()
        ]
        return [
            row | (validation.figures.get(row["task"], {}) if row["side"] == "validation" else {})
            for row in rows
        ]

    def _tell(self, hook: str, *args: Any) -> None:
        for callback in self._callbacks:
            getattr(callback, hook)(self, *args)


def together(parts: Sequence[list[Tensor]]) -> list[Tensor]:
    """Return each task's tensors of several data sets as one; one tensor for all tasks stays one tensor."""
    if len(parts) == 1:
        return parts[0]
    if all(each is part[0] for part in parts for each in part):
        return [torch.cat([part[0] for part in parts])] * len(parts[0])
    return [torch.cat(each) for each in zip(*parts, strict=True)]
