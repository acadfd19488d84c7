"""Random weights, the litmus test of weightings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from multitide.balancing._weighting import LinearModule, Weighting


class RandomModule(LinearModule):
    """A sum with new random weights at every step.

    Parameters
    ----------
    names : sequence of str
        All tasks.
    seed : int
        Of its own generator: what else draws random numbers does not change the weights, nor they
        that.
    """

    drawn: Tensor

    def __init__(self, names: Sequence[str], seed: int) -> None:
        super().__init__(names)
        self._generator = torch.Generator().manual_seed(seed)
        self.register_buffer(
            "drawn", torch.full((len(self.names),), 1 / len(self.names)), persistent=False
        )

    def weights(self) -> Tensor:
        """Draw weights whose sum is 1, for all tasks, also those that the batch does not hold."""
        drawn = torch.softmax(torch.randn(len(self.names), generator=self._generator), dim=0)
        self.drawn = drawn.to(self.drawn.device)
        return self.drawn

    def current(self) -> dict[str, float]:
        """Return the weights of the last step."""
        return dict(zip(self.names, self.drawn.tolist(), strict=True))


@dataclass
class Random(Weighting):
    """Weights drawn anew at every step, the softmax of normal numbers [1]_.

    What a special optimiser cannot beat, it has not solved.

    Parameters
    ----------
    random_state : int, optional
        Seed of the weights; drawn from torch's generator, which `fit` seeds, when not given.

    References
    ----------
    .. [1] Lin, Ye, Zhang, Tsang, "Reasonable Effectiveness of Random Weighting: A Litmus Test for
       Multi-Task Learning", TMLR 2022. https://arxiv.org/abs/2111.10603
    """

    random_state: Annotated[int, Field(ge=0, lt=2**63)] | None = None

    def make(self, names: Sequence[str], kinds: Sequence[str]) -> RandomModule:
        """Return a module with a generator of its own."""
        drawn = int(torch.randint(2**62, ())) if self.random_state is None else self.random_state
        return RandomModule(names, drawn)
