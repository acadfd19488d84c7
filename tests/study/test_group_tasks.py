"""Groups of tasks: measured, chosen without the test set, stored, and then compared."""

from __future__ import annotations

import json
import logging
from itertools import combinations
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest

from fakes import RANDOM, Quick
from makers import small
from multitide.backbones import FCN
from multitide.data._samples import Samples
from multitide.data._splitter import Splitter
from multitide.errors import DataError, MultitideError, ParameterError
from multitide.study import Comparison, Grouping, Progress, compare, group_tasks
from multitide.study.grouping._grouping import make_grouping
from multitide.study.grouping._grouping_record import AFFINITY, PAIRS
from refusals import refused

TINY = FCN(filters=(4, 4, 4), kernel_sizes=(3, 3, 3))
TASKS = ["a", "b", "c", "d"]
# What company does to a task on validation: a and b help each other, c is harmed by all, d does not
# care.
EFFECTS = {
    ("a", "b"): 0.2,
    ("b", "a"): 0.1,
    ("a", "c"): -0.3,
    ("b", "c"): -0.3,
    ("d", "c"): -0.3,
}


class Company(Quick):
    """Its validation loss depends on the tasks of the network; its test predictions are random."""

    def fit(self, X: Any, y: Any = None, **more: Any) -> Self:
        super().fit(X, y, **more)
        names = [task.name for task in self.tasks]
        noise = 0.001 * np.random.default_rng([self.random_state, len(names)]).normal()
        losses = {
            n: 0.5
            + noise
            - np.mean([EFFECTS.get((o, n), 0) for o in names if o != n] or [0])
            for n in names
        }
        losses = {
            n: 0.9 if self.lr == 0.7 and len(names) > 1 else loss
            for n, loss in losses.items()
        }
        valid = self.history_["side"] == "validation"
        self.history_.loc[valid, "loss"] = self.history_.loc[valid, "task"].map(losses)
        if self.lr == 0.3 and set(names) == {"a", "b"}:
            raise RuntimeError("a and b caught fire")
        return self

    def predict(self, X: Samples, **_: Any) -> pd.DataFrame:
        return pd.DataFrame({task.name: np.zeros(len(X)) for task in self.tasks})

    def decode(self, X: Samples, **_: Any) -> dict[str, np.ndarray]:
        return {task.name: np.zeros(len(X)) for task in self.tasks}


def four_tasks(n: int = 80) -> Samples:
    rng = np.random.default_rng(0)
    return Samples.from_arrays(
        rng.normal(size=(n, 2, 4)), pd.DataFrame(rng.normal(size=(n, 4)), columns=TASKS)
    )


def found(folder: Path | None = None, **options: Any) -> Grouping:
    defaults: dict[str, Any] = {
        "estimator": Company(),
        "split": RANDOM,
        "n_jobs": 1,
        "verbose": 0,
        "n_seeds": 2,
    }
    return group_tasks(four_tasks(), folder=folder, **(defaults | options))


def study(folder: Path | None = None, **options: Any) -> Comparison:
    defaults: dict[str, Any] = {
        "estimator": Company(),
        "split": RANDOM,
        "n_jobs": 1,
        "verbose": 0,
        "n_seeds": 2,
    }
    return compare(four_tasks(), folder=folder, **(defaults | options))


# -- measured in pairs -----------------------------------------------------------------------------


def test_pairs_tell_what_each_task_does_to_each_other_one() -> None:
    grouping = found()
    assert grouping.method == PAIRS
    assert grouping.n_seeds == 2
    for a, b in combinations(TASKS, 2):
        assert grouping.affinity.loc[a, b] == pytest.approx(
            EFFECTS.get((a, b), 0), abs=0.005
        )
        assert grouping.affinity.loc[b, a] == pytest.approx(
            EFFECTS.get((b, a), 0), abs=0.005
        )
    assert np.isnan(np.diag(grouping.affinity)).all()
    # d goes with c or stays alone; by what it gains, one network fewer, nobody could tell.
    assert ("a", "b") in grouping.groups
    assert ("c",) in grouping.groups
    np.testing.assert_allclose(
        grouping.predicted[["a", "b", "c"]], [0.1, 0.2, 0], atol=0.005
    )


@pytest.mark.slow
def test_a_bound_is_kept_and_one_network_is_all_together() -> None:
    two = found(max_groups=2)
    assert two.groups == (("a", "b", "d"), ("c",))
    one = found(max_groups=1)
    assert one.is_together
    pd.testing.assert_series_equal(one.predicted, one.together)
    assert one.advice.startswith("Train all tasks in one network")


def test_where_company_harms_everyone_each_is_left_alone() -> None:
    grouping = found(estimator=Company(lr=0.7))
    assert grouping.is_alone
    assert grouping.advice.startswith("Train each task alone")
    assert (grouping.predicted == 0).all()


def test_the_choice_does_not_read_the_test_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth = found()
    rng = np.random.default_rng(1)
    monkeypatch.setattr(
        Company,
        "predict",
        lambda self, X: pd.DataFrame(
            {t.name: rng.normal(size=len(X)) for t in self.tasks}
        ),
    )
    pd.testing.assert_frame_equal(found().affinity, truth.affinity, check_exact=True)


def test_a_pair_that_failed_is_unknown_and_never_put_together() -> None:
    grouping = found(estimator=Company(lr=0.3))
    assert np.isnan(grouping.affinity.loc["a", "b"])
    assert not any({"a", "b"} <= set(group) for group in grouping.groups)


# -- measured by looking ahead ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def twins() -> Samples:
    """Two names for one number, and one that has nothing to do with the series."""
    rng = np.random.default_rng(0)
    level = rng.normal(size=(200, 2, 1))
    X = (level + 0.2 * rng.normal(size=(200, 2, 12))).astype(np.float32)
    y = pd.DataFrame(
        {
            "a": level[:, 0, 0],
            "noise": rng.normal(size=200),
            "twin": 5 + 3 * level[:, 0, 0],
        }
    )
    return Samples.from_arrays(X, y)


@pytest.fixture(scope="module")
def looked_ahead(
    twins: Samples, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Comparison]:
    folder = tmp_path_factory.mktemp("study")
    estimator = small(backbone=TINY, max_epochs=5, lr=0.01)
    arms = {"hard": "hard", "mine": {"groups": "affinity"}}
    return folder, compare(
        twins,
        estimator=estimator,
        arms=arms,
        n_seeds=2,
        split=RANDOM,
        n_jobs=1,
        verbose=0,
        folder=folder,
    )


@pytest.mark.slow
def test_one_shared_run_tells_related_tasks_from_unrelated_ones(
    looked_ahead: tuple[Path, Comparison],
) -> None:
    grouping = looked_ahead[1].groupings["mine"]
    assert grouping.method == AFFINITY
    assert grouping.affinity.loc["a", "twin"] > 3 * abs(
        grouping.affinity.loc["noise", "twin"]
    )
    assert grouping.cosines is not None
    assert grouping.cosines.loc["a", "twin"] > grouping.cosines.loc["a", "noise"]
    assert grouping.norms is not None
    assert (grouping.norms > 0).all()
    assert any({"a", "twin"} <= set(group) for group in grouping.groups)


@pytest.mark.slow
def test_the_run_that_looks_ahead_answers_as_the_shared_arm_does(
    looked_ahead: tuple[Path, Comparison],
) -> None:
    folder, comparison = looked_ahead
    recorded = [
        path
        for path in (folder / "runs").iterdir()
        if "affinity" in json.loads((path / "run.json").read_text())
    ]
    assert len(recorded) == 2
    for path in recorded:
        facts = json.loads((path / "run.json").read_text())
        fit = comparison.evidence.fit("hard", "a", facts["seed"], 0)
        assert fit is not None
        assert fit.facts["validation_loss"] == facts["validation_loss"]
        kept = pd.read_parquet(path / "predictions.parquet")
        assert (kept["a"].to_numpy() == fit.answers["a"]).all()


# -- in a study ------------------------------------------------------------------------------------


def test_the_groups_that_are_found_are_trained_and_compared(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="multitide"):
        comparison = study(arms=["alone", "hard", "grouped"], verbose=1)
    grouping = comparison.groupings["grouped"]
    assert comparison.settings["grouped"]["groups"] == [
        list(group) for group in grouping.groups
    ]
    assert set(comparison.gains.query("arm == 'grouped'")["task"]) == set(TASKS)
    assert f"grouped: {grouping.advice}" in caplog.text
    assert grouping.n_seeds == 2


def test_what_was_found_is_kept_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = study(tmp_path, arms=["grouped"])
    n_runs = len(list((tmp_path / "runs").iterdir()))
    told: list[Progress] = []
    with monkeypatch.context() as broken:
        broken.setattr(Company, "fit", lambda *_, **__: 1 / 0)
        again = study(tmp_path, arms=["grouped"], progress=told.append)
    assert told[-1].left == told[-1].failed == 0
    assert len(list((tmp_path / "runs").iterdir())) == n_runs
    loaded = Comparison.load(tmp_path)
    for other in (again, loaded):
        assert other.groupings["grouped"].groups == first.groupings["grouped"].groups
        for name in ("affinity", "predicted", "together"):
            one, two = (
                getattr(study.groupings["grouped"], name) for study in (first, other)
            )
            assert one.equals(two)
        pd.testing.assert_frame_equal(other.gains, first.gains)


@pytest.mark.slow
def test_advice_and_study_share_their_runs(tmp_path: Path) -> None:
    found(tmp_path)
    before = {path.name for path in (tmp_path / "runs").iterdir()}
    assert len(before) == 2 * (4 + 6)
    told: list[Progress] = []
    study(tmp_path, arms=["pairs"], progress=told.append)
    assert (told[0].done, told[0].left + told[0].running) == (20, 0)


def test_a_damaged_record_is_sought_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = found(tmp_path)
    (path,) = (tmp_path / "groupings").iterdir()
    path.write_text("{")
    assert found(tmp_path, verbose=1).groups == first.groups
    assert "searched again" in caplog.text


# -- the advice by itself --------------------------------------------------------------------------


def test_a_further_network_has_to_be_worth_something() -> None:
    gains = np.full((4, 4), 0.10)
    gains[0, 1] = gains[1, 0] = gains[2, 3] = gains[3, 2] = 0.105
    assert make_grouping(gains, TASKS, PAIRS).is_together
    gains[0, 1] = gains[1, 0] = gains[2, 3] = gains[3, 2] = 0.2
    assert make_grouping(gains, TASKS, PAIRS).groups == (("a", "b"), ("c", "d"))
    assert make_grouping(gains / 100, TASKS, AFFINITY).groups == (
        ("a", "b"),
        ("c", "d"),
    )


def test_by_affinity_each_task_counts_in_shares_of_its_own_step() -> None:
    affinity = np.array([[1.0, 0.0, 0.0], [0.0, 1e-3, 6e-4], [0.0, 4e-4, 1e-3]])
    grouping = make_grouping(affinity, TASKS[:3], AFFINITY)
    assert ("b", "c") in [
        tuple(t for t in group if t != "a") for group in grouping.groups
    ]
    assert grouping.predicted["b"] == pytest.approx(0.4)
    assert grouping.predicted["c"] == pytest.approx(0.6)
    none = make_grouping(
        np.where(np.eye(3, dtype=bool), 0.0, affinity), TASKS[:3], AFFINITY
    )
    assert none.is_alone


def test_it_says_when_nothing_is_known_and_survives_its_own_plain_values() -> None:
    blind = make_grouping(
        np.full((2, 2), np.nan),
        ["a", "b"],
        AFFINITY,
        norms=np.ones(2),
        cosines=np.eye(2),
    )
    assert blind.groups == (("a",), ("b",))
    assert "unknown" in blind.advice
    again = Grouping.from_config(json.loads(json.dumps(blind.to_config())))
    assert again.groups == blind.groups
    for name in ("affinity", "predicted", "together", "cosines", "norms"):
        assert getattr(again, name).equals(getattr(blind, name))
    assert "a" in str(blind)


# -- arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "parts"),
    [
        (
            {"method": "magic"},
            ParameterError,
            ["`arms.grouped.groups`", "'magic'", "affinity"],
        ),
        (
            {"max_groups": 0},
            ParameterError,
            ["`arms.grouped.max_groups`", "positive int", 0],
        ),
        (
            {"tasks": ["a"]},
            ParameterError,
            ["`arms.grouped.groups`", "2 to 16 tasks", 1],
        ),
        (
            {"estimator": Company(sharing="soft"), "method": "affinity"},
            ParameterError,
            ["`arms.grouped.sharing`", "shared parameters", "pairs"],
        ),
        (
            {"split": Splitter(by="random", validation=0.0)},
            DataError,
            ["`split`", "validation"],
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(
    tmp_path: Path,
    options: dict[str, Any],
    error: type[MultitideError],
    parts: list[object],
) -> None:
    with refused(*parts, error=error):
        found(tmp_path / "study", **options)
    assert not (tmp_path / "study").exists()


def test_folds_are_refused_for_they_would_leak() -> None:
    with refused("`cv`", "arms.grouped", 3, "lists", error=ParameterError):
        study(arms=["grouped"], cv=3)
