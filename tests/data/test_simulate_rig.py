"""The simulated rig: known relations, label shares, seeds, and no short cut to a label."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.model_selection import GroupKFold, cross_val_predict

from multitide.data._rig_labels import FAULT_LIMIT, TASKS, labels_of
from multitide.data._rig_sensors import CHANNELS, _lag, ideal_readings
from multitide.data._rig_truth import rig_truth
from multitide.data._samples import Samples
from multitide.data._simulate_rig import _draw_machines, _draw_runs, simulate_rig
from multitide.errors import ParameterError

WHOLE = {"missing": 0.0, "missing_blocks": 0.0, "missing_values": 0.0}
CLASSES = ("fault", "operator")


def hidden_runs(n_runs: int, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return _draw_runs(n_runs, (40, 40), _draw_machines(20, rng), rng)


def summaries(samples: Samples) -> np.ndarray:
    """Mean, spread, range and roughness of each channel, by plain NumPy over the valid steps."""
    rows = []
    for i, length in enumerate(samples.lengths):
        x = samples.gather([i])[0][:, :length].astype(float)
        steps = np.diff(x, axis=1)
        parts = [
            np.nanmean(x, 1),
            np.nanstd(x, 1),
            np.nanmin(x, 1),
            np.nanmax(x, 1),
            np.nanstd(steps, 1),
        ]
        rows.append(
            np.concatenate(
                [*parts, np.nanmean(x[:, -10:], 1) - np.nanmean(x[:, :10], 1)]
            )
        )
    return np.array(rows)


def skill(features: np.ndarray, label: pd.Series, groups: np.ndarray) -> float:
    """Cross-validated 1 - error / error of the trivial predictor, on unseen rigs."""
    is_class = label.name in CLASSES
    trees = (ExtraTreesClassifier if is_class else ExtraTreesRegressor)(
        60, min_samples_leaf=3, random_state=0
    )
    predicted = cross_val_predict(
        trees, features, label.to_numpy(), groups=groups, cv=GroupKFold(4)
    )
    if is_class:
        return 1 - (predicted != label).mean() / (
            1 - label.value_counts(normalize=True).max()
        )
    return 1 - ((predicted - label) ** 2).mean() / label.var(ddof=0)


@cache
def whole_rig() -> Samples:
    return simulate_rig(400, **WHOLE)


# -- the truth -------------------------------------------------------------------------------------


def latent(runs: pd.DataFrame, relatedness: float) -> pd.DataFrame:
    """Recover the hidden state behind each label (except `fault`, which is a class)."""
    y = labels_of(runs, relatedness)
    return pd.DataFrame(
        {
            "fault": runs[["valve", "pump", "bearing"]].max(axis=1),
            "severity": y["severity"],
            "remaining_life": -y["remaining_life"] * runs["level"],
            "operator": y["operator"].map({"A": 0, "B": 1, "C": 2}),
        }
    )


@pytest.mark.parametrize("relatedness", [0.0, 0.4, 1.0])
def test_hidden_states_correlate_as_the_truth_says(relatedness: float) -> None:
    runs = hidden_runs(20_000)
    found = latent(runs, relatedness).corr("spearman")
    told = rig_truth(relatedness).correlation
    as_ranks = (
        6 / np.pi * np.arcsin(told / 2)
    )  # Spearman's rho of a normal copula with this correlation
    np.testing.assert_allclose(found.loc[list(TASKS), list(TASKS)], as_ranks, atol=0.03)


def test_truth_names_the_related_pairs_and_the_lonely_task() -> None:
    truth = rig_truth()
    assert truth.related == (
        ("fault", "severity"),
        ("fault", "remaining_life"),
        ("severity", "remaining_life"),
    )
    assert truth.unrelated == ("operator",)
    assert rig_truth(0.0).related == ()
    assert rig_truth(0.0).unrelated == TASKS


def test_labels_follow_from_the_states() -> None:
    runs = hidden_runs(500)
    y = labels_of(runs, 1.0)
    parts = runs[["valve", "pump", "bearing"]].to_numpy()
    worst = parts.max(axis=1)
    np.testing.assert_allclose(y["severity"], 100 * worst**3, rtol=1e-9)
    np.testing.assert_allclose(
        y["remaining_life"], 1000 * (1 - worst**3) / runs["level"], rtol=1e-6
    )
    assert ((y["fault"] == "none") == (worst <= FAULT_LIMIT)).all()
    for place, name in enumerate(("valve", "pump", "bearing")):
        assert (parts[y["fault"] == name].argmax(axis=1) == place).all()
    hands = pd.cut(
        runs["hand"], [-1, 1 / 3, 2 / 3, 1], right=False, labels=["A", "B", "C"]
    )
    assert (y["operator"] == hands.astype("str")).all()


def test_classes_are_balanced_enough_to_learn() -> None:
    y = simulate_rig(4000, n_timepoints=(12, 12), **WHOLE).y
    assert y["fault"].value_counts(normalize=True).between(0.22, 0.28).all()
    assert y["operator"].value_counts(normalize=True).between(0.31, 0.36).all()


# -- what can be learned, and what must not --------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.slow
def test_the_series_tell_about_every_task(task: str) -> None:
    samples = whole_rig()
    assert skill(summaries(samples), samples.y[task], samples.series) > 0.3


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.slow
def test_nothing_but_the_series_tells_about_a_task(task: str) -> None:
    samples = simulate_rig(800, missing=0.0, missing_blocks=0.0, missing_values=0.2)
    rig = pd.Series(samples.series).astype("category").cat.codes
    absent = np.stack(
        [
            np.isnan(run).mean(axis=1)
            for run in (samples.gather([i])[0] for i in range(len(samples)))
        ]
    )
    assert samples.static is not None
    kind = samples.static["machine_type"].astype("category").cat.codes
    beside = np.column_stack(
        [
            rig,
            kind,
            samples.static["age"].fillna(-1),
            samples.lengths,
            np.arange(800),
            absent,
        ]
    )
    assert skill(beside, samples.y[task], samples.series) < 0.08


@pytest.mark.slow
def test_the_unrelated_task_lives_in_its_own_channel() -> None:
    samples = whole_rig()
    features = summaries(samples).reshape(len(samples), 6, -1)
    own = list(CHANNELS).index("trim")
    others = np.delete(features, own, axis=2).reshape(len(samples), -1)
    assert skill(others, samples.y["operator"], samples.series) < 0.08
    assert skill(features[:, :, own], samples.y["operator"], samples.series) > 0.5
    for task in ("fault", "severity", "remaining_life"):
        assert skill(features[:, :, own], samples.y[task], samples.series) < 0.08


def test_relatedness_changes_labels_only() -> None:
    one, other = simulate_rig(50), simulate_rig(50, relatedness=0.0)
    np.testing.assert_array_equal(one.values, other.values)
    pd.testing.assert_frame_equal(
        one.y[["fault", "operator"]], other.y[["fault", "operator"]]
    )
    assert not one.y["severity"].equals(other.y["severity"])
    pd.testing.assert_frame_equal(one.y.isna(), other.y.isna())


# -- physics ---------------------------------------------------------------------------------------


def signals_with(**states: float) -> dict[str, np.ndarray]:
    """Mean true signals of the same 200 runs with some hidden states set."""
    runs = hidden_runs(200).assign(**states)
    return ideal_readings(runs, 80, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("state", "up", "down"),
    [
        ("pump", ["oil_temperature", "cooler_temperature"], ["pressure", "flow"]),
        ("bearing", ["current", "bearing_temperature", "oil_temperature"], []),
        ("cooler", ["oil_temperature", "cooler_temperature"], []),
        ("filter", ["filter_drop"], []),
    ],
)
def test_wear_moves_the_channels_it_should(
    state: str, up: list[str], down: list[str]
) -> None:
    new, worn = signals_with(**{state: 0.0}), signals_with(**{state: 1.0})
    change = {name: (worn[name] - new[name]).mean() for name in CHANNELS}
    assert all(change[name] > 0 for name in up)
    assert all(change[name] < 0 for name in down)
    assert change["command"] == change["trim"] == 0


def test_a_worn_valve_follows_later_and_a_worn_bearing_shakes() -> None:
    new, worn = signals_with(valve=0.0, pump=0.0), signals_with(valve=1.0, pump=0.0)
    assert (
        np.abs(np.diff(worn["pressure"])).max(axis=1)
        < np.abs(np.diff(new["pressure"])).max(axis=1)
    ).all()
    quiet, loud = (
        signals_with(bearing=0.0)["vibration"],
        signals_with(bearing=1.0)["vibration"],
    )
    np.testing.assert_allclose(loud, 6 * quiet, rtol=1e-9)


def test_no_wear_touches_the_hand_wheel_and_no_hand_the_rest() -> None:
    one, other = signals_with(hand=0.1), signals_with(hand=0.9)
    assert [
        name for name in CHANNELS if not np.array_equal(one[name], other[name])
    ] == ["trim"]


def test_lag_is_the_step_response_of_a_first_order_system() -> None:
    target, tau = np.ones((1, 30)), np.array([[4.0]])
    np.testing.assert_allclose(
        _lag(target, tau, np.zeros((1, 1)))[0], 1 - np.exp(-np.arange(1, 31) / 4.0)
    )


# -- shape, shares, seeds --------------------------------------------------------------------------


def test_shapes_names_and_order() -> None:
    samples = simulate_rig(60, n_machines=7, n_timepoints=(20, 33))
    assert samples.channels == tuple(CHANNELS)
    assert list(samples.y) == list(TASKS)
    assert samples.shape == (60, len(CHANNELS), 33)
    assert set(samples.lengths) <= set(range(20, 34))
    assert not samples.equal_lengths
    assert len(set(samples.series)) == 7
    assert samples.static is not None
    assert (
        samples.begin is not None
        and samples.finish is not None
        and samples.time is not None
    )
    assert (np.diff(samples.begin) >= np.timedelta64(0)).all()
    assert (
        (samples.finish - samples.begin)
        == (samples.lengths - 1).astype("timedelta64[s]")
    ).all()
    np.testing.assert_array_equal(samples.time, samples.finish)


def test_every_rig_has_one_type_and_age() -> None:
    samples = simulate_rig(300, n_machines=9)
    assert samples.static is not None
    assert samples.static["machine_type"].isna().any()
    assert (samples.static.groupby(samples.series).nunique() == 1).all(axis=None)


def test_the_same_seed_gives_the_same_bits() -> None:
    one, again, other = (
        simulate_rig(40, random_state=5),
        simulate_rig(40, random_state=5),
        simulate_rig(40),
    )
    assert one.fingerprint() == again.fingerprint() != other.fingerprint()
    assert one.values.tobytes() == again.values.tobytes()
    assert (
        simulate_rig(5, random_state=None).fingerprint()
        != simulate_rig(5, random_state=None).fingerprint()
    )


def test_shares_of_missing_values_and_labels_are_as_requested() -> None:
    samples = simulate_rig(
        3000, n_timepoints=(30, 40), missing=0.2, missing_blocks=0.0, missing_values=0.1
    )
    assert np.isnan(samples.values).mean(axis=0) == pytest.approx(
        np.full(len(CHANNELS), 0.1), abs=0.012
    )
    assert samples.y.isna().mean().to_numpy() == pytest.approx(
        np.full(len(TASKS), 0.2), abs=0.03
    )
    assert samples.static is not None
    assert samples.static.isna().mean().to_numpy() == pytest.approx(
        [0.1, 0.1], abs=0.02
    )


def test_blocks_are_consecutive_runs_and_differ_by_task() -> None:
    y = simulate_rig(200, missing=0.0, missing_blocks=0.15).y
    places = {task: np.flatnonzero(y[task].isna()) for task in TASKS}
    for place in places.values():
        np.testing.assert_array_equal(place, np.arange(place[0], place[0] + 30))
    assert len({place[0] for place in places.values()}) > 1


def test_label_share_keeps_that_many_labels() -> None:
    everywhere = simulate_rig(200, label_share=0.05, missing=0.0, missing_blocks=0.0).y
    assert everywhere.notna().sum().tolist() == [10] * 4
    one = simulate_rig(
        200, label_share={"fault": 0.2}, missing=0.0, missing_blocks=0.0
    ).y
    assert one.notna().sum().to_dict() == {
        "fault": 40,
        "severity": 200,
        "remaining_life": 200,
        "operator": 200,
    }
    full = simulate_rig(200, missing=0.0, missing_blocks=0.0).y
    kept = one["fault"].notna()
    assert (one.loc[kept, "fault"] == full.loc[kept, "fault"]).all()


def test_missing_values_come_alone_and_in_stretches() -> None:
    samples = simulate_rig(300, n_timepoints=(100, 100), missing_values=0.1)
    absent = np.isnan(samples.gather(slice(None)))
    by_run = absent.mean(axis=2)
    assert np.median(by_run) < 0.08 < 0.2 < by_run.max()


def test_noise_free_readings_differ_from_noisy_ones_by_the_noise() -> None:
    clean, noisy = (
        simulate_rig(100, noise=0.0, **WHOLE),
        simulate_rig(100, noise=1.0, **WHOLE),
    )
    spread = (noisy.values - clean.values).std(axis=0)
    # The reading's own noise and the rig's offset, which has half its size.
    assert spread == pytest.approx(
        np.array(list(CHANNELS.values())) * np.sqrt(1.25), rel=0.25
    )


def test_all_wrong_arguments_are_named_at_once() -> None:
    with pytest.raises(ParameterError) as caught:
        simulate_rig(
            0,
            n_timepoints=(9, 3),
            relatedness=2,
            missing_values=0.5,
            label_share={"foult": 0.5},
            noise=-1,
        )
    message = str(caught.value)
    for name in (
        "n_runs",
        "n_timepoints",
        "relatedness",
        "missing_values",
        "label_share",
        "noise",
    ):
        assert f"`{name}" in message
    assert "Did you mean 'fault'?" in message


def test_a_share_is_refused_by_name() -> None:
    with pytest.raises(
        ParameterError, match=r"`relatedness` must be a number from 0 to 1; got -0.1."
    ):
        rig_truth(-0.1)
    with pytest.raises(
        ParameterError,
        match=r"`label_share\[fault\]` must be a number from 0 to 1; got True.",
    ):
        simulate_rig(10, label_share={"fault": True})
    with pytest.raises(ParameterError, match=r"`random_state` must be a whole number"):
        simulate_rig(10, random_state=-1)
