"""TorchJD's scalarizers by name, and the geometric mean, made to work with missing tasks.

TorchJD identifies losses by position, and fails or changes its result when a task is missing. Here
each scalarizer gets the losses that are present, and for each the preference that it has in the
full set of tasks. Over that set preferences sum to 1.
"""

from __future__ import annotations

import importlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

import torch
from torch import Tensor

from multitide.balancing._adapt_torchjd import NotNegative, Positive, adapt
from multitide.balancing._fixed import weights_of
from multitide.balancing._weighting import SMALLEST_LOSS, Weighting, WeightingModule


class ScalarizerModule(WeightingModule):
    """A scalarizer of the losses that are present.

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

    def __init__(
        self, names: Sequence[str], spec: Scalarizer, preference: Sequence[float]
    ) -> None:
        super().__init__(names)
        self.spec = spec
        weights = torch.tensor(preference)
        self.register_buffer("preference", weights / weights.sum())

    def combine(self, losses: Tensor, present: list[int]) -> Tensor:
        """Return the scalarizer's value, shape ()."""
        preference = self.of_present(self.preference, present)
        return self.spec.scalarize(losses, preference, self.preference)


@dataclass
class Scalarizer(Weighting):
    """Base of the scalarizers.

    Parameters
    ----------
    preference : dict of str to float, optional
        How much each task counts, above 0; tasks that are not listed have 1.
    """

    preference: dict[str, Positive] | None = None

    def make(self, names: Sequence[str], kinds: Sequence[str]) -> ScalarizerModule:
        """Return a module with this preference."""
        preference = weights_of(names, self.preference or {}, "weighting.preference")
        return ScalarizerModule(names, self, preference)

    @abstractmethod
    def scalarize(
        self, losses: Tensor, preference: Tensor, full_preference: Tensor
    ) -> Tensor:
        """Return the objective to minimise, shape ().

        Parameters
        ----------
        losses, preference : Tensor, shape (n_present,)
            Of the tasks that the batch holds.
        full_preference : Tensor, shape (n_tasks,)
            The preference of all tasks; its sum is 1.
        """


@dataclass
class GeometricMean(Scalarizer):
    """The geometric mean of the losses, so that relative progress counts [1]_.

    A loss that can become small dominates one that cannot, such as the cross-entropy of noisy
    classes. The factor of a missing task is left out. With a `preference`, each factor is raised to
    its power.

    References
    ----------
    .. [1] Chennupati et al., "MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss
       Strategy for Multi-Task Learning", CVPR Workshops 2019. https://arxiv.org/abs/1904.08492
    """

    def scalarize(
        self, losses: Tensor, preference: Tensor, full_preference: Tensor
    ) -> Tensor:
        """Return the product of ``loss ** preference``."""
        # TorchJD's takes no preference, and waits for the device at every step to check that no
        # loss is negative.
        return torch.exp((preference * losses.clamp(min=SMALLEST_LOSS).log()).sum())


@dataclass
class TorchJDScalarizer(Scalarizer):
    """A scalarizer of TorchJD with one parameter besides the preference.

    Parameters
    ----------
    preference
        See :class:`Scalarizer`.
    """

    # The class of torchjd.scalarization.
    torchjd: ClassVar[str]

    def scalarize(
        self, losses: Tensor, preference: Tensor, full_preference: Tensor
    ) -> Tensor:
        """Return TorchJD's value."""
        # Importing it takes a second: only when the first of them is used.
        make = getattr(importlib.import_module("torchjd.scalarization"), self.torchjd)
        value = getattr(self, fields(self)[-1].name)
        scalarized: Tensor = make(value, weights=preference)(losses)
        if self.torchjd == "PBI":
            # It scales the preference of the present tasks to unit length; this gives each the
            # weight that it has in the full set.
            scalarized = scalarized * (preference.norm() / full_preference.norm())
        return scalarized


STCH = adapt(
    TorchJDScalarizer,
    "STCH",
    "Smooth Tchebycheff: "
    "approximates the largest loss, so "
    "that the worst task counts most. "
    "The objective is ``mu * "
    "log(sum(exp(preference * loss / mu)))``; "
    "the smaller `mu`, the closer it is to the largest loss.",
    'Lin et al., "Smooth Tchebycheff Scalarization '
    'for Multi-Objective Optimization", ICML 2024. '
    "https://arxiv.org/abs/2402.19078",
    mu=(Positive, 0.1),
)
COSMOS = adapt(
    TorchJDScalarizer,
    "COSMOS",
    "A weighted sum that rewards losses "
    "in proportion to the preference. "
    "It subtracts `strength` times the "
    "cosine between losses and preference. "
    "Unlike in the paper, there is a single "
    "preference, and the network does not see it.",
    'Ruchte, Grabocka, "Scalable Pareto Front Approximation '
    'for Deep Multi-Objective Learning", ICDM 2021. '
    "https://arxiv.org/abs/2103.13392",
    strength=(NotNegative, 1.0),
)
PBI = adapt(
    TorchJDScalarizer,
    "PBI",
    "Penalty-based boundary intersection: "
    "descends along the preference and penalises deviations. "
    "The objective is the length of the losses along the "
    "preference plus `theta` times their distance from it.",
    'Zhang, Li, "MOEA/D: '
    "A Multiobjective Evolutionary Algorithm "
    'Based on Decomposition", IEEE Transactions '
    "on Evolutionary Computation 11, 2007. "
    "https://doi.org/10.1109/TEVC.2007.892759",
    theta=(NotNegative, 5.0),
)
