"""A stand-in for networks that predicts the truth plus noise, so that gains are known."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
import torch

from multitide._estimator import MultiTaskEstimator
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._splitter import Splitter
from multitide.study.design._protocol import Protocol, make_protocol
from multitide.tasks import resolve_tasks

# Standard deviation of the error on "load" (whose own is 10): sharing helps it; "state" does not
# care.
ERRORS = {"none": 6.0, "hard": 3.0}
RANDOM = Splitter(by="random", test=0.4, validation=0.2)


class Quick(MultiTaskEstimator):
    """Predicts each task from the series, with an error that depends on sharing and seed."""

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        validation: Any = None,
        callbacks: Any = (),
        **_: Any,
    ) -> Self:
        if self.lr == 13:
            raise RuntimeError("the network caught fire")
        self.tasks_ = self.tasks
        self.model_ = torch.nn.Linear(3, 2)
        names = [task.name for task in self.tasks]
        self.seen_ = (len(X), None if validation is None else len(validation))
        self.best_epoch_ = dict.fromkeys(names, 2)
        rows = [
            (epoch, name, side, 1 / min(epoch, 2))
            for epoch in (1, 2, 3)
            for name in names
            for side in ("train", "validation")
        ]
        self.history_ = pd.DataFrame(rows, columns=["epoch", "task", "side", "loss"])
        for callback in callbacks:
            callback.on_step_end(None)
        return self

    @property
    def classes_(self) -> dict[str, list[str]]:
        return {"state": ["high", "low"]}

    def _noise(self, X: Samples, salt: int) -> np.ndarray:
        rng = np.random.default_rng(
            [self.random_state, salt, list(ERRORS).index(self.sharing)]
        )
        return rng.normal(size=len(X))

    def predict(self, X: Samples, **_: Any) -> pd.DataFrame:
        level = X.gather(slice(None))[:, :, 0]
        load = 100 + 10 * level[:, 1] + ERRORS[self.sharing] * self._noise(X, 0)
        columns = {"load": load, "state": np.where(level[:, 0] > 0, "high", "low")}
        return pd.DataFrame({task.name: columns[task.name] for task in self.tasks})

    def decode(self, X: Samples, **_: Any) -> dict[str, np.ndarray]:
        numbers, classes = self.predict(X), self.predict_proba(X)
        return {
            name: (classes.get(name, numbers[name])).to_numpy(dtype=float)
            for name in numbers
        }

    def predict_proba(self, X: Samples, **_: Any) -> dict[str, pd.DataFrame]:
        level = X.gather(slice(None))[:, 0, 0]
        high = 1 / (1 + np.exp(-3 * (level + 0.3 * self._noise(X, 1))))
        names = [task.name for task in self.tasks]
        return (
            {"state": pd.DataFrame({"high": high, "low": 1 - high})}
            if "state" in names
            else {}
        )


def make_study_samples(
    n: int = 300, missing: float = 0.2, seed: int = 0, n_series: int | None = None
) -> Samples:
    """Series of 4 equal steps: the class is the sign of channel 0, the number from channel 1."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=(n, 2))
    X = np.repeat(level[:, :, None], 4, axis=2).astype(np.float32)
    y = pd.DataFrame(
        {
            "state": np.where(level[:, 0] > 0, "high", "low"),
            "load": 100 + 10 * level[:, 1],
        }
    )
    for column in y:
        y[column] = y[column].mask(rng.random(n) < missing)
    series = None if n_series is None else np.arange(n) % n_series
    return Samples.from_arrays(X, y, series=series)


def make_small_protocol(
    n: int = 120, n_seeds: int = 2, **options: Any
) -> tuple[Protocol, DataSets]:
    samples = make_study_samples(n, **options)
    data_sets = DataSets(samples)
    tasks = resolve_tasks(None, samples.y)
    return make_protocol(data_sets, tasks, RANDOM, None, n_seeds), data_sets
