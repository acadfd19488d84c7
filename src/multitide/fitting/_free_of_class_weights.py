"""What calibrated tasks with class weights decide by: weights that probabilities no longer have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from multitide.calibration._calibrated_label import CalibratedLabel
from multitide.network._network import Predictor
from multitide.tasks._classification import ClassificationTarget
from multitide.tasks._task import Target


def free_of_class_weights(
    targets: Iterable[Target], calibrated: Sequence[CalibratedLabel]
) -> None:
    """Tell the targets of calibrated tasks that probabilities are free of class weights.

    Parameters
    ----------
    targets : iterable of Target
    calibrated : sequence of CalibratedLabel
        What was calibrated.
    """
    tasks = {row["task"] for row in calibrated}
    for target in targets:
        if isinstance(target, ClassificationTarget) and target.task.name in tasks:
            target.weigh_decisions()


def targets_of(predictor: Predictor) -> Iterator[Target]:
    """Yield the targets of all networks."""
    for network in predictor.network_list:
        yield from network.target_list
