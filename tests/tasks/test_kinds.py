from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.errors import DataError, ParameterError
from multitide.tasks import (
    Auto,
    Classification,
    Forecast,
    MultiLabel,
    Regression,
    Task,
    describe_tasks,
    infer_kind,
    infer_tasks,
    resolve_tasks,
    task_from_config,
    task_to_config,
)
from refusals import refused

COLUMNS = {
    "text": (["a", "b", None, "a"] * 5, "classification"),
    "boolean": ([True, False] * 10, "classification"),
    "boolean, some missing": ([True, None, False, False] * 5, "classification"),
    "few whole": ([1, 2, 3, 4] * 5, "classification"),
    "few whole, some missing": ([1, 2, np.nan, 4] * 5, "classification"),
    "ten whole": (list(range(10)) * 2, "classification"),
    "ten whole, some missing": ([*range(10), *[np.nan] * 10], "classification"),
    "negative": ([-1, 1] * 10, "classification"),
    "eleven whole": (list(range(11)) + [0] * 9, "regression"),
    "eleven whole, some missing": ([*range(11), *[np.nan] * 9], "regression"),
    "whole floats": ([100.0, 115.0, 130.0, 90.0] * 5, "classification"),
    "fractions": ([0.5, 1.0] * 10, "regression"),
    "one fraction": ([*[1.0] * 18, 1.5, np.nan], "regression"),
}
Y = pd.DataFrame({name: pd.Series(values) for name, (values, _) in COLUMNS.items()})


@pytest.mark.parametrize("name", COLUMNS)
def test_kinds_are_read_from_the_labels(name: str) -> None:
    assert infer_kind(Y[name]) == COLUMNS[name][1]


@pytest.mark.parametrize("seed", range(20))
def test_a_missing_label_does_not_turn_classes_into_numbers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(-3, 4, size=50)
    for dtype in ("float64", "Int64", "object"):
        labels = (
            pd.Series(values).astype(dtype).mask(rng.random(50) < 0.9 * rng.random())
        )
        assert infer_kind(labels) == infer_kind(labels.dropna()) == "classification"


def test_every_column_becomes_a_task() -> None:
    assert [(task.name, task.kind) for task in infer_tasks(Y)] == [
        (name, kind) for name, (_, kind) in COLUMNS.items()
    ]


def test_declared_tasks_stay_as_they_are_and_names_get_a_kind() -> None:
    declared = Regression("few whole", loss="mae", lead=3)
    tasks = resolve_tasks(
        [declared, "text", Auto("ten whole", column="other", label_at="start", lead=2)],
        Y,
    )
    assert tasks[0] is declared
    assert tasks[1:] == [
        Classification("text"),
        Classification("ten whole", column="other", label_at="start", lead=2),
    ]


def test_a_mean_of_an_undeclared_task_is_a_number() -> None:
    for name in ("few whole", "boolean"):
        assert resolve_tasks([Auto(name, label_at="mean")], Y) == [
            Regression(name, label_at="mean")
        ]
    with refused("`text`", "finite numbers", "'a', 'b'", error=DataError):
        resolve_tasks([Auto("text", label_at="mean")], Y)


def test_what_was_inferred_and_left_out_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="multitide"):
        resolve_tasks(
            ["text", "fractions", Regression("few whole")],
            Y[["text", "fractions", "few whole", "boolean"]],
        )
    assert caplog.messages == [
        "`text` is a classification by its labels (text, 2 distinct values).",
        "`fractions` is a regression by its labels (numbers that are not whole). "
        'To change it: kind = "classification".',
        "Columns of `y` that belong to no task are ignored: 'boolean'.",
    ]


def test_declared_tasks_say_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="multitide"):
        resolve_tasks([Classification("text")], Y[["text"]])
    assert not caplog.messages


def test_description_says_what_why_and_how_to_change_it() -> None:
    y = Y[["text", "few whole, some missing", "fractions"]]
    table = describe_tasks(
        ["text", "few whole, some missing", Regression("fractions")], y
    )
    assert table.to_dict("records") == [
        {
            "task": "text",
            "kind": "classification",
            "declared": False,
            "why": "text, 2 distinct values",
            "n_labelled": 15,
            "n_samples": 20,
            "values": "a (10), b (5)",
            "to_change": "",
        },
        {
            "task": "few whole, some missing",
            "kind": "classification",
            "declared": False,
            "why": "whole numbers, at most 10 distinct values",
            "n_labelled": 15,
            "n_samples": 20,
            "values": "1 (5), 2 (5), 4 (5)",
            "to_change": 'kind = "regression"',
        },
        {
            "task": "fractions",
            "kind": "regression",
            "declared": True,
            "why": "declared",
            "n_labelled": 20,
            "n_samples": 20,
            "values": "0.5 ... 1",
            "to_change": 'kind = "classification"',
        },
    ]


def test_many_classes_are_described_by_the_most_frequent() -> None:
    y = pd.DataFrame({"state": list("abcdefgh") * 5 + ["h"]})
    assert (
        describe_tasks(None, y)["values"][0]
        == "h (6), a (5), b (5), c (5), d (5), e (5) and 2 more"
    )


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        (
            ["txt"],
            ["columns of `y`", "one of 'text', ", "got 'txt'", "Did you mean 'text'?"],
        ),
        (["text", Regression("text")], ["differ", "'text' twice"]),
        ([], ["at least one column", "none"]),
        ([3], ["names or tasks", "got 3"]),
        (
            [Regression("text", lead=-1)],
            [".text.lead`", "greater than or equal to 0", "-1"],
        ),
    ],
)
def test_wrong_tasks_are_refused(spec: Any, parts: list[str]) -> None:
    with refused("`tasks", *parts, error=ParameterError):
        resolve_tasks(spec, Y)


def test_all_problems_come_in_one_message() -> None:
    with pytest.raises(ParameterError) as parameters:
        resolve_tasks(
            ["txt", Regression("few whole", loss="mse", delta=-1), "boolen"], Y
        )
    assert len(str(parameters.value).splitlines()) == 3
    with pytest.raises(DataError) as data:
        resolve_tasks(
            [Regression("text"), Classification("constant"), "empty"],
            Y.assign(constant=1, empty=np.nan),
        )
    assert [line.split()[0] for line in str(data.value).splitlines()] == [
        "`text`",
        "`constant`",
        "`empty`",
    ]


@pytest.mark.parametrize(
    ("y", "parts"),
    [
        (
            pd.DataFrame({0: [1.5, 2]}),
            ["`y`", "text", "got 0", "y.rename(columns=str)"],
        ),
        (pd.DataFrame([[1.5, 2]], columns=["a", "a"]), ["`y`", "'a' more than once"]),
        (pd.DataFrame(), ["`tasks`", "at least one column of `y`", "none"]),
    ],
)
def test_wrong_label_tables_are_refused(y: pd.DataFrame, parts: list[str]) -> None:
    with refused(*parts, error=ParameterError):
        infer_tasks(y)


def test_a_task_without_any_labels_is_refused_with_a_remedy() -> None:
    with refused(
        "`tasks`", "`y`", "'load'", "Samples.from_arrays", error=ParameterError
    ):
        resolve_tasks(["load"], pd.DataFrame(index=range(3)))


@pytest.mark.parametrize(
    ("labels", "parts"),
    [
        (
            pd.Series([None, np.nan], dtype="object"),
            ["at least one label", "none in 2 rows"],
        ),
        (pd.Series([1.0, np.inf]), ["finite numbers", "inf"]),
        (
            pd.Series(pd.to_datetime(["2020-01-01", "2021-01-01"])),
            ["text, booleans", "Timestamp"],
        ),
    ],
)
def test_labels_without_a_kind_are_refused(labels: pd.Series, parts: list[str]) -> None:
    with refused("`labels`", *parts, error=DataError):
        infer_kind(labels)


def test_a_task_without_a_kind_cannot_be_fitted() -> None:
    with refused("`a.kind`", "resolve_tasks", error=ParameterError):
        Auto("a").fit_target(pd.DataFrame({"a": [1, 2]}))


@pytest.mark.parametrize(
    "task",
    [
        Auto("a"),
        Auto("a", column="b", label_at="mean", lead=2),
        Classification("a", class_weight="balanced", label_at="any"),
        Classification("a", class_weight={"x": 2.0}),
        Regression("a", loss="huber", delta=0.5, lead=1),
        Regression("a", loss="quantile", quantiles=(0.05, 0.5, 0.95)),
        Classification("a", loss="focal", gamma=1.0, label_smoothing=0.1),
        MultiLabel("a", columns=["b", "c"], yes="y"),
        Forecast("a", column="b", horizon=3, lead=2, loss="mae"),
    ],
)
def test_tasks_and_configurations_are_the_same_thing(task: Task) -> None:
    assert task_from_config(task_to_config(task)) == task


def test_a_configuration_says_no_more_than_it_has_to() -> None:
    assert task_to_config(Auto("a")) == {"name": "a"}
    assert task_to_config(Regression("a", lead=2)) == {
        "name": "a",
        "kind": "regression",
        "lead": 2,
    }


@pytest.mark.parametrize(
    ("config", "parts"),
    [
        ({"kind": "regression"}, ["`tasks.?.name` must be given"]),
        (
            {"name": "a", "kind": "regresion"},
            ["`tasks.a.kind`", "'regresion'", "Did you mean 'regression'"],
        ),
        (
            {"name": "a", "kind": "regression", "los": "mae"},
            ["`tasks.a`", "'los'", "Did you mean 'loss'"],
        ),
        (
            {"name": "a", "loss": "mae"},
            ["`tasks.a`", "`tasks.a.loss`", "kind = ", '"regression"'],
        ),
        (
            {"name": "a", "lead": -1, "label_at": "middle"},
            ["`tasks.a.label_at`", "`tasks.a.lead`"],
        ),
    ],
)
def test_wrong_configurations_are_refused(
    config: dict[str, Any], parts: list[str]
) -> None:
    with refused(*parts, error=ParameterError):
        task_from_config(config)
