"""What a network has to beat: the best constant, boosting on numbers that describe a window, and linear heads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import numpy as np
import pandas as pd
from pydantic import Field
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from multitide._estimator import MultiTaskEstimator
from multitide._part import Part
from multitide.backbones._linear import STRENGTHS, Linear
from multitide.data._samples import Samples
from multitide.data._splits import Split
from multitide.encodings._inputs import Inputs, NameOrRepresentation
from multitide.errors import ParameterError
from multitide.fitting._recipe import with_representation
from multitide.study.design._window_features import window_features
from multitide.tasks import Classification, Forecast, Regression, Target
from multitide.tasks._forecast import last_values
from multitide.tasks._labels import as_numbers


class BaselineFacts(TypedDict, total=False):
    """What a baseline reports of its fit.

    Attributes
    ----------
    n_features : int
        Number of features that it reads.
    n_trees : int
        Number of trees that the validation set chose.
    n_last : int
        Number of test rows that have a last value.
    """

    n_features: int
    n_trees: int
    n_last: int


@dataclass
class Baseline(Part, ABC):
    """Parent of learners that answer one task at a time, from its own labelled rows, the same for every seed."""

    @abstractmethod
    def answer(
        self, samples: Samples, split: Split, target: Target
    ) -> tuple[np.ndarray, BaselineFacts]:
        """Learn from the training part and answer the test part.

        Parameters
        ----------
        samples : Samples
            All samples; only those of the split's training part teach, those of its validation part
            choose.
        split : Split
        target : Target
            The task on the labelled training rows.

        Returns
        -------
        decoded : ndarray, shape (n_test,) or (n_test, n_classes)
            Numbers in the user's units, or probabilities.
        facts : BaselineFacts
        """


@dataclass
class Constant(Baseline):
    """The best constant of the training labels; its loss is about 1 by definition."""

    def answer(
        self, samples: Samples, split: Split, target: Target
    ) -> tuple[np.ndarray, BaselineFacts]:
        """Answer every test row alike."""
        return target.constant(len(split.test)), {}


@dataclass
class Boosting(Baseline):
    """Gradient boosting a task (scikit-learn's HistGradientBoosting) on :func:`window_features`.

    Parameters
    ----------
    max_iter : int, default=200
        Number of trees a class; how many of them answer is chosen on the validation part.
    learning_rate : float, default=0.1
        Weight of each tree.
    max_leaf_nodes : int, default=31
        Leaves a tree.
    min_samples_leaf : int, default=20
        Rows a leaf.
    """

    max_iter: Annotated[int, Field(ge=1)] = 200
    learning_rate: Annotated[float, Field(gt=0)] = 0.1
    max_leaf_nodes: Annotated[int, Field(ge=2)] = 31
    min_samples_leaf: Annotated[int, Field(ge=1)] = 20

    def answer(
        self, samples: Samples, split: Split, target: Target
    ) -> tuple[np.ndarray, BaselineFacts]:
        """Boost on the labelled training rows, and stop where the validation loss is least."""
        if (
            not isinstance(target.task, Classification | Regression)
            or target.quantiles(target.constant(1)) is not None
        ):
            raise ParameterError(
                f"`boosting` must have a classification, or a regression of one number; got the task "
                f"{target.task.name!r}."
            )
        labels = samples.y[target.task.columns]
        features = window_features(samples)
        rows = split.train[_labelled(labels, split.train, target)]
        features = features[
            :, ~np.isnan(features[rows]).all(axis=0)
        ]  # scikit-learn cannot cut a column of nothing
        model = self._fit(features[rows], labels.iloc[rows], target)
        n_trees = self._choose(model, features, labels, split, target)
        stages = _stages(model, features[split.test], target)
        decoded = next(decoded for i, decoded in enumerate(stages, start=1) if i == n_trees)
        return decoded, {"n_features": int(features.shape[1]), "n_trees": n_trees}

    def _fit(self, features: np.ndarray, labels: pd.DataFrame, target: Target) -> Any:
        shared = {**self.get_params(), "early_stopping": False, "random_state": 0}
        if isinstance(target.task, Classification):
            codes = target.encode(labels.reset_index(drop=True))
            weights = target.class_weights.numpy()[codes]  # type: ignore[operator]
            return HistGradientBoostingClassifier(**shared).fit(
                features, codes, sample_weight=weights
            )
        loss = "absolute_error" if target.task.loss == "mae" else "squared_error"  # type: ignore[attr-defined]
        numbers, _ = as_numbers(labels[target.task.name])
        return HistGradientBoostingRegressor(loss=loss, **shared).fit(features, numbers)

    def _choose(
        self, model: Any, features: np.ndarray, labels: pd.DataFrame, split: Split, target: Target
    ) -> int:
        """Return the number of trees with the least validation loss; all of them without validation labels."""
        rows = split.validation[_labelled(labels, split.validation, target)]
        if not len(rows):
            return self.max_iter
        known = labels.iloc[rows].reset_index(drop=True)
        losses = [
            target.row_losses(known, decoded).mean()
            for decoded in _stages(model, features[rows], target)
        ]
        return int(np.argmin(losses)) + 1


@dataclass
class LinearBaseline(Baseline):
    """Ridge or logistic regression a task, on the vectors of a representation or on the flattened series.

    It is ``MultiTaskEstimator(backbone="linear")`` for one task at a time; static inputs come
    along.

    Parameters
    ----------
    representation : str or Representation, optional
        ``"minirocket"``, ``TS2Vec(n_steps=500)``; None: the series themselves.
    strengths : tuple of float
        As in :class:`multitide.backbones.Linear`; the validation part chooses.
    """

    representation: NameOrRepresentation | None = None
    strengths: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] = STRENGTHS

    def check(self, name: str = "") -> None:
        """Raise :class:`ParameterError` with what is wrong, also in the representation."""
        super().check(name)
        with_representation(Inputs(representation=self.representation))

    def answer(
        self, samples: Samples, split: Split, target: Target
    ) -> tuple[np.ndarray, BaselineFacts]:
        """Fit the representation to the training part's series, and the head to its labelled rows."""
        heads = Linear(strengths=self.strengths)
        inputs = Inputs(representation=self.representation)
        name, held_out = (
            target.task.name,
            samples[split.validation] if len(split.validation) else None,
        )
        estimator = MultiTaskEstimator(
            [target.task],
            backbone=heads,
            inputs=inputs,
            validation=None,
            device="cpu",
            random_state=0,
            verbose=0,
        ).fit(samples[split.train], validation=held_out)
        test = samples[split.test]
        return estimator.decode(test)[name], {
            "n_features": int(estimator.model_.network_list[0].sharing.n_features)
        }


@dataclass
class Persistence(Baseline):
    """The last value in the window, for every step of a forecast; the best constant where there is no last value.

    A task that is no forecast is answered by the best constant, too.
    """

    def answer(
        self, samples: Samples, split: Split, target: Target
    ) -> tuple[np.ndarray, BaselineFacts]:
        """Answer each test row by what was last."""
        constant = target.constant(len(split.test))
        last = (
            last_values(samples[split.test], target.task)
            if isinstance(target.task, Forecast)
            else None
        )
        if last is None:
            return constant, {"n_last": 0}
        known = ~np.isnan(last)[:, None]
        return np.where(known, last[:, None], constant), {"n_last": int(known.sum())}


BASELINES: dict[str, type[Baseline]] = {
    "constant": Constant,
    "boosting": Boosting,
    "linear": LinearBaseline,
    "persistence": Persistence,
}


def _labelled(labels: pd.DataFrame, rows: np.ndarray, target: Target) -> np.ndarray:
    """Return which rows have a label: those that a loss can be measured on."""
    losses = target.row_losses(labels.iloc[rows].reset_index(drop=True), target.constant(len(rows)))
    return ~np.isnan(losses)


def _stages(model: Any, features: np.ndarray, target: Target) -> Iterator[np.ndarray]:
    """Yield the answers after every tree."""
    classes = isinstance(target.task, Classification)
    return model.staged_predict_proba(features) if classes else model.staged_predict(features)
