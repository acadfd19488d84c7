"""The mean of an ensemble is calibrated, not its members; that is stored with the ensemble."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from makers import small
from multitide import Splitter
from multitide.backbones import Trees
from multitide.data._samples import Samples
from multitide.ensemble import Ensemble
from multitide.ensemble._store import CALIBRATION
from multitide.errors import StoreError
from multitide.training._settings import Training
from refusals import refused

# Trees with leaves of one row are far too sure of noisy labels.
SURE = Trees(kind="extra_trees", n_trees=2, min_samples_leaf=1)


def noisy(n: int, seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    level = rng.normal(size=n)
    X = level[:, None, None] + 0.1 * rng.normal(size=(n, 1, 6))
    noise = 2 * rng.normal(size=(2, n))
    y = {"class": np.digitize(level + noise[0], [-1, 0, 1]), "number": level + noise[1]}
    return Samples.from_arrays(X.astype(np.float32), pd.DataFrame(y))


def ensemble(rule: Splitter, **params: object) -> Ensemble:
    member = small(backbone=SURE, **params)
    return Ensemble(
        member, n_seeds=2, validation=rule, n_jobs=1, random_state=0, verbose=0
    )


RULES = {
    "calibration": Splitter(by="random", validation=0.2, calibration=0.4),
    "validation": Splitter(by="random", validation=0.4),
}


@pytest.mark.parametrize("rows", RULES)
def test_the_mean_is_calibrated_and_stored(rows: str, tmp_path: Path) -> None:
    fitted = ensemble(RULES[rows]).fit(noisy(500))
    table = fitted.calibration_
    assert table["task"].tolist() == ["class"]
    assert table["rows"].tolist() == [rows]
    (members,) = fitted.members_.values()
    for member in members:
        assert member.calibration_.empty
        assert not member.scores_
    new = noisy(800, seed=1)
    alone = fitted.result_.members["network"].fits.values()
    mean = np.mean([each.decode(new)["class"] for each in alone], axis=0)
    truth = new.y["class"].to_numpy()
    calibrated = fitted.decode(new)["class"]
    losses = [-np.log(p[np.arange(800), truth]).mean() for p in (mean, calibrated)]
    assert losses[1] < losses[0]
    coverage = fitted.evaluate_interval(new, level=0.8).set_index("task")["coverage"]
    assert (coverage > 0.74).all()

    loaded = Ensemble.load(fitted.save(tmp_path / "saved"))
    np.testing.assert_array_equal(loaded.decode(new)["class"], calibrated)
    pd.testing.assert_frame_equal(
        loaded.predict_interval(new), fitted.predict_interval(new)
    )
    pd.testing.assert_frame_equal(loaded.calibration_, table)
    (tmp_path / "saved" / CALIBRATION).write_bytes(b"?")
    with refused(CALIBRATION, "hash", error=StoreError):
        Ensemble.load(tmp_path / "saved")


def test_members_decide_what_is_calibrated() -> None:
    rule = RULES["calibration"]
    fitted = ensemble(rule, training=Training(calibrate="none")).fit(noisy(200))
    assert fitted.calibration_.empty
    assert not fitted.scores_
