"""What every aggregator is: from the gradients of the tasks to one update; the adapter to TorchJD's."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from multitide._part import Part
from multitide.errors import MissingDependencyError, MultitideError


class AggregatorModule(nn.Module):
    """Combines the gradients of the tasks that a batch holds.

    Parameters
    ----------
    names : sequence of str
        All tasks; with a single one its gradient is taken as it is.
    make : callable
        From a number of rows to a fresh aggregator of TorchJD.
    degree : float or None
        See :attr:`Aggregator.degree`.
    """

    def __init__(
        self, names: Sequence[str], make: Callable[[int], nn.Module], degree: float | None
    ) -> None:
        super().__init__()
        self.names = list(names)
        self._make = make
        self._degree = degree
        # What an aggregator remembers of gradients (GradVac, Nash-MTL, ExcessMTL) it remembers by
        # position, so that each set of tasks has an aggregator of its own: an absent task moves no
        # state, and none is read as another's.
        self._aggregators: dict[tuple[str, ...], nn.Module] = {}

    @torch.no_grad()
    def combine(self, jacobian: Tensor, present: Sequence[str]) -> Tensor:
        """Return the update, shape (n_params,).

        Parameters
        ----------
        jacobian : Tensor, shape (n_present, n_params)
            One task's gradient a row.
        present : sequence of str
            Which tasks these are. A gradient of zeros is that of an absent task: it would stop MGDA
            and CAGrad, and a network whose heads start with zero weights has nothing else at its
            first step.

        Raises
        ------
        MultitideError
            If a gradient is not finite.
        """
        norms = torch.linalg.vector_norm(jacobian, dim=1).tolist()
        if not all(map(_is_finite, norms)):
            raise MultitideError(
                f"The gradients of the tasks must be finite; got norms {dict(zip(present, norms, strict=True))}. "
                "A lower `lr` usually mends it."
            )
        rows = [i for i, norm in enumerate(norms) if norm > 0]
        if len(rows) < 2:
            return jacobian.sum(dim=0)
        # TorchJD's solvers are made for gradients of about 1 (UPGrad takes 1e-4 for nothing); ours
        # may be of any size.
        scale, degree = (1.0, 1.0) if self._degree is None else (max(norms), self._degree)
        some = jacobian if len(rows) == len(norms) else jacobian[rows]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # solvers speak of their own internals, at every step
            return scale**degree * self._aggregator(tuple(present[i] for i in rows))(some / scale)

    def backward(
        self, losses: Mapping[str, Tensor], shared: Sequence[Tensor], own: Sequence[Tensor]
    ) -> None:
        """Send the losses back: combined at `shared`, each task's own gradient at `own`; a pass back a task.

        Parameters
        ----------
        losses : mapping of str to Tensor, each of shape ()
            Mean losses of the tasks that have labels in the batch; at least one.
        shared : sequence of Tensor
            The shared parameters, where the tasks' gradients meet. Those that no present loss
            reaches keep no gradient.
        own : sequence of Tensor
            All other parameters; they get the sum of the losses' gradients.
        """
        shared, own = (
            [tensor for tensor in tensors if tensor.requires_grad] for tensors in (shared, own)
        )
        rows: list[tuple[Tensor | None, ...]] = []
        for i, loss in enumerate(losses.values()):
            more = i + 1 < len(losses)
            rows.append(
                torch.autograd.grad(loss, [*shared, *own], retain_graph=more, allow_unused=True)
            )
        _add_gradients(own, [row[len(shared) :] for row in rows])
        reached = [i for i in range(len(shared)) if any(row[i] is not None for row in rows)]
        if not reached:  # all that is shared is frozen
            return
        met = [shared[i] for i in reached]
        jacobian = torch.stack([_flatten([row[i] for i in reached], met) for row in rows])
        pieces = self.combine(jacobian, list(losses)).split([tensor.numel() for tensor in met])
        torch.autograd.backward(
            met, [piece.view_as(tensor) for piece, tensor in zip(pieces, met, strict=True)]
        )

    def backward_at_views(
        self, losses: Mapping[str, Tensor], views: Sequence[Tensor], own: Sequence[Tensor]
    ) -> None:
        """Send the losses back, combined at the features: as :meth:`backward`, in a single pass through the heads.

        Parameters
        ----------
        losses : mapping of str to Tensor, each of shape ()
            As in :meth:`backward`.
        views : sequence of Tensor, one a loss
            Views of the same features, each read by the head of one task, so that the gradient of
            the sum of the losses at a view is that of the task's own loss.
        own : sequence of Tensor
            Parameters of the heads.
        """
        met, own = (
            [tensor for tensor in tensors if tensor.requires_grad] for tensors in (views, own)
        )
        total = torch.stack(list(losses.values())).sum()
        gradients = torch.autograd.grad(total, [*met, *own], allow_unused=True)
        _add_gradients(own, [gradients[len(met) :]])
        if met:  # else all that is beneath is frozen
            jacobian = torch.stack([gradient.flatten() for gradient in gradients[: len(met)]])
            torch.autograd.backward(met[:1], [self.combine(jacobian, list(losses)).view_as(met[0])])

    def _aggregator(self, present: tuple[str, ...]) -> nn.Module:
        if present not in self._aggregators:
            self._aggregators[present] = self._make(len(present))
        return self._aggregators[present]


@dataclass
class Aggregator(Part):
    """Spec of an aggregator; its dataclass fields are its parameters, named as TorchJD names them.

    Parameters
    ----------
    at : {"parameters", "features"}, default="parameters"
        Where the tasks' gradients are combined: at the shared parameters, as the papers do, at the
        price of a backward pass a task; or at the features that all heads read, at nearly no price,
        where what the method promises holds for features only.
    """

    at: Literal["parameters", "features"] = field(default="parameters", kw_only=True)

    # The class of torchjd.aggregation.
    torchjd: ClassVar[str]

    @property
    def degree(self) -> float | None:
        """Gradients that are all c times as long give an update c ** degree times as long; None: there is no such."""
        return 1.0

    def build(self, names: Sequence[str]) -> AggregatorModule:
        """Return a fresh module for these tasks; with a single one it is plain training.

        Raises
        ------
        MissingDependencyError
            If the aggregator needs a package that is not installed.
        """
        if len(names) > 1:
            self.make(len(names))  # so that a missing package is told before training
        return AggregatorModule(names, self.make, self.degree)

    def make(self, n_rows: int) -> nn.Module:
        """Return TorchJD's aggregator for a Jacobian of so many rows."""
        aggregators = importlib.import_module(
            "torchjd.aggregation"
        )  # it takes a second: only when one is used
        try:
            return getattr(aggregators, self.torchjd)(**self.parameters(n_rows))
        except ImportError as error:
            raise MissingDependencyError(
                f'`aggregator` {self.torchjd} needs packages that are not installed. pip install "multitide[balancing]"'
            ) from error

    def parameters(self, n_rows: int) -> dict[str, object]:
        """Return what TorchJD's class is made with."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "at"}


def _is_finite(value: float) -> bool:
    return value < float("inf")


def _flatten(gradients: Sequence[Tensor | None], tensors: Sequence[Tensor]) -> Tensor:
    """Return one vector of all gradients, with zeros where there is none."""
    return torch.cat(
        [
            torch.zeros_like(tensor).flatten() if gradient is None else gradient.flatten()
            for gradient, tensor in zip(gradients, tensors, strict=True)
        ]
    )


def _add_gradients(parameters: Sequence[Tensor], rows: Sequence[Sequence[Tensor | None]]) -> None:
    """Add to each parameter's gradient those of all rows; a parameter that none reaches keeps what it has."""
    for i, parameter in enumerate(parameters):
        for row in rows:
            gradient = row[i]
            if gradient is not None:
                parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
