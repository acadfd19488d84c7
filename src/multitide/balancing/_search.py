"""Fixed weights chosen on the validation set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from multitide.balancing._fixed import Fixed
from multitide.balancing._weighting import ConstantModule, Weighting


@dataclass
class Search(Weighting):
    """Fixed weights chosen on the validation set in short trials [1]_ [2]_.

    The first trial has equal weights. The others have weights that are uniform on the simplex. All
    weights sum to the number of tasks, and all trials start from the same network. The trial with
    the lowest mean validation loss over the tasks, in units of the trivial loss, wins; ties go to
    the earlier trial, so that equal weights win unless another trial is better. Each trial is a
    complete short fit with its own schedule, and with pre-training if there is any. The
    estimator's ``trials_`` lists them. The papers search on a grid; with many tasks, random points
    cover the simplex better.

    Parameters
    ----------
    n_trials : int, default=8
        Number of trials.
    epochs : int, optional
        Epochs per trial. Default: ``max_epochs / n_trials``, at least 1, so that the search costs
        as much as one full run.
    random_state : int, optional
        Seed of the weights. Default: the estimator's.

    References
    ----------
    .. [1] Xin et al., "Do Current Multi-Task Optimization Methods in Deep Learning Even Help?",
       NeurIPS 2022. https://arxiv.org/abs/2209.11379
    .. [2] Kurin et al., "In Defense of the Unitary Scalarization for Deep Multi-Task Learning",
       NeurIPS 2022. https://arxiv.org/abs/2201.04122
    """

    n_trials: Annotated[int, Field(ge=1)] = 8
    epochs: Annotated[int, Field(ge=1)] | None = None
    random_state: Annotated[int, Field(ge=0, lt=2**63)] | None = None

    def candidates(self, names: Sequence[str], seed: int) -> list[Fixed]:
        """Return the weightings to try: equal weights, then random ones.

        Parameters
        ----------
        names : sequence of str
            All tasks that are trained together.
        seed : int
            The seed if `random_state` is None.
        """
        if self.random_state is not None:
            seed = self.random_state
        generator = np.random.default_rng(seed)
        drawn = len(names) * generator.dirichlet(
            np.ones(len(names)), size=self.n_trials - 1
        )
        rows = np.concatenate([np.ones((1, len(names))), drawn])
        settings = []
        for row in rows.tolist():
            settings.append(Fixed(weights=dict(zip(names, row, strict=True))))
        return settings

    def epochs_of(self, max_epochs: int) -> int:
        """Return the epochs of a trial, given those of a full run."""
        return self.epochs or max(1, max_epochs // self.n_trials)

    def make(self, names: Sequence[str], kinds: Sequence[str]) -> ConstantModule:
        """Return a plain sum; the search trains with :class:`Fixed` weights instead."""
        return ConstantModule(names, [1.0] * len(names))
