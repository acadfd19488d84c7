"""`check_data` on fitted models: every column, every door, and models of every kind."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import multitide as mt
from makers import make_arrays, make_samples, small
from multitide.model._profile_file import PROFILE_FILE, read_profiles
from multitide.model._schema import ModelRecord
from refusals import refused

KEPT = Path(__file__).parents[1] / "model" / "kept" / "one"


def make(n: int = 120, seed: int = 0, every: str = "1min") -> mt.Samples:
    """Samples with static inputs and times."""
    X, y = make_arrays(n, seed=seed, missing=0.2)
    rng = np.random.default_rng(seed)
    static = pd.DataFrame(
        {"size": rng.normal(size=n), "color": rng.choice(["red", "blue"], n)}
    )
    time = pd.date_range("2026-01-01", periods=n, freq="h").to_numpy()
    samples = mt.Samples.from_arrays(X, y, static=static, time=time)
    return samples.replace(begin=time - 19 * pd.Timedelta(every).to_numpy())


@pytest.fixture(scope="module")
def model() -> mt.MultiTaskEstimator:
    return small(max_epochs=1).fit(make())


def drifted(found: mt.DriftReport) -> set[tuple[str, str]]:
    rows = found.table[found.table["drifted"]]
    return set(zip(rows["source"], rows["name"], strict=True))


def test_new_data_of_the_same_kind_have_no_drift(model: mt.MultiTaskEstimator) -> None:
    found = mt.check_data(model, make(seed=1))
    assert not found.drifted
    assert found.score < 2
    assert (found.n_samples, found.n_in_training) == (120, 99)
    sources = set(found.table["source"])
    expected = {"channel", "static", "length", "step", "label", "prediction"}
    assert sources == expected
    assert "0 of" in repr(found)


def test_labels_may_be_absent(model: mt.MultiTaskEstimator) -> None:
    new = make(seed=1)
    bare = mt.check_data(model, new.replace(y=new.y[[]]))
    blank = mt.check_data(model, new.replace(y=new.y.mask(new.y.notna())))
    assert "label" not in set(bare.table["source"])
    pd.testing.assert_frame_equal(bare.table, blank.table)


def shifted(samples: mt.Samples) -> mt.Samples:
    values = samples.values.copy()
    values[:, 1] += 8
    return samples.replace(values=values)


def with_gaps(samples: mt.Samples) -> mt.Samples:
    values = samples.values.copy()
    values[::2, 2] = np.nan
    return samples.replace(values=values)


def recolored(samples: mt.Samples) -> mt.Samples:
    assert samples.static is not None
    return samples.replace(static=samples.static.assign(color="green"))


def slower(samples: mt.Samples) -> mt.Samples:
    assert samples.begin is not None
    return samples.replace(begin=samples.begin - np.timedelta64(19, "m"))


def shortened(samples: mt.Samples) -> mt.Samples:
    return samples.replace(lengths=samples.lengths - 5)


def relabelled(samples: mt.Samples) -> mt.Samples:
    return samples.replace(y=samples.y.assign(load=samples.y["load"] + 50))


@pytest.mark.filterwarnings("ignore:`static.color`")
@pytest.mark.parametrize(
    ("change", "name"),
    [
        (shifted, ("channel", "1")),
        (with_gaps, ("channel", "2")),
        (recolored, ("static", "color")),
        (slower, ("step", "sampling step")),
        (shortened, ("length", "length")),
        (relabelled, ("label", "load")),
    ],
)
def test_what_has_changed_is_named(
    model: mt.MultiTaskEstimator, change: object, name: tuple[str, str]
) -> None:
    assert callable(change)
    found = mt.check_data(model, change(make(seed=1)))
    assert name in drifted(found)
    first = found.table.iloc[0]
    follows = first["source"] in ("prediction", "step")  # of a shorter series, too
    assert (first["source"], first["name"]) == name or follows
    assert not mt.check_data(model, change(make(seed=1)), threshold=99).drifted


def test_predictions_shift_with_the_data() -> None:
    samples = make_samples(200, missing=0.0)
    model = small(max_epochs=6, lr=0.01).fit(samples)
    values = samples.values.copy()
    values[:, 0] += 3
    found = mt.check_data(model, samples.replace(values=values)).table
    rows = found[found["source"] == "prediction"].set_index("name")
    assert rows.loc["state", "distance"] > 0.3
    assert rows.loc["load", "distance"] < rows.loc["state", "distance"]


def test_the_profile_is_stored_and_protected(
    model: mt.MultiTaskEstimator, tmp_path: Path
) -> None:
    folder = model.save(tmp_path / "model")
    new = make(seed=1)
    loaded = mt.load(folder)
    pd.testing.assert_frame_equal(
        mt.check_data(loaded, new).table, mt.check_data(model, new).table
    )
    model.save(folder, overwrite=True)
    path = folder / PROFILE_FILE
    record = json.loads(path.read_text())
    record["profiles"][0]["columns"][0]["missing"] = 0.9
    path.write_text(json.dumps(record))
    with refused(PROFILE_FILE, "altered", error=mt.StoreError):
        mt.load(folder)
    path.unlink()
    with refused(PROFILE_FILE, "none", error=mt.StoreError):
        mt.load(folder)


def test_a_model_of_an_earlier_version_says_so() -> None:
    model = mt.load(KEPT)
    with refused("`model`", "earlier version", "Fit it again"):
        mt.check_data(model, make())


def test_wrong_arguments_are_refused(model: mt.MultiTaskEstimator) -> None:
    for threshold in (0, -1, float("nan"), float("inf"), "2", True):
        with refused("`threshold`", threshold):
            mt.check_data(model, make(), threshold=threshold)  # type: ignore[arg-type]
    with refused("`model`", "dict"):
        mt.check_data({}, make())  # type: ignore[arg-type]
    with refused("'plant'"):
        mt.check_data(model, {"plant": make()})
    fewer = make().replace(channels=("0", "1", "x"))
    with refused("channels", "'x'"):
        mt.check_data(model, fewer)


def test_several_data_sets_have_a_profile_each() -> None:
    sets = {"rig": make_samples(60), "plant": make_samples(60, seed=1, unequal=True)}
    model = small(max_epochs=1).fit(sets)
    assert not mt.check_data(
        model, {"plant": make_samples(60, seed=2, unequal=True)}
    ).drifted
    longer = mt.check_data(model, {"rig": make_samples(60, seed=2, unequal=True)})
    assert ("length", "length") in drifted(longer)
    with refused("`check_data`", "one data set"):
        mt.check_data(model, sets)


def test_without_a_validation_set_the_training_set_is_predicted() -> None:
    model = small(max_epochs=1, validation=None).fit(make())
    assert "prediction" in set(mt.check_data(model, make(seed=1)).table["source"])


@pytest.mark.parametrize("representation", ["minirocket", None])
@pytest.mark.slow
def test_vectors_and_linear_heads(representation: str | None) -> None:
    inputs = {"representation": representation} if representation else None
    model = small(backbone="linear", inputs=inputs).fit(make_samples(60))
    assert not mt.check_data(model, make_samples(60, seed=3)).drifted


@pytest.mark.slow
def test_every_fit_of_an_ensemble_is_asked() -> None:
    one = small(max_epochs=1, tasks=["load"])
    ensemble = mt.Ensemble(one, n_seeds=3, random_state=0, verbose=0, n_jobs=1)
    samples = make_samples(60)
    ensemble.fit(samples)
    (fits,) = ensemble.members_.values()
    scores = []
    for fit in fits:
        table = mt.check_data(fit, samples).table.set_index(["source", "name"])
        scores.append(table["score"])
    found = mt.check_data(ensemble, samples).table.set_index(["source", "name"])
    expected = pd.concat(scores, axis=1).median(axis=1)
    pd.testing.assert_series_equal(
        found["score"].sort_index(), expected.sort_index(), check_names=False
    )


def test_few_series_say_so() -> None:
    series = np.arange(60) // 20
    samples = make_samples(60).replace(series=series, time=np.arange(60))
    found = mt.check_data(small(max_epochs=1).fit(samples), make_samples(20, seed=1))
    assert found.too_few
    assert not mt.check_data(small(max_epochs=1).fit(make()), make(seed=1)).too_few


def test_the_profile_of_an_earlier_version_is_unknown(
    model: mt.MultiTaskEstimator, tmp_path: Path
) -> None:
    path = model.save(tmp_path / "model") / PROFILE_FILE
    path.write_text(path.read_text().replace('"parts"', '"usual"'))
    record = ModelRecord.model_construct(
        profiles_sha256=hashlib.sha256(path.read_bytes()).hexdigest()
    )
    assert read_profiles(path.parent, record) == []
