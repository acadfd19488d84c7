"""What users give by mistake in place of series, labels or names is answered in one message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import multitide as mt
from makers import make_arrays, make_samples, small
from multitide.errors import DataError, ParameterError
from refusals import refused

X, Y = make_arrays(n=40)
SAMPLES = make_samples(n=40)
NAMED = mt.Samples.from_arrays(X, Y, channels=["u", "v", "w"])


@pytest.fixture(scope="module")
def model() -> mt.MultiTaskEstimator:
    return small(max_epochs=1).fit(SAMPLES)


@pytest.fixture(scope="module")
def named() -> mt.MultiTaskEstimator:
    return small(max_epochs=1).fit(NAMED)


def array_with(names: str) -> mt.Samples:
    """Return samples whose channels have these names, one letter each."""
    return mt.Samples.from_arrays(np.resize(X, (40, len(names), 20)), channels=names)


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({"": SAMPLES}, ["name", "''", "without a dict"]),
        ({"a": SAMPLES}, ["'a'", "without a dict"]),
        (X[0], ["(3, 20)", "X[None]"]),
        (X.transpose(0, 2, 1), ["3 channels", "20", "X.transpose(0, 2, 1)"]),
        (X[:, :2], ["3 channels", "2"]),
        (Y, ["DataFrame", "'state', 'load'", "second argument", "read_table"]),
        (Y["load"], ["Series", "second argument"]),
        ((X, Y), ["tuple", "second argument"]),
        ([X, Y], ["list", "other shapes"]),
        (None, ["None"]),
        ("a.csv", ["'a.csv'", "read_table"]),
        (Path("a.csv"), ["'a.csv'", "read_table"]),
    ],
)
@pytest.mark.filterwarnings("ignore:.*the other way round")
def test_other_series_are_refused_with_the_remedy(
    model: mt.MultiTaskEstimator, given: Any, parts: list[str]
) -> None:
    with refused("`X`", *parts):
        model.predict(given)


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        (array_with("vuw"), ["same order", "'v', 'u', 'w'", "X[:, [1, 0, 2]]"]),
        (array_with("uvx"), ["['w'] missing", "['x'] unknown"]),
        (array_with("uv"), ["got 2", "['w'] missing"]),
        (array_with("uvwx"), ["got 4", "['x'] unknown"]),
        (X, ["no names", "channels=['u', 'v', 'w']"]),
    ],
)
def test_other_channels_are_named(
    named: mt.MultiTaskEstimator, given: Any, parts: list[str]
) -> None:
    with refused("`X`", "3 channels", *parts, error=DataError):
        named.predict(given)


def test_the_remedy_for_the_order_is_right(named: mt.MultiTaskEstimator) -> None:
    turned = mt.Samples.from_arrays(X[:, [2, 0, 1]], channels=["w", "u", "v"])
    with refused("X[:, [1, 2, 0]]"):
        named.predict(turned)
    back = np.asarray(turned.X)[:, [1, 2, 0]]
    again = mt.Samples.from_arrays(back, channels=["u", "v", "w"])
    assert named.predict(again).equals(named.predict(NAMED))


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ((Y, X), ["`y`", "swapped"]),
        ((Y, SAMPLES), ["`y`", "swapped"]),
        ((X, "load"), ["`y`", "'load'"]),
        ((SAMPLES, Y[:-1]), ["`y`", "39 rows for 40"]),
        ((X, Y[:-1]), ["`y`", "39 rows for 40"]),
    ],
)
def test_wrong_labels_are_refused_by_all_that_take_them(
    model: mt.MultiTaskEstimator, given: tuple[Any, Any], parts: list[str]
) -> None:
    with refused(*parts, error=DataError):
        small().fit(*given)
    with refused(*parts, error=DataError):
        model.evaluate(*given)


def test_evaluating_without_labels_is_refused(model: mt.MultiTaskEstimator) -> None:
    with refused("`y`", "['state', 'load']", "evaluate(X, y)", error=DataError):
        model.evaluate(X)
    with refused("`y`", "none of ['state', 'load'] in 40", error=DataError):
        model.evaluate(X, Y.map(lambda _: None))
    assert model.evaluate(X, Y.assign(state=None))["n_labelled"].min() == 0


class Net(nn.Module):
    pass


@pytest.mark.parametrize("name", ["backbone", "sharing"])
@pytest.mark.parametrize("module", [Net, Net()])
def test_a_torch_module_is_answered_with_the_page(name: str, module: Any) -> None:
    page = "docs/internals/adding-a-part.md"
    with refused(f"`{name}`", "Net, a torch module", page, error=ParameterError):
        small(**{name: module}).fit(SAMPLES)
    assert (Path(__file__).parents[2] / page).is_file()


def test_a_class_in_place_of_an_object_is_said() -> None:
    with refused("`backbone`", "LSTMFCN()", error=ParameterError):
        small(backbone=mt.backbones.LSTMFCN).fit(SAMPLES)


CALLS: list[tuple[Callable[..., object], str, str]] = [
    (mt.MultiTaskEstimator, "max_epoch", "max_epochs"),
    (mt.MultiTaskEstimator().set_params, "max_epoch", "max_epochs"),
    (mt.MultiTaskEstimator().set_params, "backbone__hiden_size", "hidden_size"),
    (mt.backbones.LSTMFCN, "hiden_size", "hidden_size"),
    (mt.Training, "patiense", "patience"),
    (mt.Inputs, "scal", "scale"),
    (mt.Splitter, "bye", "by"),
    (mt.Regression, "los", "loss"),
    (mt.MultiLabel, "colums", "columns"),
    (mt.read_table, "windw", "window"),
    (mt.compare, "n_seed", "n_seeds"),
    (mt.tune, "n_trial", "n_trials"),
    (mt.group_tasks, "n_seed", "n_seeds"),
    (mt.run_fit, "foldr", "folder"),
]


@pytest.mark.parametrize(("call", "wrong", "right"), CALLS)
def test_a_misspelt_argument_is_answered_with_the_right_one(
    call: Callable[..., object], wrong: str, right: str
) -> None:
    last = wrong.rpartition("__")[2]
    with refused(f"'{last}'", f"Did you mean '{right}'?", error=ParameterError):
        call(**{wrong: 3})


def test_an_argument_like_no_other_is_answered_with_all() -> None:
    with refused("'qqq'", "It takes", "max_epochs", error=ParameterError):
        mt.MultiTaskEstimator(qqq=1)  # type: ignore[call-arg]


def test_signatures_are_those_of_the_functions() -> None:
    import inspect

    assert "max_epochs" in inspect.signature(mt.MultiTaskEstimator).parameters
    assert "hidden_size" in inspect.signature(mt.backbones.LSTMFCN).parameters
    assert "window" in inspect.signature(mt.read_table).parameters
