from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.utils.class_weight import compute_sample_weight

from multitide.errors import DataError, MultitideWarning, ParameterError
from multitide.tasks import Classification, ClassificationTarget
from refusals import refused


def frame(*values: object, dtype: str | None = None) -> pd.DataFrame:
    return pd.DataFrame({"fault": pd.Series(list(values), dtype=dtype)})


def fit(labels: pd.DataFrame, **parameters: object) -> ClassificationTarget:
    return Classification("fault", **parameters).fit_target(labels)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (frame("b", "a", None, "b"), ["a", "b"]),
        (frame("b", "a", "", "  "), ["a", "b"]),
        (frame(3, 20, 3, 100), [3, 20, 100]),
        (frame(3, np.nan, 20, 3), [3, 20]),
        (frame(3, None, 20, 3, dtype="Int64"), [3, 20]),
        (frame(1.5, np.nan, 1, 2), [1.0, 1.5, 2.0]),
        (frame(True, False, True), [False, True]),
        (frame(True, None, False, dtype="boolean"), [False, True]),
        (frame(True, None, False, dtype="object"), [False, True]),
        (frame("y", "x", None, dtype="category"), ["x", "y"]),
        (
            frame(np.int64(2), np.str_("a"), np.float64(1.0), dtype="object"),
            [1, 2, "a"],
        ),
        (frame(np.bool_(True), np.bool_(False), dtype="object"), [False, True]),
        (frame(1, True, 0, dtype="object"), [0, 1]),
        (frame(2**53 - 1, 2**53 - 2, 2**53 - 1), [2**53 - 2, 2**53 - 1]),
    ],
)
def test_classes_keep_the_values_that_the_user_wrote(
    labels: pd.DataFrame, classes: list[object]
) -> None:
    target = fit(labels)
    assert target.classes == classes
    assert [type(value) for value in target.classes] == [
        type(value) for value in classes
    ]
    config = json.loads(json.dumps(target.to_config()))
    assert config == {"classes": classes}
    assert [type(value) for value in config["classes"]] == [
        type(value) for value in classes
    ]


@pytest.mark.parametrize(
    "values", [["b", "a", "c"], [30, 1, 7], [True, False, True], [0.5, 1.0, 2.5]]
)
def test_codes_decode_to_the_labels(values: list[object]) -> None:
    labels = frame(*values)
    target = fit(labels)
    codes = target.encode(labels)
    assert codes.dtype == np.int64
    certain = np.eye(target.n_outputs)[codes]
    pd.testing.assert_frame_equal(target.to_frame(certain), labels)


def test_order_of_rows_does_not_change_the_classes() -> None:
    values = ["c", "a", "b", "a", None]
    assert (
        fit(frame(*values)).classes
        == fit(frame(*reversed(values))).classes
        == ["a", "b", "c"]
    )


def test_missing_labels_are_minus_one() -> None:
    target = fit(frame("a", "b"))
    assert target.encode(
        frame("b", None, "", np.nan, "a", dtype="object")
    ).tolist() == [
        1,
        -1,
        -1,
        -1,
        0,
    ]
    assert target.encode(pd.DataFrame({"fault": [np.nan, np.nan]})).tolist() == [-1, -1]


def test_another_table_may_have_read_the_classes_as_text() -> None:
    assert fit(frame(1, 2, 3)).encode(frame("2", "3")).tolist() == [1, 2]
    assert fit(frame("1", "2", "x")).encode(frame(2, 1)).tolist() == [1, 0]
    assert fit(frame(1, 2, 3)).encode(frame(2.0, np.nan)).tolist() == [1, -1]


@pytest.mark.parametrize("class_weight", [None, "balanced", {"a": 2.0, "c": 7.0}])
def test_class_weights_have_mean_one_and_scikit_learns_ratios(
    class_weight: object,
) -> None:
    rng = np.random.default_rng(0)
    values = rng.choice(list("abc"), p=[0.1, 0.3, 0.6], size=500)
    target = fit(frame(*values), class_weight=class_weight)
    weights = target.class_weights.numpy()[target.encode(frame(*values))]
    expected = compute_sample_weight(class_weight, values)
    assert weights.mean() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(weights, expected / expected.mean(), rtol=1e-5)


def test_bias_is_the_log_of_the_weighted_frequencies_and_trivial_loss_their_entropy() -> (
    None
):
    target = fit(frame(*"aaabb", "c"), class_weight={"c": 5.0})
    shares = np.array([3, 2, 5]) / 10
    np.testing.assert_allclose(target.bias.exp().numpy(), shares, rtol=1e-6)
    assert float(target.trivial_loss) == pytest.approx(
        -(shares * np.log(shares)).sum(), rel=1e-6
    )
    np.testing.assert_allclose(
        target.frequencies.numpy(), np.array([3, 2, 1]) / 6, rtol=1e-6
    )


def test_weights_of_classes_written_as_text_are_found() -> None:
    target = fit(frame(1, 2, 2), class_weight={"1": 4.0})
    np.testing.assert_allclose(
        target.class_weights.numpy(), np.array([4, 1, 1])[:2] / 2, rtol=1e-6
    )


def test_weight_of_an_unknown_class_is_refused() -> None:
    with refused(
        "`fault.class_weight`", "'leek'", "Did you mean 'leak'", error=DataError
    ):
        fit(frame("leak", "none"), class_weight={"leek": 2.0})


@pytest.mark.parametrize(
    "bad",
    ["balance", {"a": 0.0}, {"a": -1}, {"a": True}, {"a": float("inf")}, 3, {"a": "b"}],
)
def test_impossible_class_weights_are_refused(bad: object) -> None:
    with refused("`fault.class_weight`", '"balanced"', "above 0", error=ParameterError):
        Classification("fault", class_weight=bad).check("fault")


def test_mean_of_classes_is_refused() -> None:
    with refused(
        "`fault.label_at`", "'end', 'start', 'majority' or 'any'", error=ParameterError
    ):
        Classification("fault", label_at="mean").check("fault")  # type: ignore[arg-type]


def test_unseen_class_teaches_nothing_warns_and_counts_as_wrong() -> None:
    target = fit(frame("a", "b", "b"))
    labels = frame("b", "odd", "b", None)
    with pytest.warns(MultitideWarning, match="`fault` .*'odd'"):
        assert target.encode(labels).tolist() == [1, -2, 1, -1]
    certain = np.tile([0.0, 1.0], (4, 1))
    with pytest.warns(MultitideWarning, match="'odd'") as caught:
        table = target.metrics(labels, certain).set_index("metric")
    assert len(caught) == 1
    assert table.loc["accuracy", "value"] == pytest.approx(2 / 3)
    assert table.loc["balanced_accuracy", "value"] == pytest.approx(1 / 2)
    assert (table["n_labelled"] == 3).all()
    assert table.loc["log_loss", "value"] == pytest.approx(
        -np.log(np.finfo(np.float32).eps) / 3
    )
    losses = target.row_losses(labels, certain)
    assert losses[1] > 10
    assert losses[0] == losses[2] == 0
    assert np.isnan(losses[3])


def test_predictions_have_the_dtype_of_the_classes() -> None:
    for labels, dtype in [
        (frame(1, np.nan, 5), "int64"),
        (frame(True, False), "bool"),
        (frame("a", "b"), "str"),
    ]:
        assert str(fit(labels).to_frame(np.eye(2))["fault"].dtype) == dtype


@pytest.mark.parametrize(
    ("labels", "parts"),
    [
        (frame("a", "a", None), ["at least two classes", "'a' in 2 labels"]),
        (frame(None, np.nan, dtype="object"), ["at least one label", "none in 2 rows"]),
        (frame(1.0, np.inf), ["finite numbers", "inf"]),
        (
            frame(pd.Timestamp("2020-01-01"), pd.Timestamp("2021-01-01")),
            ["text, booleans", "Timestamp"],
        ),
        (frame(*np.linspace(0, 1, 40)), ["repeat", "40 different", "regression"]),
    ],
)
def test_labels_that_cannot_be_classes_are_refused(
    labels: pd.DataFrame, parts: list[str]
) -> None:
    with refused("`fault`", *parts, error=DataError):
        fit(labels)


def test_forward_gives_probabilities() -> None:
    target = fit(frame("a", "b", "c"))
    probabilities = target(torch.tensor([[0.0, 0.0, 0.0], [100.0, 0.0, -100.0]]))
    torch.testing.assert_close(
        probabilities, torch.tensor([[1 / 3] * 3, [1.0, 0.0, 0.0]])
    )


def test_trivial_predictor_of_the_metrics_is_the_most_frequent_class_of_training() -> (
    None
):
    target = fit(frame(*"aaab"), class_weight="balanced")
    table = target.metrics(frame("b", "b", "a"), np.full((3, 2), 0.5)).set_index(
        "metric"
    )
    assert table.loc["accuracy", "trivial"] == pytest.approx(1 / 3)
    assert table.loc["log_loss", "trivial"] == pytest.approx(
        -(2 * np.log(0.25) + np.log(0.75)) / 3
    )
    assert table.loc["roc_auc", "trivial"] == 0.5
