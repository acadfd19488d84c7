"""The input layer against NumPy, pandas and scikit-learn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.preprocessing import RobustScaler, StandardScaler
from torch import Tensor

from multitide.data._samples import Samples
from multitide.encodings import ENCODINGS, Difference, PiecewiseLinear
from multitide.encodings import _input_layer as layer_module
from multitide.encodings._input_layer import InputLayer
from multitide.encodings._inputs import Inputs
from multitide.errors import MultitideWarning, ParameterError
from refusals import refused

CHANNELS = ("a", "b", "c")
CATEGORIES = {"c": ("dry", "wet", "snow")}
SPECS = {
    "default": Inputs(),
    "mean": Inputs(impute="mean", scale="robust", elapsed=True),
    "zero": Inputs(impute="zero", scale="none", observed=True),
    "clip": Inputs(clip=0.1, encodings=("difference",)),
    "everything": Inputs(
        clip=0.05,
        observed=True,
        elapsed=True,
        encodings=(Difference(), PiecewiseLinear(channels=("a", "b_difference"))),
    ),
    "replaced": Inputs(encodings=(PiecewiseLinear(n_bins=3, replace=True),)),
}
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())


def make_samples(
    lengths: tuple[int, ...] = (9, 4, 12, 7),
    missing: float = 0.3,
    seed: int = 0,
    categories: bool = True,
) -> Samples:
    rng = np.random.default_rng(seed)
    blocks = []
    for n in lengths:
        block = rng.normal(size=(3, n)) * [[5.0], [0.1], [1.0]] + [
            [100.0],
            [-3.0],
            [0.0],
        ]
        block[2] = rng.integers(0, 3, n) if categories else block[2]
        blocks.append(np.where(rng.random((3, n)) < missing, np.nan, block))
    samples = Samples.from_arrays(blocks, channels=CHANNELS)
    return samples.replace(categories=dict(CATEGORIES)) if categories else samples


def fitted(spec: Inputs, samples: Samples) -> InputLayer:
    layer = spec.build(samples.channels, samples.categories)
    layer.fit(samples)
    return layer


def tensors(samples: Samples) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(samples.gather(slice(None)).copy()), torch.from_numpy(
        samples.lengths
    )


def complete(n: int = 30, seed: int = 0) -> tuple[np.ndarray, Samples]:
    """Equal series without holes, as an array and as samples."""
    X = (
        np.random.default_rng(seed)
        .gamma(2.0, [[[3.0], [0.2], [1.0]]], size=(n, 3, 8))
        .astype(np.float32)
    )
    return X, Samples.from_arrays(X, channels=CHANNELS)


def measured_values(samples: Samples, channel: int) -> np.ndarray:
    block = samples.gather(slice(None))[:, channel].astype(np.float64)
    return block[~np.isnan(block)]


@pytest.mark.parametrize(
    ("scale", "scaler"),
    [
        ("standard", StandardScaler()),
        ("robust", RobustScaler(unit_variance=True)),
        ("none", None),
    ],
)
def test_scale_is_scikit_learns(scale: Any, scaler: Any) -> None:
    X, samples = complete()
    flat = X.transpose(0, 2, 1).reshape(-1, 3).astype(np.float64)
    expected = flat if scaler is None else scaler.fit_transform(flat)
    got = fitted(Inputs(scale=scale), samples)(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(
        got.transpose(0, 2, 1).reshape(-1, 3), expected, rtol=1e-5, atol=1e-6
    )


def test_nothing_to_do_gives_the_raw_series_bit_by_bit() -> None:
    X, samples = complete()
    assert torch.equal(
        fitted(Inputs(scale="none"), samples)(torch.from_numpy(X)), torch.from_numpy(X)
    )


def test_statistics_are_those_of_measured_valid_values() -> None:
    samples = make_samples(categories=False)
    x, lengths = tensors(samples)
    layer = fitted(Inputs(impute="mean"), samples)
    got = layer(x, lengths)
    for i in range(3):
        values = measured_values(samples, i)
        expected = (x[:, i].double() - values.mean()) / values.std()
        torch.testing.assert_close(
            got[:, i].double(), expected.nan_to_num(0.0), rtol=1e-4, atol=1e-5
        )


def test_ffill_is_pandas_ffill_then_the_mean() -> None:
    samples = make_samples(categories=False)
    x, lengths = tensors(samples)
    got = fitted(Inputs(scale="none"), samples)(x, lengths)
    assert x[0, 0].isnan().any()
    for series, filled, length in zip(x, got, samples.lengths, strict=True):
        expected = pd.DataFrame(series[:, :length].numpy().T).ffill()
        for i in range(3):
            column = expected[i].fillna(measured_values(samples, i).mean())
            np.testing.assert_allclose(filled[i, :length], column, rtol=1e-5)


@pytest.mark.parametrize("scale", ["standard", "robust", "none"])
@pytest.mark.parametrize("impute", ["mean", "zero"])
def test_imputed_values_are_in_the_channels_own_units(scale: Any, impute: Any) -> None:
    samples = make_samples(categories=False)
    x, lengths = tensors(samples)
    layer = fitted(Inputs(impute=impute, scale=scale), samples)
    stand_in = [
        measured_values(samples, i).mean() if impute == "mean" else 0.0
        for i in range(3)
    ]
    filled = torch.where(
        x.isnan(), torch.tensor(stand_in, dtype=torch.float32)[:, None], x
    )
    torch.testing.assert_close(
        layer(x, lengths), layer(filled, lengths), rtol=1e-4, atol=1e-4
    )


def test_clip_sets_impossible_values_to_quantiles() -> None:
    X, samples = complete(200)
    X[0, 0, 0], X[1, 0, 1] = 735.0, -50.0
    samples = Samples.from_arrays(X, channels=CHANNELS)
    got = fitted(Inputs(scale="none", clip=0.01), samples)(torch.from_numpy(X)).numpy()
    for i in range(3):
        low, high = np.quantile(X[:, i].astype(np.float64), [0.01, 0.99])
        np.testing.assert_allclose(got[:, i], X[:, i].clip(low, high), rtol=1e-6)
    assert got[:, 0].max() < 30
    scaled = fitted(Inputs(clip=0.01), samples)(torch.from_numpy(X))
    assert float(scaled.std(correction=0, dim=(0, 2))[0]) == pytest.approx(
        1.0, abs=1e-4
    )  # of what is left


def test_constant_channel_is_divided_by_one() -> None:
    X, _ = complete()
    X[:, 1] = 0.1
    for scale in ("standard", "robust"):
        layer = fitted(Inputs(scale=scale), Samples.from_arrays(X, channels=CHANNELS))
        assert (layer(torch.from_numpy(X))[:, 1] == 0).all()
        assert float(layer(torch.from_numpy(X + 1))[0, 1, 0]) == pytest.approx(
            1.0, abs=1e-6
        )


def test_robust_scale_of_a_channel_mostly_constant_is_its_deviation() -> None:
    X, _ = complete()
    X[:, 0] = 0.0
    X[0, 0, 0] = 10.0
    got = fitted(Inputs(scale="robust"), Samples.from_arrays(X, channels=CHANNELS))(
        torch.from_numpy(X)
    )
    assert float(got[0, 0, 0]) == pytest.approx(10 / X[:, 0].std(), rel=1e-5)


@pytest.mark.parametrize("impute", ["ffill", "mean", "zero"])
def test_a_channel_never_measured_becomes_zero_and_is_named(impute: Any) -> None:
    X, _ = complete()
    X[:, 1] = np.nan
    samples = Samples.from_arrays(X, channels=CHANNELS)
    layer = Inputs(
        impute=impute, encodings=("difference", "piecewise_linear"), elapsed=True
    ).build(CHANNELS)
    with pytest.warns(
        MultitideWarning,
        match=r"channels \['b'\] have no measured value in the training samples",
    ):
        layer.fit(samples)
    later = torch.from_numpy(np.nan_to_num(X, nan=7.0))
    for x in (torch.from_numpy(X), later):
        encoded = layer(x)
        assert encoded.isfinite().all()
        assert (encoded[:, layer.names.index("b")] == 0).all()


def test_a_second_fit_forgets_the_first() -> None:
    X, samples = complete()
    empty = X.copy()
    empty[:, 0] = np.nan
    twice = fitted(Inputs(impute="zero"), samples)
    with pytest.warns(MultitideWarning, match=r"\['a'\]"):
        twice.fit(Samples.from_arrays(empty, channels=CHANNELS))
    assert (twice(torch.from_numpy(X))[:, 0] == 0).all()
    twice.fit(samples)
    assert torch.equal(
        twice(torch.from_numpy(X)),
        fitted(Inputs(impute="zero"), samples)(torch.from_numpy(X)),
    )


def test_observed_and_elapsed_follow_the_holes() -> None:
    nan = np.nan
    X = np.array([[[nan, 1.0, nan, nan, 2.0, 3.0]], [[5.0, nan, 5.0, nan, nan, nan]]])
    samples = Samples.from_arrays(X, channels=["a"])
    layer = fitted(Inputs(observed=True, elapsed=True), samples)
    got = layer(torch.from_numpy(X.astype(np.float32)))
    assert layer.names == ("a", "a_observed", "a_elapsed")
    assert got[:, 1].tolist() == [[0, 1, 0, 0, 1, 1], [1, 0, 1, 0, 0, 0]]
    steps = np.array([[1, 0, 1, 2, 0, 0], [0, 1, 0, 1, 2, 3]])
    np.testing.assert_allclose(got[:, 2], steps / steps.std(), rtol=1e-6)


def test_elapsed_steps_after_a_series_end_do_not_count() -> None:
    nan = np.nan
    samples = Samples.from_arrays(
        [np.array([[1.0, nan, 2.0, nan, nan]]), np.array([[3.0]])], channels=["a"]
    )
    got = fitted(Inputs(elapsed=True), samples)(*tensors(samples))
    np.testing.assert_allclose(
        got[0, 1], np.array([0, 1, 0, 1, 2]) / np.std([0, 1, 0, 1, 2, 0]), rtol=1e-6
    )


@pytest.mark.parametrize("impute", ["ffill", "mean", "zero"])
def test_categories_become_one_channel_each(impute: Any) -> None:
    codes = np.array([[[np.nan, 2.0, np.nan, 0.0]]])
    layer = Inputs(impute=impute).build(("c",), CATEGORIES)
    layer.fit(
        Samples.from_arrays(codes, channels=["c"]).replace(categories=dict(CATEGORIES))
    )
    got = layer(torch.from_numpy(codes.astype(np.float32)))
    assert layer.names == ("c=dry", "c=wet", "c=snow")
    third = [0, 0, 1] if impute == "ffill" else [0, 0, 0]
    assert got[0].T.tolist() == [[0, 0, 0], [0, 0, 1], third, [1, 0, 0]]


@every_spec
def test_shapes_are_declared_and_output_is_finite(spec: Inputs) -> None:
    spec.check("inputs")
    samples = make_samples()
    x, lengths = tensors(samples)
    layer = fitted(spec, samples)
    encoded = layer(x, lengths)
    assert encoded.shape == (len(samples), layer.n_channels, 12)
    assert encoded.dtype == torch.float32
    assert len(set(layer.names)) == layer.n_channels
    assert encoded.isfinite().all()
    for series, length in zip(encoded, samples.lengths, strict=True):
        assert (series[:, length:] == 0).all()


@every_spec
def test_series_are_encoded_alone_and_causally(spec: Inputs) -> None:
    samples = make_samples()
    x, lengths = tensors(samples)
    layer = fitted(spec, samples)
    together = layer(
        x.nan_to_num(1e6).where(torch.arange(12) >= lengths[:, None, None], x), lengths
    )
    for i, length in enumerate(lengths):
        torch.testing.assert_close(
            together[i : i + 1, :, :length], layer(x[i : i + 1, :, :length])
        )
        # What comes later changes nothing, so nothing leaks back from a label's future.
        torch.testing.assert_close(
            together[i : i + 1, :, :3], layer(x[i : i + 1, :, :3])
        )


@every_spec
def test_state_dict_fits_a_fresh_layer(spec: Inputs) -> None:
    samples = make_samples()
    x, lengths = tensors(samples)
    layer, fresh = (
        fitted(spec, samples),
        spec.build(samples.channels, samples.categories),
    )
    assert {n: t.shape for n, t in fresh.state_dict().items()} == {
        n: t.shape for n, t in layer.state_dict().items()
    }
    assert not torch.equal(fresh(x, lengths), layer(x, lengths)) or spec.scale == "none"
    fresh.load_state_dict(layer.state_dict())
    assert torch.equal(fresh(x, lengths), layer(x, lengths))
    assert not list(layer.parameters()), "preprocessing is fitted, never trained"


@every_spec
def test_forward_reads_nothing_back_to_the_host(spec: Inputs) -> None:
    samples = make_samples()
    layer = spec.build(samples.channels, samples.categories).to("meta")
    for lengths in (None, torch.full((4,), 5, device="meta")):
        assert layer(torch.empty(4, 3, 12, device="meta"), lengths).shape == (
            4,
            layer.n_channels,
            12,
        )


def test_many_samples_are_thinned_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    X, samples = complete(50)
    monkeypatch.setattr(layer_module, "MAX_FIT_VALUES", 11 * 3 * 8)
    thinned = fitted(Inputs(), samples)
    monkeypatch.undo()
    rows = np.linspace(0, 49, 11).astype(int)
    expected = fitted(Inputs(), Samples.from_arrays(X[rows], channels=CHANNELS))
    assert torch.equal(thinned(torch.from_numpy(X)), expected(torch.from_numpy(X)))


def test_encodings_feed_each_other_and_leave_other_channels_alone() -> None:
    samples = make_samples()
    spec = Inputs(
        observed=True,
        encodings=("difference", PiecewiseLinear(n_bins=2, channels=("a_difference",))),
    )
    layer, plain = fitted(spec, samples), fitted(replace(spec, encodings=()), samples)
    assert layer.names[:6] == (
        "a",
        "b",
        "a_difference",
        "b_difference",
        "a_difference_bin0",
        "a_difference_bin1",
    )
    assert layer.names[6:] == plain.names[2:]
    x, lengths = tensors(samples)
    shared = [layer.names.index(name) for name in plain.names]
    assert torch.equal(layer(x, lengths)[:, shared], plain(x, lengths))


def test_the_spec_can_change_after_the_layer_is_built() -> None:
    spec = Inputs()
    layer = spec.build(CHANNELS)
    spec.set_params(observed=True)
    assert layer(torch.zeros(1, 3, 4)).shape[1] == layer.n_channels == 3


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        (Inputs(impute="median"), ["impute`", "'ffill', 'mean' or 'zero'", "'median'"]),
        (
            Inputs(scale="minmax"),
            ["scale`", "'standard', 'robust' or 'none'", "'minmax'"],
        ),
        (Inputs(clip=0.5), ["clip`", "less than 0.5", "got 0.5"]),
        (
            Inputs(encodings=("diference",)),
            ["encodings.0`", "'diference'", "Did you mean"],
        ),
        (Inputs(encodings=("difference", 3)), ["encodings.1`", "an Encoding", "got 3"]),
        (
            Inputs(encodings=(PiecewiseLinear(n_bins=0),)),
            ["encodings.0.n_bins`", "equal to 1", "0"],
        ),
    ],
)
def test_check_names_what_is_wrong(spec: Inputs, parts: list[str]) -> None:
    with refused("`inputs.", *parts, error=ParameterError):
        spec.check("inputs")


@pytest.mark.parametrize("kind", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_an_encoding_of_an_unknown_channel_is_refused(kind: Any) -> None:
    spec = Inputs(encodings=(kind(channels=("a", "bb")),))
    with refused(
        "channels`", "'a', 'b', 'c'", "'bb'", "Did you mean 'b'", error=ParameterError
    ):
        spec.build(CHANNELS)
