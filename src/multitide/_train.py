"""Training a copy of an estimator on data sets that are divided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from multitide._estimator import MultiTaskEstimator
from multitide._fit_as_planned import fit_as_planned
from multitide._plan_fit import plan_fit
from multitide._uncalibrated import uncalibrated
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.fitting._recipe import resolve_device
from multitide.model._prediction import decode_all
from multitide.tasks import Task, task_names
from multitide.training._callbacks import Callback
from multitide.training._decode_samples import Decoded


def train(
    learner: MultiTaskEstimator,
    data: Sequence[SplitData],
    callbacks: Sequence[Callback],
) -> MultiTaskEstimator:
    """Return a fitted copy; the validation sets choose its epoch."""
    estimator, training, validation = fit_arguments(learner, data)
    return estimator.fit(
        training.like_input(training),
        validation=training.like_input(validation) if validation else None,
        callbacks=callbacks,
    )


def train_member(
    learner: MultiTaskEstimator,
    data: Sequence[SplitData],
    callbacks: Sequence[Callback],
) -> tuple[MultiTaskEstimator, dict[str, Decoded]]:
    """Return a fitted copy, and what it predicted for the validation sets.

    The predictions are those before anything was fitted again on these sets.
    """
    estimator, training, validation = fit_arguments(learner, data)
    params = estimator.get_params(deep=False)
    plan = plan_fit(params, training, validation)
    stored, fitted = fit_as_planned(params, plan, callbacks)
    estimator.take_fit(stored, fitted)
    if not validation:
        return estimator, {}
    unseen = replace(stored, predictor=fitted.before_refit)
    device = resolve_device(estimator.device)
    return estimator, decode_all(unseen, DataSets(validation), device)


def fit_arguments(
    learner: MultiTaskEstimator, data: Sequence[SplitData]
) -> tuple[MultiTaskEstimator, DataSets, dict[str, Samples]]:
    """Return a copy that is not fitted, its training sets, and its validation sets by name."""
    estimator = uncalibrated(learner)
    tasks = learner.tasks
    training = DataSets(
        {each.name: weighed_for(each.training_set, tasks) for each in data}
    )
    validation = {}
    for each in data:
        if len(each.split.validation):
            validation[each.name] = weighed_for(each.validation_set, tasks)
    if len(validation) < len(data):
        estimator.set_params(validation=None)
    return estimator, training, validation


def weighed_for(samples: Samples, tasks: Sequence[Task | str] | None) -> Samples:
    """Return samples without the weights of other tasks than a network learns."""
    if samples.weights is None or tasks is None:
        return samples
    own = [name for name in task_names(tasks) if name in samples.weights]
    return samples.replace(weights=samples.weights[own] if own else None)
