"""Protocols: splits, folds, groups of test rows, and wrong arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fakes import RANDOM, make_study_samples
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._split import Split
from multitide.data._splitter import Splitter
from multitide.errors import DataError, ParameterError
from multitide.study.design._protocol import Protocol, make_protocol
from multitide.tasks import Classification, Task, resolve_tasks
from refusals import refused


def protocol_of(
    samples: Samples,
    split: Any = None,
    cv: Any = None,
    n_seeds: Any = 1,
    groups: Any = None,
) -> Protocol:
    tasks = resolve_tasks(None, samples.y)
    return make_protocol(DataSets(samples), tasks, split, cv, n_seeds, groups)


def n_groups(protocol: Protocol) -> int:
    return protocol.only.test["group"].nunique()


def test_without_a_split_the_rule_suits_the_samples() -> None:
    samples = make_study_samples(100)
    split = protocol_of(samples).only.splits[0]
    expected = Splitter(by="random").split(samples)
    np.testing.assert_array_equal(split.test, expected.test)


def test_folds_test_every_row_once() -> None:
    samples = make_study_samples(100, n_series=20)
    protocol = protocol_of(samples, Splitter(by="group"), cv=4)
    assert sorted(protocol.only.test["row"]) == list(range(100))
    assert list(protocol.only.test["fold"].unique()) == [0, 1, 2, 3]
    assert n_groups(protocol) == 20
    assert protocol.test_to_train == pytest.approx(1 / 3, abs=0.02)


def test_a_split_of_the_user_is_used_as_it_is() -> None:
    split = Split(np.arange(10), np.arange(10, 15), np.arange(15, 30))
    assert protocol_of(make_study_samples(30), split).only.splits == [split]


def test_groups_of_a_split_by_group_are_groups_of_test_rows() -> None:
    samples = make_study_samples(120, n_series=40)
    extra = pd.DataFrame({"plant": np.arange(120) % 12, "odd": np.arange(120)})
    samples = samples.replace(extra=extra)
    by_plant = protocol_of(samples, Splitter(by="group", column="plant", test=0.5))
    assert n_groups(by_plant) == by_plant.only.test["series"].nunique() == 6
    assert n_groups(protocol_of(samples, Splitter(by="group", test=0.5))) == 20


def test_the_user_may_name_the_groups_of_test_rows() -> None:
    samples = make_study_samples(120, n_series=40)
    samples = samples.replace(extra=pd.DataFrame({"plant": np.arange(120) % 12}))
    by_column = protocol_of(samples, RANDOM, groups="plant")
    rows = by_column.only.test["row"]
    assert n_groups(by_column) == (rows % 12).nunique() >= 10
    assert n_groups(protocol_of(samples, RANDOM, groups=np.arange(120))) == 48


@pytest.mark.parametrize("n_groups_given", [1, 2, 5])
def test_few_groups_of_the_user_are_not_replaced_by_blocks_of_time(
    n_groups_given: int,
) -> None:
    given = np.arange(120) % n_groups_given
    protocol = protocol_of(make_study_samples(120), RANDOM, groups=given)
    assert n_groups(protocol) == n_groups_given


@pytest.mark.parametrize(
    ("groups", "parts"),
    [
        ("plnt", ["`groups`", "'plnt'", "Did you mean 'plant'"]),
        ([1, 2], ["`groups`", "one entry per sample, 30", "2"]),
    ],
)
def test_wrong_groups_are_refused(groups: Any, parts: list[str]) -> None:
    samples = make_study_samples(30).replace(
        extra=pd.DataFrame({"plant": np.arange(30)})
    )
    with refused(*parts, error=ParameterError):
        protocol_of(samples, RANDOM, groups=groups)


def test_groups_without_extra_columns_are_refused() -> None:
    with refused("`groups`", "'plant'", "read_table", error=ParameterError):
        protocol_of(make_study_samples(30), RANDOM, groups="plant")


def test_a_threshold_rule_without_a_validation_set_is_refused() -> None:
    samples = make_study_samples(100)
    tasks: list[Task] = [Classification("state", threshold="f1")]
    samples = samples.replace(y=samples.y[["state"]])
    split = Splitter(by="random", validation=0.0)
    with refused("`state.threshold`", "'f1'", "Hold out a validation set"):
        make_protocol(DataSets(samples), tasks, split, None, 1, None)


def test_a_split_without_labels_is_refused() -> None:
    samples = make_study_samples(30, missing=0)
    samples.y.loc[15:, "load"] = np.nan
    split = Split(np.arange(10), np.arange(10, 15), np.arange(15, 30))
    with refused("`split`", "every task", "'load' in test", error=DataError):
        protocol_of(samples, split)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"split": "time"}, ["`split`", "a Splitter, a Split or None", "'time'"]),
        ({"cv": 1}, ["`cv`", "at least 2", "1"]),
        ({"cv": True}, ["`cv`", "number of folds", "True"]),
        ({"n_seeds": 0}, ["`n_seeds`", "positive int", "0"]),
        ({"split": Split(*(np.arange(3),) * 3), "cv": 2}, ["`split`", "`cv`", "Split"]),
    ],
)
def test_wrong_arguments_are_refused(options: dict[str, Any], parts: list[str]) -> None:
    with refused(*parts, error=ParameterError):
        protocol_of(make_study_samples(30), **options)
