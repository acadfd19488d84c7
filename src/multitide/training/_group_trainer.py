"""Training of one network by several processes, which share the rows of every step.

All processes draw the same epochs, and know how many labels each task has in a step. Each computes
the losses of its rows; the sums of all processes, divided by these numbers, are the losses that a
single process would have. The gradients of all processes are added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn

from multitide._together import Group
from multitide.training._trainer import Trainer


class GroupTrainer(Trainer):
    """One of several processes that train a network together.

    Batch norms see the rows of their own process, and the statistics of the first process are kept.

    Parameters
    ----------
    group : Group
        All processes.
    *args, **options
        As for :class:`Trainer`, the same in all processes.
    """

    def __init__(self, group: Group, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._group = group

    def run(self) -> Trainer:
        """Train until all processes stop; each draws dropout of its own."""
        torch.manual_seed(torch.initial_seed() + self._group.rank)
        return super().run()

    def run_epoch(self) -> None:
        """Train and validate; stop if any process does."""
        super().run_epoch()
        self.stop = self.in_any_process(self.stop)

    def _after_step(self) -> None:
        self.interrupt = self.in_any_process(self.interrupt)
        super()._after_step()

    def in_any_process(self, flag: bool) -> bool:
        """Return whether a flag is set in any process."""
        flags = torch.tensor([float(flag)], device=self._device)
        distributed.all_reduce(flags, distributed.ReduceOp.MAX)
        return bool(flags.item())

    def train_epoch(self) -> dict[str, float]:
        """Take the steps of an epoch, and let all processes have the same statistics."""
        losses = super().train_epoch()
        for network in (self.network, self.evaluated):
            for buffer in network.buffers():
                distributed.broadcast(buffer, 0)
        return losses

    def task_losses(
        self, rows: Sequence[Tensor], n_labelled: np.ndarray
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Return the mean loss of each task over the rows of all processes."""
        own = rows_of_process(rows, self._group)
        sums = torch.zeros(len(self.names), dtype=torch.float64, device=self._device)
        features: list[Tensor] = []
        if any(len(numbers) for numbers in own):
            features, codes, weights = self.read(own)
            learning = (n_labelled > 0).tolist()
            outputs = []
            for output, learns in zip(
                self.network.outputs(features, learning), learning, strict=True
            ):
                outputs.append(output if learns else output.detach())
            sums = self._losses.sums(outputs, codes, weights)
        total = _SumOfProcesses.apply(sums)  # type: ignore[no-untyped-call,unused-ignore]
        losses = {}
        for i, name in enumerate(self.names):
            if n_labelled[i]:
                losses[name] = (total[i] / int(n_labelled[i])).float()
        return losses, features

    def backward(self, losses: dict[str, Tensor], features: list[Tensor]) -> None:
        """Backpropagate the weighted losses of the rows of this process, and add all gradients."""
        objective = self.weighting(losses)
        penalty = self.network.sharing.penalty()
        if penalty is not None:  # every process has the whole of it
            objective = objective + penalty / self._group.size
        if objective.requires_grad:
            objective.backward()
        add_gradients(self._parameters)


def rows_of_process(rows: Sequence[Tensor], group: Group) -> list[Tensor]:
    """Return the rows of a step that one process computes: every n-th, over all data sets."""
    own = []
    n_before = 0
    for numbers in rows:
        own.append(numbers[(group.rank - n_before) % group.size :: group.size])
        n_before += len(numbers)
    return own


class _SumOfProcesses(torch.autograd.Function):
    """The sum of a tensor over all processes; each passes the gradient to its own part."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:  # torch's context has no type
        total = own.detach().clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


def add_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Add the gradients of all processes.

    A parameter that no process has used stays without a gradient.
    """
    parameters = list(parameters)
    used = torch.tensor(
        [float(each.grad is not None) for each in parameters],
        device=parameters[0].device,
    )
    distributed.all_reduce(used, distributed.ReduceOp.MAX)
    gradients = []
    for parameter, is_used in zip(parameters, used.tolist(), strict=True):
        if not is_used:
            continue
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        gradients.append(parameter.grad)
    if not gradients:
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    sizes = [gradient.numel() for gradient in gradients]
    for gradient, total in zip(gradients, flat.split(sizes), strict=True):
        gradient.copy_(total.view_as(gradient))
