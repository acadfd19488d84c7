"""Linear probes of the frozen features of a network that was trained on one task, or on none."""

from __future__ import annotations

from dataclasses import dataclass

from sklearn.base import clone

from multitide._estimator import MultiTaskEstimator

WARM_UP_EPOCHS = 3
# Times any gradient it is smaller than the rounding of a weight, so that weights do not change.
NO_RATE = 1e-30


@dataclass(frozen=True)
class Probe:
    """Shows what the features of one task say about every task (linear probes [1]_).

    A network is trained on the source alone, as in the arm ``alone``, and frozen. A linear head per
    task then reads its features. Heads are solved to convergence on standardised features, with a
    penalty that the validation set chooses, so that neither the scale of the features nor the
    number of steps matters.

    Parameters
    ----------
    estimator : MultiTaskEstimator
        The network of a single task; not fitted.
    source : str or None
        The task that it is trained on. None keeps its initial weights. Its batch normalisation
        still sees the data, because features without normalisation would be too weak a baseline.

    References
    ----------
    .. [1] Alain and Bengio, "Understanding intermediate layers using linear classifier probes",
       ICLR workshop 2017. https://arxiv.org/abs/1610.01644
    """

    estimator: MultiTaskEstimator
    source: str | None

    def trained_on(self, task_names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the tasks whose rows the network sees: the source, or all tasks without one."""
        if self.source is None:
            return task_names
        return (self.source,)


def make_probe(alone: MultiTaskEstimator, source: str | None) -> Probe:
    """Return the probe of a task's features, or of random ones.

    Parameters
    ----------
    alone : MultiTaskEstimator
        That of the arm ``alone``.
    source : str or None
        See :class:`Probe`.
    """
    estimator: MultiTaskEstimator = clone(alone)
    if source is None:
        estimator.set_params(
            sharing="hard",
            weighting="uniform",
            keep="joint",
            max_epochs=WARM_UP_EPOCHS,
            lr=NO_RATE,
            validation=None,
            training__start=None,
            training__pretrain=(),
            training__freeze="nothing",
            training__refit=False,
        )
    return Probe(estimator, source)
