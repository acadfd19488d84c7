from __future__ import annotations

import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.optimize import minimize_scalar

from multitide.errors import DataError, ParameterError
from multitide.tasks import Regression, RegressionTarget
from refusals import refused


def frame(*values: object, dtype: str | None = None) -> pd.DataFrame:
    return pd.DataFrame({"load": pd.Series(list(values), dtype=dtype)})


def fit(labels: pd.DataFrame, **parameters: object) -> RegressionTarget:
    return Regression("load", **parameters).fit_target(labels)


def test_codes_are_standardised_by_the_labelled_rows() -> None:
    values = np.array([1.0, np.nan, 4.0, 10.0])
    target = fit(frame(*values))
    codes = target.encode(frame(*values))
    known = values[[0, 2, 3]]
    assert codes.dtype == np.float32
    assert np.isnan(codes[1])
    np.testing.assert_allclose(
        codes[[0, 2, 3]], (known - known.mean()) / known.std(), rtol=1e-6
    )


@pytest.mark.parametrize("offset", [0.0, 1e9, -1e12])
@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e4])
def test_labels_survive_the_round_trip(offset: float, unit: float) -> None:
    values = offset + unit * np.random.default_rng(0).normal(size=1000)
    target = fit(frame(*values))
    codes = torch.from_numpy(target.encode(frame(*values)))
    decoded = target(codes[:, None]).numpy()
    assert decoded.dtype == np.float64
    # Codes are float32, labels float64: neither rounding is larger than a few of its units.
    np.testing.assert_allclose(
        decoded, values, rtol=4 * np.finfo(np.float64).eps, atol=1e-6 * unit
    )


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e300])
def test_very_small_and_very_large_labels_neither_vanish_nor_overflow(
    size: float,
) -> None:
    values = size * np.random.default_rng(0).normal(size=100)
    target = fit(frame(*values))
    codes = target.encode(frame(*values))
    assert codes.std() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(
        target(torch.from_numpy(codes)[:, None]).numpy(),
        values,
        rtol=1e-5,
        atol=1e-6 * size,
    )


@pytest.mark.parametrize("delta", [0.01, 0.5, 1.0, 50.0])
def test_best_constant_of_hubers_loss_is_where_a_minimiser_finds_it(
    delta: float,
) -> None:
    values = np.random.default_rng(1).lognormal(size=501)
    target = fit(frame(*values), loss="huber", delta=delta)
    codes = (values - values.mean()) / values.std()

    def mean_loss(constant: float) -> float:
        size = np.abs(codes - constant)
        return float(
            np.where(size <= delta, size**2 / 2, delta * (size - delta / 2)).mean()
        )

    best = minimize_scalar(
        mean_loss,
        bounds=(codes.min(), codes.max()),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert float(target.bias) == pytest.approx(
        best.x, abs=1e-3 if delta < 0.1 else 1e-5
    )
    assert float(target.trivial_loss) == pytest.approx(best.fun, rel=1e-5)


def test_best_constants_are_mean_and_median_in_the_users_units() -> None:
    values = np.random.default_rng(2).lognormal(size=301)
    assert fit(frame(*values)).constant(2) == pytest.approx(
        np.full(2, values.mean()), rel=1e-6
    )
    assert fit(frame(*values), loss="mae").constant(1)[0] == pytest.approx(
        np.median(values), rel=1e-6
    )


def test_losses_do_not_depend_on_the_units() -> None:
    rng = np.random.default_rng(3)
    values, output = rng.normal(size=50), torch.randn(50, 1)
    for loss in ("mse", "mae", "huber"):
        here, there = (
            fit(frame(*values), loss=loss),
            fit(frame(*(1e6 - 1e4 * values)), loss=loss),
        )
        one = here.mean_loss(output, torch.from_numpy(here.encode(frame(*values))))
        other = there.mean_loss(
            -output, torch.from_numpy(there.encode(frame(*(1e6 - 1e4 * values))))
        )
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("labels", "numbers"),
    [
        (frame(1, 2, 4), [1, 2, 4]),
        (frame(True, False, True), [1, 0, 1]),
        (frame(1, None, 4, dtype="Int64"), [1, np.nan, 4]),
        (
            frame(1.5, "", "2.5", None, Decimal("0.25"), dtype="object"),
            [1.5, np.nan, 2.5, np.nan, 0.25],
        ),
        (frame("1", " ", "2.5e3"), [1, np.nan, 2500]),
        (frame(1, 2, 1, dtype="category"), [1, 2, 1]),
    ],
)
def test_numbers_are_read_however_they_are_stored(
    labels: pd.DataFrame, numbers: list[float]
) -> None:
    target = fit(labels)
    decoded = target(torch.from_numpy(target.encode(labels))[:, None]).numpy()
    np.testing.assert_allclose(decoded, numbers, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "parts"),
    [
        (frame(5.0, 5.0, None), ["differ", "only 5 in 2"]),
        (frame(0.1 + 0.2, 0.3), ["differ", "only 0.3 in 2"]),
        (frame(0.0, 0.0), ["differ", "only 0 in 2"]),
        (frame(3.0, None), ["differ", "only 3 in 1"]),
        (frame(np.nan, np.nan), ["at least one label", "none in 2 rows"]),
        (frame(1.0, np.inf, 2.0), ["finite numbers", "inf", "NaN"]),
        (frame("abc", "1.5"), ["finite numbers", "'abc'", "NaN", "classification"]),
        (frame(*"abcdefg"), ["'a', 'b', 'c', 'd', 'e' and 2 more"]),
        (
            frame(pd.Timestamp("2020-01-01"), pd.Timestamp("2021-01-01")),
            ["finite numbers", "Timestamp"],
        ),
    ],
)
def test_labels_that_cannot_be_numbers_are_refused(
    labels: pd.DataFrame, parts: list[str]
) -> None:
    with refused("`load`", *parts, error=DataError):
        fit(labels)


def test_text_is_refused_at_evaluation_too() -> None:
    target = fit(frame(1.0, 2.0))
    with refused("`load`", "finite numbers", "'high'", error=DataError):
        target.encode(frame("high", "2.0"))
    with refused("`load`", "finite numbers", "inf", error=DataError):
        target.metrics(frame(np.inf, 2.0), np.zeros(2))


@pytest.mark.parametrize(
    "parameters",
    [{"loss": "rmse"}, {"delta": 0}, {"delta": -1.0}, {"delta": float("inf")}],
)
def test_impossible_parameters_are_refused(parameters: dict[str, object]) -> None:
    with refused(f"`load.{next(iter(parameters))}` must be", error=ParameterError):
        Regression("load", **parameters).check("load")  # type: ignore[arg-type]


def test_metrics_at_predictions_far_away_do_not_warn() -> None:
    target = fit(frame(1.0, 2.0, 0.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = target.metrics(frame(0.0, 0.0), np.array([1e300, -1e300])).set_index(
            "metric"
        )
    assert np.isnan(table.loc["r2", "value"])
    assert np.isnan(table.loc["mape", "value"])
    assert table.loc["mape", "n_labelled"] == 0
