"""Integers that are declared to be classes are classes for every split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.config._load_config import parse_config
from multitide.config._prepare import prepare
from multitide.data._samples import Samples
from multitide.data._splitter import Splitter
from multitide.fitting._validation_split import training_and_validation
from multitide.study.design._study_data import split_data
from multitide.tasks import Classification, Regression
from multitide.tasks._declared_kinds import with_declared_kinds

# Twenty classes with one example each, and two usual ones.
CODES = [*range(20), *[20, 21] * 50]


def samples_of(**y: Any) -> Samples:
    X = np.random.default_rng(0).normal(size=(len(CODES), 1, 4))
    return Samples.from_arrays(X, pd.DataFrame(y))


@pytest.mark.parametrize("dtype", ["int64", "Int64", "float64", "int8"])
@pytest.mark.parametrize("seed", range(4))
def test_single_examples_are_in_every_training_set(dtype: str, seed: int) -> None:
    codes = pd.Series(CODES).astype(dtype)  # type: ignore[call-overload]
    samples = samples_of(code=codes, other=codes[::-1].to_numpy(), load=codes * 1.5)
    tasks = [Classification("code"), Classification("other"), Regression("load")]
    rule = Splitter(by="random", random_state=seed)
    _, split = training_and_validation(samples, tasks, None, rule, seed)
    assert set(samples.y["code"].iloc[split.train]) == set(CODES)
    assert set(samples.y["other"].iloc[split.train]) == set(CODES)
    study = split_data("", samples, tasks, rule, None, None)
    assert set(samples.y["code"].iloc[study.splits[0].train]) == set(CODES)


def test_they_are_in_the_training_set_of_a_configuration(tmp_path: Any) -> None:
    path = tmp_path / "a.csv"
    frame = pd.DataFrame({"id": np.repeat(np.arange(120), 3), "x": np.arange(360.0)})
    frame.assign(code=np.repeat(CODES, 3)).to_csv(path, index=False)
    table = {
        "data": {"path": str(path), "series": "id", "channels": ["x"]},
        "split": {"by": "random"},
        "tasks": [{"name": "code", "kind": "classification"}],
    }
    parsed = parse_config(table, tmp_path)
    assert not parsed.problems
    [data] = prepare(parsed.config).data
    assert set(data.samples.y["code"].iloc[data.split.train]) == set(CODES)


def test_other_columns_stay_as_they_are() -> None:
    samples = samples_of(code=CODES, few=[0, 1] * 60, text=["a", "b"] * 60)
    tasks = [Regression("code"), Classification("few"), "text"]
    assert with_declared_kinds(samples, tasks) is samples
    changed = with_declared_kinds(samples, [Classification("code"), "few"])
    assert changed.y["few"] is not None
    assert changed.y[["few", "text"]].equals(samples.y[["few", "text"]])
    assert changed.y["code"].tolist() == CODES


def test_numbers_written_as_text_are_numbers_for_a_split() -> None:
    samples = samples_of(load=[f"{i / 4}" for i in range(120)])
    changed = with_declared_kinds(samples, [Regression("load")])
    assert changed.y["load"].tolist() == [i / 4 for i in range(120)]
