from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk
from sklearn.metrics import get_scorer_names

from multitide.tasks import Classification, Regression
from multitide.tasks._metric_table import (
    HIGHER_IS_BETTER,
    better_than_trivial,
    disagreement,
    goodness,
    metric_table,
)
from multitide.tasks._metrics import (
    BINARY,
    CLASSIFICATION,
    FORECAST,
    MULTI_LABEL,
    QUANTILE,
    REGRESSION,
    classification_metrics,
    forecast_metrics,
    log_losses,
    multi_label_metrics,
    quantile_metrics,
    regression_metrics,
)
from multitide.tasks._quoted_metrics import QUOTED
from multitide.tasks._reliability import calibration_error, said_and_true
from multitide.tasks._survival_metrics import SURVIVAL


def values_of(table: pd.DataFrame, column: str = "value") -> dict[str, float]:
    return table.set_index("metric")[column].to_dict()


def probabilities(n: int, n_classes: int, seed: int) -> np.ndarray:
    return (
        np.random.default_rng(seed)
        .dirichlet(np.ones(n_classes), size=n)
        .astype(np.float32)
    )


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("seed", range(5))
def test_classification_metrics_are_scikit_learns_on_the_labelled_rows(
    n_classes: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_classes, size=200)
    truth[:n_classes] = range(n_classes)
    missing = rng.random(200) < 0.4
    missing[:n_classes] = False
    labels = pd.DataFrame({"y": pd.Series(truth).mask(missing)})
    target = Classification("y").fit_target(labels)
    guess = probabilities(200, n_classes, seed)

    known, p = truth[~missing], guess[~missing].astype(np.float64)
    p /= p.sum(axis=1, keepdims=True)
    one_hot = np.eye(n_classes)[known]
    expected = {
        "accuracy": sk.accuracy_score(known, p.argmax(1)),
        "balanced_accuracy": sk.balanced_accuracy_score(known, p.argmax(1)),
        "f1_macro": sk.f1_score(known, p.argmax(1), average="macro"),
        "roc_auc": sk.roc_auc_score(
            known, p[:, 1] if n_classes == 2 else p, multi_class="ovr"
        ),
        "average_precision": sk.average_precision_score(
            known if n_classes == 2 else one_hot,
            p[:, 1] if n_classes == 2 else p,
            average="macro",
        ),
        "log_loss": sk.log_loss(known, p),
        "brier": sk.brier_score_loss(known, p[:, 1] if n_classes == 2 else p),
        "ece": calibration_error(*said_and_true(known, p)),
    }
    if target.positive is not None:  # the rarer class
        yes, said = known == target.positive, p.argmax(1) == target.positive
        of_yes = p[:, target.positive]
        expected["roc_auc"] = sk.roc_auc_score(yes, of_yes)
        expected["average_precision"] = sk.average_precision_score(yes, of_yes)
        expected["precision"] = sk.precision_score(yes, said)
        expected["recall"] = sk.recall_score(yes, said)
        expected["f1"] = sk.f1_score(yes, said)
    table = target.metrics(labels, guess)
    found = values_of(table)
    assert found.pop("loss") == pytest.approx(
        expected["log_loss"] / float(target.trivial_loss), rel=1e-5
    )
    assert found == pytest.approx(expected, rel=1e-5)
    assert (table["n_labelled"] == (~missing).sum()).all()


@pytest.mark.parametrize("seed", range(5))
def test_regression_metrics_are_scikit_learns_on_the_labelled_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.normal(5, 2, size=100).round(1)
    missing = rng.random(100) < 0.4
    truth[rng.random(100) < 0.1] = 0
    guess = truth + rng.normal(size=100)
    labels = pd.DataFrame({"y": pd.Series(truth).mask(missing)})
    table = Regression("y", loss="mae").fit_target(labels).metrics(labels, guess)
    known, p = truth[~missing], guess[~missing]
    found = values_of(table)
    assert found.pop("loss") == pytest.approx(
        np.abs(known - p).mean() / np.abs(known - np.median(known)).mean()
    )
    assert found == pytest.approx(
        {
            "rmse": sk.root_mean_squared_error(known, p),
            "mae": sk.mean_absolute_error(known, p),
            "r2": sk.r2_score(known, p),
            "mape": np.mean(np.abs(known - p)[known != 0] / np.abs(known[known != 0])),
        }
    )
    counts = values_of(table, "n_labelled")
    assert counts.pop("mape") == (known != 0).sum()
    assert set(counts.values()) == {len(known)}


@pytest.mark.parametrize("scale", [1e-300, 1e-20, 1.0, 1e9, 1e150])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("ignore:overflow")
def test_errors_are_scikit_learns_at_any_scale(scale: float, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    labels = rng.normal(size=500) * scale
    labels[:5] = 0
    predictions = (labels + 0.3 * scale * rng.normal(size=500)).astype(dtype)
    if not np.isfinite(predictions).all():
        return
    found = regression_metrics(labels, predictions)
    wide = predictions.astype(np.float64)
    wanted = {
        "rmse": sk.root_mean_squared_error(labels, wide),
        "mae": sk.mean_absolute_error(labels, wide),
        "r2": sk.r2_score(labels, wide) if scale > 1e-100 else found["r2"],
        "mape": sk.mean_absolute_percentage_error(labels[5:], wide[5:]),
    }
    assert found == pytest.approx(wanted, rel=1e-12, abs=0, nan_ok=True)
    truth = np.where(rng.random((500, 4)) < 0.2, np.nan, labels[:, None])
    answers = np.tile(predictions[:, None], (1, 4))
    known = ~np.isnan(truth)
    wanted = regression_metrics(truth[known], answers[known])
    wanted.pop("mape")
    assert forecast_metrics(truth, answers) == wanted


def test_trivial_values_are_of_the_training_constant_not_refitted() -> None:
    target = Regression("y").fit_target(pd.DataFrame({"y": [0.0, 2.0, 4.0]}))
    test = pd.DataFrame({"y": [10.0, 12.0]})
    trivial = values_of(target.metrics(test, np.array([10.0, 12.0])), "trivial")
    assert trivial["mae"] == pytest.approx(9)
    assert trivial["rmse"] == pytest.approx(np.sqrt((8**2 + 10**2) / 2))
    assert trivial["r2"] == pytest.approx(1 - (8**2 + 10**2) / 2)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_one_class_on_a_side_leaves_rankings_undefined(n_classes: int) -> None:
    found = classification_metrics(
        np.zeros(5, dtype=int), probabilities(5, n_classes, 0)
    )
    assert np.isnan(found["roc_auc"])
    assert np.isnan(found["average_precision"])
    assert np.isfinite(found["accuracy"])


def test_ranking_of_several_classes_is_the_mean_over_those_present() -> None:
    codes, p = np.array([0, 0, 2, 2, 0]), probabilities(5, 3, 1)
    found = classification_metrics(codes, p)
    assert found["roc_auc"] == pytest.approx(
        np.mean([sk.roc_auc_score(codes == c, p[:, c]) for c in (0, 2)])
    )


@pytest.mark.parametrize("n_rows", [0, 3])
def test_no_rows_or_a_probability_that_is_none_have_no_metrics(n_rows: int) -> None:
    p = probabilities(n_rows, 3, 1)
    p[1:2, 0] = np.nan  # one of three rows, or none
    found = classification_metrics(np.zeros(n_rows, int), p)
    assert found and all(np.isnan(value) for value in found.values())


def test_certain_and_wrong_has_a_finite_log_loss() -> None:
    codes, p = np.array([0, 1]), np.array([[0, 1], [0, 1]], dtype=np.float32)
    assert log_losses(codes, p) == pytest.approx([-np.log(np.finfo(np.float32).eps), 0])
    assert log_losses(codes, p).mean() == pytest.approx(sk.log_loss(codes, p))


def test_first_row_is_the_headline_and_directions_are_known() -> None:
    labels = pd.DataFrame({"y": [0.5, 1.0, 1.5]})
    assert list(
        Regression("y")
        .fit_target(labels)
        .metrics(labels, labels["y"].to_numpy())["metric"]
    ) == [
        *REGRESSION,
        "loss",
    ]
    kinds = {*CLASSIFICATION, *BINARY, *REGRESSION, *QUANTILE, *MULTI_LABEL, *FORECAST}
    others = {*QUOTED, *SURVIVAL, "persistence_rmse", "skill", "loss"}
    assert set(HIGHER_IS_BETTER) == kinds | others
    assert CLASSIFICATION[0] == "accuracy"
    assert REGRESSION[0] == "rmse"
    scorers = [name for name in HIGHER_IS_BETTER if name in get_scorer_names()]
    assert scorers == [
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "f1",
        "f1_macro",
        "roc_auc",
        "average_precision",
        "r2",
    ]
    assert all(HIGHER_IS_BETTER[name] for name in scorers)


def test_the_coverage_of_quantiles_is_best_at_its_level() -> None:
    target = Regression("load", loss="quantile", quantiles=[0.1, 0.5, 0.9]).fit_target(
        pd.DataFrame({"load": np.arange(30.0)})
    )
    level = target.level_of("coverage")
    assert level == pytest.approx(0.8)
    assert target.level_of("rmse") is None
    values = np.array([0.5, 0.75, 0.8, 0.9, 1.0])
    assert goodness("coverage", values, level).argsort().tolist()[::-1] == [
        2,
        1,
        3,
        4,
        0,
    ]
    assert goodness("rmse", 2.0) < goodness("rmse", 1.0)
    assert goodness("r2", 0.5) > goodness("r2", 0.1)


def test_coverage_is_not_compared_with_the_trivial_predictor_without_its_level() -> (
    None
):
    trivial = {"coverage": 0.8, "rmse": 2.0}
    table = metric_table({"coverage": 1.0, "rmse": 1.0}, trivial, 10)
    assert better_than_trivial(table).tolist() == ["-", "yes"]


@pytest.mark.parametrize(
    ("accuracy", "loss", "said"),
    [(0.9, 1.2, True), (0.4, 0.8, True), (0.9, 0.8, False), (0.4, 1.2, False)],
)
def test_a_metric_against_its_loss_is_explained(
    accuracy: float, loss: float, said: bool
) -> None:
    values = {"accuracy": accuracy, "log_loss": 9.0, "loss": loss}
    trivial = {"accuracy": 0.5, "log_loss": 0.7, "loss": 1.0}
    table = metric_table(values, trivial, 10)
    table.insert(0, "task", "state")
    sentence = disagreement(table)
    assert bool(sentence) == said
    assert ("disagree for state" in sentence) == said
    undefined = table.assign(value=np.nan)
    assert disagreement(undefined) == ""


@pytest.mark.parametrize("is_weighed", [False, True])
def test_metrics_of_several_labels_are_those_of_scikit_learn(is_weighed: bool) -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (80, 3)).astype(float)
    said = np.clip(truth * 0.3 + rng.random((80, 3)) * 0.7, 0.01, 0.99)
    weights = rng.random(80) if is_weighed else None
    found = multi_label_metrics(truth, said, weights)
    yes = said > 0.5
    known = {
        "f1_macro": sk.f1_score(truth, yes, average="macro", sample_weight=weights),
        "exact_match": sk.accuracy_score(truth, yes, sample_weight=weights),
        "hamming_loss": sk.hamming_loss(truth, yes, sample_weight=weights),
        "roc_auc": sk.roc_auc_score(truth, said, sample_weight=weights),
    }
    assert {name: found[name] for name in known} == pytest.approx(known)


def test_missing_labels_are_neither_right_nor_wrong() -> None:
    truth = np.array([[1, np.nan], [0, 0], [np.nan, 1]])
    said = np.array([[0.9, 0.9], [0.1, 0.8], [0.9, 0.7]])
    found = multi_label_metrics(truth, said)
    assert found["exact_match"] == pytest.approx(2 / 3)
    assert found["hamming_loss"] == pytest.approx(1 / 4)


def test_a_quantile_metric_counts_what_is_between_the_outermost() -> None:
    labels = np.array([0.0, 2.0, 5.0, 8.0, 9.0])
    predictions = np.array([[1.0, 2.0, 4.0]] * 2 + [[4.0, 5.0, 8.0]] * 3)
    found = quantile_metrics(labels, predictions, [0.1, 0.5, 0.9])
    assert found["coverage"] == pytest.approx(3 / 5)
    assert found["width"] == pytest.approx((2 * 3 + 3 * 4) / 5)
    unbounded = np.where(predictions == 8, np.inf, predictions)
    for figures in (
        quantile_metrics(labels, unbounded, [0.1, 0.5, 0.9]),
        quantile_metrics(labels[:0], predictions[:0], [0.1, 0.5, 0.9]),
    ):
        assert all(np.isnan(value) for value in figures.values())


@pytest.mark.parametrize("positive", [None, 1])
def test_undefined_metrics_have_the_names_of_defined_ones(positive: int | None) -> None:
    codes, p = np.array([0, 1, 1]), probabilities(3, 2, 0)
    defined = classification_metrics(codes, p, positive=positive)
    undefined = classification_metrics(codes[:0], p[:0], positive=positive)
    assert list(undefined) == list(defined)


def test_what_only_the_positive_class_has_is_nan_without_a_case() -> None:
    certain = np.array([[1.0, 0.0], [0.0, 1.0]])
    right = classification_metrics(np.array([0, 1]), certain, positive=1)
    assert [right[name] for name in BINARY] == [1, 1, 1]
    never = classification_metrics(np.zeros(2, int), certain[[0, 0]], positive=1)
    assert np.isnan([never[name] for name in BINARY]).all()


def test_a_class_that_training_has_not_seen_costs_what_certainty_of_another_does() -> (
    None
):
    p = np.array([[0.5, 0.5]])
    assert log_losses(np.array([2]), p) == pytest.approx(
        [-np.log(np.finfo(np.float32).eps)]
    )
    found = classification_metrics(np.array([2, 0]), p.repeat(2, axis=0))
    assert found["accuracy"] == 0.5


def test_numbers_that_are_all_alike_or_zero_leave_metrics_undefined() -> None:
    alike = np.full(3, 0.1)  # whose mean differs from them by rounding
    found = regression_metrics(alike, alike + 1)
    assert found["mape"] == pytest.approx(10)
    assert np.isnan(found["r2"])
    zero = regression_metrics(np.zeros(2), np.ones(2))
    assert (zero["mae"], zero["rmse"]) == (1, 1)
    assert np.isnan(zero["mape"])
    wrong = regression_metrics(np.ones(2), np.array([1.0, np.inf]))
    assert np.isnan(list(wrong.values())).all()


def test_a_label_on_a_bound_is_inside() -> None:
    labels = np.array([1.0, 4.0])
    found = quantile_metrics(labels, np.array([[1.0, 4.0]] * 2), [0.1, 0.9])
    assert found["coverage"] == 1


def test_each_column_of_labels_counts_where_it_defines_a_metric() -> None:
    truth = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    said = np.array([[0.9, 0.5, 0.6], [0.2, 0.1, 0.2], [0.4, 0.3, 0.1]])
    found = multi_label_metrics(truth, said)
    # The second column has no yes and is never said to be one: 0.5 is not the likelier answer.
    assert found["f1_macro"] == pytest.approx((1 + 0) / 2)
    assert (found["roc_auc"], found["average_precision"]) == (1, 1)
    expected = -np.log(np.where(truth == 1, said, 1 - said)).mean()
    assert found["log_loss"] == pytest.approx(expected)
    assert np.isnan(list(multi_label_metrics(truth[:0], said[:0]).values())).all()
    assert np.isnan(list(multi_label_metrics(truth, said * np.nan).values())).all()
