"""Random weights, a baseline for weightings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

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
        Seed of the module's own generator. Its draws and those of torch's generator do not affect
        each other.
    """

    drawn: Tensor

    def __init__(self, names: Sequence[str], seed: int) -> None:
        super().__init__(names)
        self._generator = torch.Generator().manual_seed(seed)
        self.register_buffer(
            "drawn",
            torch.full((len(self.names),), 1 / len(self.names)),
            persistent=False,
        )

    def weights(self) -> Tensor:
        """Draw weights for all tasks, shape (n_tasks,); their sum is 1."""
        drawn = torch.softmax(
            torch.randn(len(self.names), generator=self._generator), dim=0
        )
        self.drawn = drawn.to(self.drawn.device)
        return self.drawn

    def current(self) -> dict[str, float]:
        """Return the weights of the last step."""
        return dict(zip(self.names, self.drawn.tolist(), strict=True))


@dataclass
class Random(Weighting):
    """Draws weights at every step, as the softmax of standard normal numbers [1]_.

    A baseline that every elaborate weighting should beat.

    Parameters
    ----------
    random_state : int, optional
        Seed of the weights. Default: drawn from torch's generator, which `fit` seeds.

    References
    ----------
    .. [1] Lin, Ye, Zhang, Tsang, "Reasonable Effectiveness of Random Weighting: A Litmus Test for
       Multi-Task Learning", TMLR 2022. https://arxiv.org/abs/2111.10603
    """

    needs_host: ClassVar[bool] = True  # draws there

    random_state: Annotated[int, Field(ge=0, lt=2**63)] | None = None

    def make(self, names: Sequence[str], kinds: Sequence[str]) -> RandomModule:
        """Return a module with its own generator."""
        seed = self.random_state
        if seed is None:
            seed = int(torch.randint(2**62, ()))
        return RandomModule(names, seed)
