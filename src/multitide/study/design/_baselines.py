"""Baselines: the best constant, the last value, boosting on window features, and linear models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, TypeAlias, TypedDict

import numpy as np
import pandas as pd
from pydantic import Field
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from multitide._estimator import MultiTaskEstimator
from multitide._part import Part
from multitide._weighted_mean import scaled_to_one, weighted_mean
from multitide.backbones._linear import STRENGTHS, Linear
from multitide.backbones._trees import Trees
from multitide.data._samples import Samples
from multitide.data._split import Split
from multitide.data._weights import weights_of
from multitide.encodings._inputs import Inputs, NameOrRepresentation
from multitide.fitting._grow_trees import n_boosted
from multitide.fitting._recipe import with_representation
from multitide.network._forest import forests_of
from multitide.study.design._window_features import window_features
from multitide.tasks import Classification, Forecast, Target
from multitide.tasks._forecast import last_values
from multitide.tasks._label_column import as_numbers
from multitide.training._settings import Training

Model: TypeAlias = HistGradientBoostingClassifier | HistGradientBoostingRegressor


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
    """Parent of learners of one task, trained on its labelled rows; the same for every seed."""

    @abstractmethod
    def answer(
        self, samples: Samples, split: Split, target: Target
    ) -> tuple[np.ndarray, BaselineFacts]:
        """Fit to the training set and answer the test set.

        Parameters
        ----------
        samples : Samples
            All samples.
        split : Split
            The validation set may choose settings.
        target : Target
            The task fitted to the training labels.

        Returns
        -------
        decoded : ndarray, shape (n_test,) or (n_test, n_classes)
            Numbers in the user's units, or probabilities.
        facts : BaselineFacts
        """


@dataclass
class Constant(Baseline):
    """The best constant of the training labels; the unit of losses makes its loss about 1."""

    def answer(
        self, samples: Samples, split: Split, target: Target
    ) -> tuple[np.ndarray, BaselineFacts]:
        """Return the constant for every test row."""
        return target.constant(len(split.test)), {}


@dataclass
class Boosting(Baseline):
    """Gradient boosting per task (scikit-learn's HistGradientBoosting) on window features.

    The features are those of :func:`window_features`. For quantiles, multi-label tasks and
    forecasts it is ``Trees(kind="boosting")`` on statistics and single steps, which grows trees for
    each quantile, label or step.

    Parameters
    ----------
    max_iter : int, default=200
        Maximum number of trees per class; the validation set chooses how many are used.
    learning_rate : float, default=0.1
        Weight of each tree.
    max_leaf_nodes : int, default=31
        Maximum number of leaves per tree.
    min_samples_leaf : int, default=20
        Minimum number of rows per leaf.
    """

    max_iter: Annotated[int, Field(ge=1)] = 200
    learning_rate: Annotated[float, Field(gt=0)] = 0.1
    max_leaf_nodes: Annotated[int, Field(ge=2)] = 31
    min_samples_leaf: Annotated[int, Field(ge=1)] = 20

    def answer(
        self, samples: Samples, split: Split, target: Target
    ) -> tuple[np.ndarray, BaselineFacts]:
        """Boost on the labelled training rows, with the trees of the least validation loss."""
        if n_boosted(target) > 1:
            return self._answer_several(samples, split, target)
        labels = samples.y[target.task.columns]
        features = window_features(samples)
        rows = split.train[_labelled(labels, split.train, target)]
        # scikit-learn cannot bin a column that is missing everywhere.
        features = features[:, ~np.isnan(features[rows]).all(axis=0)]
        weights = weights_of(samples, target.task.name)
        own = None if weights is None else scaled_to_one(weights[rows])
        model = self._fit(features[rows], labels.iloc[rows], target, own)
        n_trees = self._choose(model, features, labels, weights, split, target)
        stages = _stages(model, features[split.test])
        decoded = next(islice(stages, n_trees - 1, None))
        return decoded, {"n_features": int(features.shape[1]), "n_trees": n_trees}

    def _answer_several(
        self, samples: Samples, split: Split, target: Target
    ) -> tuple[np.ndarray, BaselineFacts]:
        trees = Trees(
            kind="boosting",
            n_trees=self.max_iter,
            max_leaf_nodes=self.max_leaf_nodes,
            min_samples_leaf=self.min_samples_leaf,
            learning_rate=self.learning_rate,
            n_levels=0,
            steps=True,
        )
        estimator = _fitted(target, samples, split, backbone=trees)
        (network,) = estimator.model_.network_list
        (shape,) = (forest.shape for forest in forests_of(network))
        facts: BaselineFacts = {
            "n_features": int(network.sharing.n_features),
            "n_trees": shape.n_trees // shape.n_groups,
        }
        return estimator.decode(samples[split.test])[target.task.name], facts

    def _fit(
        self,
        features: np.ndarray,
        labels: pd.DataFrame,
        target: Target,
        of_rows: np.ndarray | None,
    ) -> Model:
        shared = {**self.get_params(), "early_stopping": False, "random_state": 0}
        if isinstance(target.task, Classification):
            codes = target.encode(labels.reset_index(drop=True))
            weights = target.class_weights.numpy()[codes]  # type: ignore[operator]
            if of_rows is not None:
                weights = weights * of_rows
            return HistGradientBoostingClassifier(**shared).fit(
                features, codes, sample_weight=weights
            )
        loss = "absolute_error" if target.task.loss == "mae" else "squared_error"  # type: ignore[attr-defined]
        numbers, _ = as_numbers(labels[target.task.name])
        return HistGradientBoostingRegressor(loss=loss, **shared).fit(
            features, numbers, sample_weight=of_rows
        )

    def _choose(
        self,
        model: Model,
        features: np.ndarray,
        labels: pd.DataFrame,
        weights: np.ndarray | None,
        split: Split,
        target: Target,
    ) -> int:
        """Return the number of trees with the least validation loss; all without labels there."""
        rows = split.validation[_labelled(labels, split.validation, target)]
        if not len(rows):
            return self.max_iter
        known = labels.iloc[rows].reset_index(drop=True)
        if weights is not None:
            weights = weights[rows]
        losses = []
        for decoded in _stages(model, features[rows]):
            losses.append(weighted_mean(target.row_losses(known, decoded), weights))
        return int(np.argmin(losses)) + 1


@dataclass
class LinearBaseline(Baseline):
    """Ridge or logistic regression per task, on the flattened series or their representation.

    It is ``MultiTaskEstimator(backbone="linear")`` for one task at a time, static inputs included.

    Parameters
    ----------
    representation : str or Representation, optional
        Such as ``"minirocket"`` or ``TS2Vec(n_steps=500)``; by default the series themselves.
    strengths : tuple of float
        As in :class:`multitide.backbones.Linear`; the validation set chooses.
    """

    representation: NameOrRepresentation | None = None
    strengths: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)
    ] = STRENGTHS

    def check(self, name: str = "") -> None:
        """Raise :class:`ParameterError` with every problem, also of the representation."""
        super().check(name)
        with_representation(Inputs(representation=self.representation))

    def answer(
        self, samples: Samples, split: Split, target: Target
    ) -> tuple[np.ndarray, BaselineFacts]:
        """Fit the representation to the training series, and the head to the labelled rows."""
        estimator = _fitted(
            target,
            samples,
            split,
            backbone=Linear(strengths=self.strengths),
            inputs=Inputs(representation=self.representation),
        )
        decoded = estimator.decode(samples[split.test])[target.task.name]
        n_features = int(estimator.model_.network_list[0].sharing.n_features)
        return decoded, {"n_features": n_features}


@dataclass
class Persistence(Baseline):
    """The last value in the window, for every step of a forecast.

    The best constant replaces missing last values, and answers tasks other than forecasts.
    """

    def answer(
        self, samples: Samples, split: Split, target: Target
    ) -> tuple[np.ndarray, BaselineFacts]:
        """Return the last value of each test row."""
        constant = target.constant(len(split.test))
        last = None
        if isinstance(target.task, Forecast):
            last = last_values(samples[split.test], target.task)
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


def _fitted(
    target: Target, samples: Samples, split: Split, **params: object
) -> MultiTaskEstimator:
    """Return an estimator of one task that is fitted without steps of an optimiser."""
    if len(split.validation):
        validation = samples[split.validation]
    else:
        validation = None
    estimator = MultiTaskEstimator(
        [target.task],
        validation=None,
        training=Training(calibrate="none"),
        device="cpu",
        random_state=0,
        verbose=0,
        **params,  # type: ignore[arg-type]
    )
    return estimator.fit(samples[split.train], validation=validation)


def _labelled(labels: pd.DataFrame, rows: np.ndarray, target: Target) -> np.ndarray:
    """Return which rows have a label, that is, a loss."""
    known = labels.iloc[rows].reset_index(drop=True)
    has_label: np.ndarray = ~np.isnan(
        target.row_losses(known, target.constant(len(rows)))
    )
    return has_label


def _stages(model: Model, features: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the answers after every tree."""
    if isinstance(model, HistGradientBoostingClassifier):
        yield from model.staged_predict_proba(features)
    else:
        yield from model.staged_predict(features)
