"""Probes: what linear heads can read from the frozen features of a network that learned one task, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from sklearn.base import clone

from multitide._estimator import MultiTaskEstimator

WARM_UP_EPOCHS = 3
NO_RATE = 1e-30  # times any gradient it is lost in a weight's rounding, so that weights stay as they were drawn


@dataclass(frozen=True)
class Probe:
    """Asks what one task's features know about every task (a linear probe, Alain and Bengio 2017 [1]_).

    A network learns the source by itself, as in the arm ``alone``, and is frozen. A linear head for
    every task then reads its features: heads are fitted to the end, on standardised features, with
    a penalty that validation chooses, so that neither the scale of features nor the number of steps
    decides.

    Parameters
    ----------
    estimator : MultiTaskEstimator
        The network of a task alone; not fitted.
    source : str or None
        The task that it learns. None: nothing, its weights stay as they were drawn; its batch norm
        gets to know the data all the same, since features that are not normalised would be a straw
        man.

    References
    ----------
    .. [1] Alain and Bengio, "Understanding intermediate layers using linear classifier probes",
       ICLR workshop 2017. https://arxiv.org/abs/1610.01644
    """

    estimator: MultiTaskEstimator
    source: str | None

    def trained_on(self, task_names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the tasks whose rows the network sees: the source, or all tasks without one."""
        return task_names if self.source is None else (self.source,)


def make_probe(alone: MultiTaskEstimator, source: str | None) -> Probe:
    """Return the probe of a task's features, or of random ones.

    Parameters
    ----------
    alone : MultiTaskEstimator
        That of the arm ``alone``.
    source : str or None
        See :class:`Probe`.
    """
    estimator = cast(MultiTaskEstimator, clone(alone))
    if source is None:
        still: dict[str, Any] = {"start": None, "pretrain": (), "freeze": "nothing", "refit": False}
        estimator.set_params(
            sharing="hard",
            weighting="uniform",
            keep="joint",
            max_epochs=WARM_UP_EPOCHS,
            lr=NO_RATE,
            validation=None,
            **{f"training__{name}": value for name, value in still.items()},
        )
    return Probe(estimator, source)
