"""The base of every aggregator: from the gradients of the tasks to one update."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from multitide._part import Part
from multitide.balancing._aggregator_state import restore, state_of
from multitide.balancing._diverged import Diverged
from multitide.errors import MultitideError

Place = Literal["parameters", "features"]


class AggregatorModule(nn.Module):
    """Combines the gradients of the tasks that a batch holds.

    Parameters
    ----------
    names : sequence of str
        All tasks. With a single task, its gradient is used unchanged.
    make : callable
        Returns a fresh aggregator of TorchJD for a number of rows.
    degree : float or None
        See :attr:`Aggregator.degree`.
    at : {"parameters", "features"}, default="parameters"
        See :class:`Aggregator`.
    """

    def __init__(
        self,
        names: Sequence[str],
        make: Callable[[int], nn.Module],
        degree: float | None,
        at: Place = "parameters",
    ) -> None:
        super().__init__()
        self.names = list(names)
        self.at = at
        self._make = make
        self._degree = degree
        # Stateful aggregators (GradVac, Nash-MTL, ExcessMTL) identify tasks by position. Each set
        # of tasks therefore has an aggregator of its own: a missing task does not change any
        # state, and no task uses the state of another.
        self._aggregators: dict[tuple[str, ...], nn.Module] = {}

    @torch.no_grad()
    def combine(self, jacobian: Tensor, present: Sequence[str]) -> Tensor:
        """Return the update, shape (n_params,).

        Parameters
        ----------
        jacobian : Tensor, shape (n_present, n_params)
            The gradient of each task.
        present : sequence of str
            The tasks of the rows. A gradient of zeros counts as a missing task: it would stop MGDA
            and CAGrad, and in the first step of a network whose heads start at zero every gradient
            is zero.

        Raises
        ------
        MultitideError
            If a gradient is not finite, or TorchJD cannot combine the gradients of these tasks.
        """
        norms = torch.linalg.vector_norm(jacobian, dim=1).tolist()
        if not all(map(_is_finite, norms)):
            got = dict(zip(present, norms, strict=True))
            raise Diverged(
                "The gradients of the tasks must be finite; "
                f"got norms {got}. A lower `lr` usually helps."
            )
        rows = []
        for i, norm in enumerate(norms):
            if norm > 0:
                rows.append(i)
        if len(rows) < 2:
            return jacobian.sum(dim=0)
        # TorchJD's solvers expect gradients of about 1 (UPGrad treats 1e-4 as zero); ours may have
        # any size.
        scale, degree = 1.0, 1.0
        if self._degree is not None:
            scale, degree = max(norms), self._degree
        if len(rows) < len(norms):
            jacobian = jacobian[rows]
        aggregator = self._aggregator(tuple(present[i] for i in rows))
        factor: float = scale**degree
        return factor * _aggregate(aggregator, jacobian / scale)

    def backward(
        self,
        losses: Mapping[str, Tensor],
        shared: Sequence[Tensor],
        own: Sequence[Tensor],
    ) -> None:
        """Backpropagate the losses one by one: combined at `shared`, summed at `own`.

        Parameters
        ----------
        losses : mapping of str to Tensor, each of shape ()
            Mean losses of the tasks that have labels in the batch; at least one.
        shared : sequence of Tensor
            The shared parameters, at which the gradients are combined. Those that none of the
            losses depends on get no gradient.
        own : sequence of Tensor
            All other parameters; they get the sum of the losses' gradients.
        """
        shared, own = _trained(shared), _trained(own)
        rows = _gradients(list(losses.values()), [*shared, *own])
        _add_gradients(own, [row[len(shared) :] for row in rows])
        columns = []
        for i in range(len(shared)):
            if _is_reached(rows, i):
                columns.append(i)
        if not columns:  # everything shared is frozen
            return
        shared = [shared[i] for i in columns]
        flat = []
        for row in rows:
            flat.append(_flatten([row[i] for i in columns], shared))
        update = self.combine(torch.stack(flat), list(losses))
        pieces = torch.split(update, [tensor.numel() for tensor in shared])
        gradients = []
        for piece, tensor in zip(pieces, shared, strict=True):
            gradients.append(piece.view_as(tensor))
        torch.autograd.backward(shared, gradients)

    def backward_at_views(
        self,
        losses: Mapping[str, Tensor],
        views: Sequence[Tensor],
        own: Sequence[Tensor],
    ) -> None:
        """Backpropagate all losses in one pass through the heads, combined at the features.

        Parameters
        ----------
        losses : mapping of str to Tensor, each of shape ()
            As in :meth:`backward`.
        views : sequence of Tensor, one per loss
            Views of the same features, each read by the head of one task. The gradient of the sum
            of the losses at a view is then the gradient of that task's loss.
        own : sequence of Tensor
            Parameters of the heads.
        """
        views, own = _trained(views), _trained(own)
        total = torch.stack(list(losses.values())).sum()
        gradients = torch.autograd.grad(total, [*views, *own], allow_unused=True)
        _add_gradients(own, [gradients[len(views) :]])
        if not views:  # everything below the heads is frozen
            return
        jacobian = torch.stack(
            [gradient.flatten() for gradient in gradients[: len(views)]]
        )
        update = self.combine(jacobian, list(losses))
        torch.autograd.backward(views[:1], [update.view_as(views[0])])

    def state(self, tensors: dict[str, Tensor]) -> list[list[Any]]:
        """Return the state of the aggregator of each set of tasks; its tensors are added."""
        states = []
        for i, (present, aggregator) in enumerate(self._aggregators.items()):
            numbers = state_of(aggregator, f"aggregator.{i}", tensors)
            states.append([list(present), numbers])
        return states

    def restore(
        self,
        states: Sequence[Sequence[Any]],
        tensors: Mapping[str, Tensor],
        device: torch.device,
    ) -> None:
        """Take up what :meth:`state` returned."""
        for i, (present, numbers) in enumerate(states):
            if not set(present) <= set(self.names):
                raise ValueError(f"tasks must be of {self.names}; got {present}")
            aggregator = self._aggregator(tuple(present))
            restore(aggregator, f"aggregator.{i}", tensors, numbers, device)

    def _aggregator(self, present: tuple[str, ...]) -> nn.Module:
        if present not in self._aggregators:
            self._aggregators[present] = self._make(len(present))
        return self._aggregators[present]


@dataclass
class Aggregator(Part, ABC):
    """Spec of an aggregator; its dataclass fields are its parameters.

    Parameters
    ----------
    at : {"parameters", "features"}, default="parameters"
        Where the gradients of the tasks are combined. At the shared parameters, as in the papers,
        this takes one backward pass per task. At the features that all heads read it costs almost
        nothing, but what the method guarantees holds for the features only.
    """

    at: Place = field(default="parameters", kw_only=True)

    @property
    def degree(self) -> float | None:
        """Gradients c times as long give an update c ** degree times as long, unless it is None."""
        return 1.0

    def build(self, names: Sequence[str]) -> AggregatorModule:
        """Return a fresh module for these tasks; with a single task it is plain training.

        Raises
        ------
        MissingDependencyError
            If the aggregator needs a package that is not installed.
        """
        if len(names) > 1:
            self.make(len(names))  # so that an error comes before training
        return AggregatorModule(names, self.make, self.degree, self.at)

    @abstractmethod
    def make(self, n_rows: int) -> nn.Module:
        """Return a fresh module from a Jacobian, shape (n_rows, n_params), to an update."""


def _is_finite(value: float) -> bool:
    return value < float("inf")


def _aggregate(aggregator: nn.Module, jacobian: Tensor) -> Tensor:
    with warnings.catch_warnings():
        # Solvers warn of their own internals at every step.
        warnings.simplefilter("ignore")
        try:
            update: Tensor = aggregator(jacobian)
        except ValueError as error:  # Krum, for example, needs a minimum number of rows
            raise MultitideError(
                "`aggregator` must combine the "
                f"gradients of {len(jacobian)} tasks; "
                f"got {type(aggregator).__name__}. {error}"
            ) from error
    return update


def _trained(tensors: Sequence[Tensor]) -> list[Tensor]:
    trained = []
    for tensor in tensors:
        if tensor.requires_grad:
            trained.append(tensor)
    return trained


def _gradients(
    losses: Sequence[Tensor], tensors: Sequence[Tensor]
) -> list[tuple[Tensor | None, ...]]:
    """Return the gradients of each loss, and free the graph with the last of them."""
    rows: list[tuple[Tensor | None, ...]] = []
    for i, loss in enumerate(losses):
        more = i + 1 < len(losses)
        rows.append(
            torch.autograd.grad(loss, tensors, retain_graph=more, allow_unused=True)
        )
    return rows


def _is_reached(rows: Sequence[Sequence[Tensor | None]], column: int) -> bool:
    return any(row[column] is not None for row in rows)


def _flatten(gradients: Sequence[Tensor | None], tensors: Sequence[Tensor]) -> Tensor:
    """Return one vector of all gradients, with zeros for missing ones."""
    pieces = []
    for gradient, tensor in zip(gradients, tensors, strict=True):
        if gradient is None:
            piece = torch.zeros_like(tensor)
        else:
            piece = gradient
        pieces.append(piece.flatten())
    return torch.cat(pieces)


def _add_gradients(
    parameters: Sequence[Tensor], rows: Sequence[Sequence[Tensor | None]]
) -> None:
    """Add the gradients of all rows to those that the parameters have."""
    for i, parameter in enumerate(parameters):
        for row in rows:
            gradient = row[i]
            if gradient is not None:
                if parameter.grad is None:
                    parameter.grad = gradient
                else:
                    parameter.grad = parameter.grad + gradient
