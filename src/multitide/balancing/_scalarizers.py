"""Weightings by a preference that are no plain sum: an adapter to TorchJD's scalarizers, and a few lines for each.

TorchJD takes losses by position, and fails or changes its meaning when one of them is absent. Here
each scalarizer is given the present losses with the preference that they have in the full set of
tasks, which sums to 1 over that set.
"""

from __future__ import annotations

import importlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from multitide.balancing._fixed import weights_of
from multitide.balancing._weighting import SMALLEST_LOSS, Weighting, WeightingModule

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ScalarizerModule(WeightingModule):
    """A scalarizer on the present losses.

    Parameters
    ----------
    names : sequence of str
        All tasks.
    spec : Scalarizer
        The scalarizer and its parameters.
    preference : sequence of float
        How much each task counts; scaled to a sum of 1.
    """

    preference: Tensor

    def __init__(self, names: Sequence[str], spec: Scalarizer, preference: Sequence[float]) -> None:
        super().__init__(names)
        self.spec = spec
        weights = torch.tensor(preference)
        self.register_buffer("preference", weights / weights.sum())

    def combine(self, losses: Tensor, present: list[int]) -> Tensor:
        """Return the scalarizer's value, shape ()."""
        return self.spec.scalarize(
            losses, self.of_present(self.preference, present), self.preference
        )


@dataclass
class Scalarizer(Weighting):
    """Parent of the scalarizers that learn nothing.

    Parameters
    ----------
    preference : dict of str to float, optional
        How much each task counts, above 0; 1 for tasks not named.
    """

    preference: dict[str, Positive] | None = None

    def make(self, names: Sequence[str], kinds: Sequence[str]) -> ScalarizerModule:
        """Return a module with this preference."""
        return ScalarizerModule(
            names, self, weights_of(names, self.preference or {}, "weighting.preference")
        )

    @abstractmethod
    def scalarize(self, losses: Tensor, preference: Tensor, whole: Tensor) -> Tensor:
        """Return the number to minimise, shape ().

        Parameters
        ----------
        losses, preference : Tensor, shape (n_present,)
            Of the tasks that the batch holds.
        whole : Tensor, shape (n_tasks,)
            The preference of all tasks; its sum is 1.
        """


@dataclass
class GeometricMean(Scalarizer):
    """The geometric mean of the losses, so that relative progress counts [1]_.

    A loss that can become small takes over from one that cannot, such as the cross-entropy of noisy
    classes. An absent task's factor is left out; with a `preference`, factors are raised to it.

    References
    ----------
    .. [1] Chennupati et al., "MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss
       Strategy for Multi-Task Learning", CVPR Workshops 2019. https://arxiv.org/abs/1904.08492
    """

    def scalarize(self, losses: Tensor, preference: Tensor, whole: Tensor) -> Tensor:
        """Return the product of the losses, each to the power of its preference."""
        # Not TorchJD's: it knows no preference, and asks the device at every step whether a loss is
        # negative.
        return torch.exp((preference * losses.clamp(min=SMALLEST_LOSS).log()).sum())


@dataclass
class STCH(Scalarizer):
    """Smooth Tchebycheff: nearly the largest of the losses, so that the worst task counts most [1]_.

    Parameters
    ----------
    preference
        See :class:`Scalarizer`.
    mu : float, default=0.1
        The smaller, the nearer to the largest loss.

    References
    ----------
    .. [1] Lin et al., "Smooth Tchebycheff Scalarization for Multi-Objective Optimization", ICML
       2024. https://arxiv.org/abs/2402.19078
    """

    mu: Positive = 0.1

    def scalarize(self, losses: Tensor, preference: Tensor, whole: Tensor) -> Tensor:
        """Return ``mu * log(sum(exp(preference * loss / mu)))``."""
        return _torchjd().STCH(self.mu, preference)(losses)


@dataclass
class COSMOS(Scalarizer):
    """A weighted sum that rewards losses whose proportions are those of the preference [1]_.

    Other than in the paper, the network is not told the preference, and there is one only.

    Parameters
    ----------
    preference
        See :class:`Scalarizer`.
    strength : float, default=1.0
        How much the proportions count.

    References
    ----------
    .. [1] Ruchte, Grabocka, "Scalable Pareto Front Approximation for Deep Multi-Objective
       Learning", ICDM 2021. https://arxiv.org/abs/2103.13392
    """

    strength: NotNegative = 1.0

    def scalarize(self, losses: Tensor, preference: Tensor, whole: Tensor) -> Tensor:
        """Return the weighted sum less `strength` times the cosine between losses and preference."""
        return _torchjd().COSMOS(self.strength, preference)(losses)


@dataclass
class PBI(Scalarizer):
    """Penalty-based boundary intersection: along the preference, and not away from it [1]_.

    Parameters
    ----------
    preference
        See :class:`Scalarizer`.
    theta : float, default=5.0
        How much a distance from the direction of the preference counts.

    References
    ----------
    .. [1] Zhang, Li, "MOEA/D: A Multiobjective Evolutionary Algorithm Based on Decomposition", IEEE
       Transactions on Evolutionary Computation 11, 2007. https://doi.org/10.1109/TEVC.2007.892759
    """

    theta: NotNegative = 5.0

    def scalarize(self, losses: Tensor, preference: Tensor, whole: Tensor) -> Tensor:
        """Return the length along the preference plus `theta` times the distance from it."""
        # TorchJD takes the direction among the present tasks; the ratio gives each its weight in
        # the full set back.
        return _torchjd().PBI(self.theta, preference)(losses) * (preference.norm() / whole.norm())


def _torchjd() -> ModuleType:
    """Import TorchJD's scalarizers, which takes a second, when the first of them is used."""
    return importlib.import_module("torchjd.scalarization")
