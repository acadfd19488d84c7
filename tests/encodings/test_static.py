"""Static inputs against NumPy and pandas."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.preprocessing import RobustScaler, StandardScaler

from multitide.encodings._static import StaticInputs, StaticLayer
from multitide.errors import DataError, MultitideWarning, ParameterError
from refusals import refused

FRAME = pd.DataFrame(
    {
        "age": [30.0, 50.0, np.nan, 70.0],
        "ward": ["icu", None, "er", "icu"],
        "alive": [True, False, True, True],
        "beds": [1, 2, 3, 4],
        "grade": pd.Categorical([2, 1, 2, None], categories=[1, 2, 3]),
    }
)


def fitted(frame: pd.DataFrame = FRAME, scale: str = "standard") -> StaticLayer:
    layer = StaticInputs(scale=scale).build(frame)  # type: ignore[arg-type]
    layer.fit(frame)
    return layer


def features(layer: StaticLayer, frame: pd.DataFrame) -> np.ndarray:
    return layer(torch.from_numpy(layer.encode(frame))).numpy()


def test_numbers_then_missing_then_categories() -> None:
    layer = fitted()
    got = features(layer, FRAME)
    assert got.shape == (4, layer.n_features) and got.dtype == np.float32
    numbers = StandardScaler().fit_transform(FRAME[["age", "beds"]])
    np.testing.assert_allclose(got[:, :2], np.nan_to_num(numbers), rtol=1e-5, atol=1e-6)
    assert got[:, 2].tolist() == [0, 0, 1, 0], "age is missing once"
    assert (got[:, 3] == 0).all(), "beds are never missing"
    known = pd.concat(
        [FRAME["ward"] == c for c in ("er", "icu")]
        + [FRAME["alive"] == c for c in (False, True)],
        axis=1,
    )
    assert (got[:, 4:8] == known).all(axis=None)
    assert got[:, 8:].tolist() == [[0, 1], [1, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize("scale", ["robust", "none"])
def test_scale(scale: str) -> None:
    beds = FRAME[["beds"]].astype(float)
    expected = (
        RobustScaler(unit_variance=True).fit_transform(beds)
        if scale == "robust"
        else beds
    )
    got = features(fitted(FRAME[["beds"]], scale), FRAME)
    np.testing.assert_allclose(got[:, :1], expected, rtol=1e-5, atol=1e-6)


def test_missing_number_is_the_training_mean_in_any_scale() -> None:
    for scale in ("standard", "robust", "none"):
        layer = fitted(scale=scale)
        filled = FRAME.assign(age=FRAME["age"].fillna(50.0))
        np.testing.assert_allclose(
            features(layer, FRAME)[:, :2], features(layer, filled)[:, :2], atol=1e-6
        )


def test_an_indicator_that_training_never_saw_stays_zero() -> None:
    got = features(fitted(), FRAME.assign(beds=[np.nan, 2, 3, 4]))
    assert (got[:, 3] == 0).all()
    assert got[0, 1] == 0, "the training mean, 2.5, stands in"


def test_column_order_and_other_columns_do_not_matter() -> None:
    layer = fitted()
    shuffled = FRAME[FRAME.columns[::-1]].assign(other=1)
    np.testing.assert_array_equal(features(layer, shuffled), features(layer, FRAME))


def test_unseen_category_warns_and_counts_as_missing() -> None:
    layer, other = fitted(), FRAME.assign(ward=["icu", "lab", "er", None])
    with pytest.warns(MultitideWarning, match=r"`static.ward` .*\['lab'\]"):
        raw = layer.encode(other)
    assert np.isnan(raw[[1, 3], 1]).all()
    np.testing.assert_array_equal(raw[[0, 2]], layer.encode(FRAME)[[0, 2]])


def test_a_column_without_values_is_named_and_becomes_zero() -> None:
    frame = pd.DataFrame(
        {"age": [np.nan, np.nan], "note": [None, None], "beds": [1, 2]}
    )
    layer = StaticLayer.build(frame)
    with pytest.warns(
        MultitideWarning, match=r"static inputs \['age', 'note'\] have no value"
    ):
        layer.fit(frame)
    assert (features(layer, frame)[:, [0, 2, 3]] == 0).all()
    assert (features(layer, frame.assign(age=[80.0, 90.0]))[:, 0] == 0).all()
    assert layer.n_features == 4


def test_config_and_state_rebuild_it() -> None:
    layer = fitted()
    config = json.loads(json.dumps(layer.to_config()))
    again = StaticLayer.from_config(config)
    assert not np.array_equal(features(again, FRAME), features(layer, FRAME))
    again.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(features(again, FRAME), features(layer, FRAME))
    assert again.n_features == layer.n_features


def test_forward_reads_nothing_back_to_the_host() -> None:
    layer = StaticLayer.build(FRAME).to("meta")
    assert layer(torch.empty(4, 5, device="meta")).shape == (4, layer.n_features)


def test_a_missing_column_is_named() -> None:
    with refused("`static`", "['alive'] are missing", error=DataError):
        fitted().encode(FRAME.drop(columns="alive"))


def test_text_among_numbers_is_refused() -> None:
    with refused("`static.age`", "numbers", "'old'", error=DataError):
        fitted().encode(FRAME.assign(age=["30", "old", "20", "10"]))


def test_dates_and_lists_are_refused_together() -> None:
    frame = pd.DataFrame(
        {"born": pd.to_datetime(["2020-01-01"]), "beds": [1], "notes": [["a", "b"]]}
    )
    with refused(
        "`static.born`", "datetime64", "`static.notes`", "Convert", error=DataError
    ):
        StaticInputs().build(frame)


def test_numbers_kept_as_objects_are_numbers() -> None:
    layer = fitted(pd.DataFrame({"age": pd.Series([30, None, 50], dtype=object)}))
    assert layer.categories == {"age": None}


def test_check_names_what_is_wrong() -> None:
    with refused(
        "`static.scale`",
        "'standard', 'robust' or 'none'",
        "'log'",
        error=ParameterError,
    ):
        StaticInputs(scale="log").check("static")  # type: ignore[arg-type]
