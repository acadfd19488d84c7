"""Labels are hidden as is said, and the curve is the study of each share on the same test rows."""

from __future__ import annotations

import json
import logging
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest

from fakes import RANDOM, Quick, make_study_samples
from multitide.data._samples import Samples
from multitide.data._split import Split
from multitide.errors import DataError, ParameterError, StoreError
from multitide.reports import write_curve_report
from multitide.study import LabelCurve, compare, label_curve
from multitide.study._curve import VERDICTS, _sentence
from multitide.study.design._hidden_labels import fitting_unit, keep_share
from multitide.tasks import resolve_tasks
from refusals import refused

OPTIONS: dict[str, Any] = {"split": RANDOM, "n_seeds": 2, "n_jobs": 1, "verbose": 0}


def kept(
    samples: Samples, share: float, split: Split | None = None, **options: Any
) -> pd.DataFrame:
    split = RANDOM.split(samples) if split is None else split
    return keep_share(samples, resolve_tasks(None, samples.y), split, share, **options)


# -- hiding ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["train", "validation"])
def test_a_share_of_each_tasks_labels_stays_of_each_class_alike(side: str) -> None:
    samples = make_study_samples(600)
    rows = getattr(RANDOM.split(samples), side)
    before, after = samples.y.iloc[rows], kept(samples, 0.2).iloc[rows]
    for task in samples.y:
        assert after[task].notna().sum() == pytest.approx(
            0.2 * before[task].notna().sum(), abs=2
        )
        labelled = after[task].notna()
        assert (after[task][labelled] == before[task][labelled]).all()
    counts = [table["state"].value_counts() for table in (before, after)]
    assert (counts[1] == np.ceil(0.2 * counts[0] - 1e-9).astype(int)).all()


def test_what_a_smaller_share_keeps_a_larger_one_keeps_too() -> None:
    samples = make_study_samples(300)
    tables = [kept(samples, share).notna() for share in (0.02, 0.1, 0.5, 1.0)]
    for smaller, larger in pairwise(tables):
        assert (smaller <= larger).all(axis=None)
        assert smaller.sum().sum() < larger.sum().sum()


def test_test_labels_stay_and_so_does_everything_with_all_labels() -> None:
    samples = make_study_samples(300)
    test = RANDOM.split(samples).test
    pd.testing.assert_frame_equal(kept(samples, 0.1).iloc[test], samples.y.iloc[test])
    pd.testing.assert_frame_equal(kept(samples, 1.0), samples.y)


def test_rare_classes_keep_a_label() -> None:
    samples = make_study_samples(300, missing=0)
    samples.y.loc[RANDOM.split(samples).train[:1], "state"] = "rare"
    assert "rare" in set(kept(samples, 0.01)["state"])


def test_tasks_lose_their_labels_apart_or_together() -> None:
    samples = make_study_samples(400, missing=0)
    train = RANDOM.split(samples).train
    apart, together = (
        kept(samples, 0.3, together=how).iloc[train].notna() for how in (False, True)
    )
    assert (together["state"] == together["load"]).all()
    both = apart.all(axis=1).mean()
    assert both == pytest.approx(0.09, abs=0.05)


def test_whole_series_lose_their_labels() -> None:
    samples = make_study_samples(400, missing=0, n_series=40)
    series = samples.series
    split = Split(
        np.flatnonzero(series < 20),
        np.flatnonzero((series >= 20) & (series < 30)),
        np.flatnonzero(series >= 30),
    )
    assert fitting_unit(samples, split) == "series"
    after = kept(samples, 0.25, split, unit="series")
    shares = after["load"].notna().groupby(series).mean()
    assert set(shares) == {0.0, 1.0}
    assert shares[:20].sum() == 5


def test_samples_that_stand_for_themselves_are_drawn_one_by_one() -> None:
    samples = make_study_samples(100)
    assert fitting_unit(samples, RANDOM.split(samples)) == "sample"
    few = make_study_samples(100, n_series=3)
    assert fitting_unit(few, RANDOM.split(few)) == "sample"


def test_another_seed_draws_other_labels() -> None:
    samples = make_study_samples(200)
    assert not kept(samples, 0.2).equals(kept(samples, 0.2, random_state=1))


# -- the curve -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> tuple[LabelCurve, Path]:
    folder = tmp_path_factory.mktemp("curve")
    curve = label_curve(
        make_study_samples(300),
        shares=(1.0, 0.1),
        estimator=Quick(),
        folder=folder,
        **OPTIONS,
    )
    return curve, folder


def test_all_labels_give_the_plain_study_and_fewer_the_same_test_rows(
    traced: tuple[LabelCurve, Path],
) -> None:
    curve, _ = traced
    plain = compare(make_study_samples(300), estimator=Quick(), **OPTIONS)
    assert curve.shares == [0.1, 1.0]
    pd.testing.assert_frame_equal(
        curve.comparisons[1.0].gains, plain.gains, check_exact=True
    )
    pd.testing.assert_frame_equal(curve.comparisons[0.1].test, plain.test)
    assert set(curve.comparisons[0.1].evidence.fits).isdisjoint(plain.evidence.fits)
    few = curve.gains[curve.gains["share"] == 0.1].set_index("task")
    many = curve.gains[curve.gains["share"] == 1.0].set_index("task")
    assert (few["n_labelled"] == many["n_labelled"]).all()
    assert (few["n_train"] / many["n_train"]).to_numpy() == pytest.approx(
        [0.1, 0.1], abs=0.02
    )


def test_every_seed_draws_its_own_labels_the_same_for_all_arms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[tuple[str, str, int], list[pd.DataFrame]] = {}

    class Seeing(Quick):
        def fit(self, X: Any, y: Any = None, **options: Any) -> Self:
            place = (
                self.sharing,
                " ".join(task.name for task in self.tasks),
                self.random_state,
            )
            seen.setdefault(place, []).append(X.y.notna())
            return super().fit(X, y, **options)

    label_curve(
        make_study_samples(300),
        shares=(0.1, 0.4),
        estimator=Seeing(random_state=0),
        **OPTIONS,
    )
    for seed in (0, 1):
        few, more = seen["hard", "state load", seed]
        assert (few <= more).all(axis=None)
        assert few.sum().sum() < more.sum().sum()
        for task in ("state", "load"):
            alone = seen["none", task, seed]
            assert [table[task].tolist() for table in alone] == [
                few[task].tolist(),
                more[task].tolist(),
            ]
    first, second = (seen["hard", "state load", seed][0] for seed in (0, 1))
    assert not first.equals(second)
    assert (first.sum() == second.sum()).all()


@pytest.mark.slow
def test_the_spread_includes_which_labels_there_are() -> None:
    options: dict[str, Any] = {**OPTIONS, "n_seeds": 5}
    arms = ["hard", "constant"]
    curve = label_curve(
        make_study_samples(300),
        shares=(0.05, 1.0),
        estimator=Quick(),
        arms=arms,
        **options,
    )
    place = (
        "constant",
        "load",
        "loss",
    )  # the best constant knows nothing of a seed but its labels
    studies = curve.comparisons.items()
    spread = {
        share: study.figures.set_index(["arm", "task", "metric"])["sd"]
        for share, study in studies
    }
    assert spread[1.0][place] == 0
    assert spread[0.05][place] > 0


def test_the_first_seed_is_that_of_a_study_with_its_draw_so_that_older_studies_go_on() -> (
    None
):
    samples, tasks = (
        make_study_samples(300),
        resolve_tasks(None, make_study_samples(300).y),
    )
    cut = RANDOM.split(samples)
    options = {**OPTIONS, "split": cut, "estimator": Quick()}
    plain = compare(samples.replace(y=keep_share(samples, tasks, cut, 0.3)), **options)
    curve = label_curve(samples, shares=[0.3], **options)
    keys = [study.evidence.run_keys for study in (plain, curve.comparisons[0.3])]
    assert keys[0]["hard", 0, 0] == keys[1]["hard", 0, 0]
    assert keys[0]["hard", 1, 0] != keys[1]["hard", 1, 0]


def test_a_draw_with_other_classes_fails_and_says_so() -> None:
    samples = make_study_samples(200, missing=0)
    samples.y.loc[RANDOM.split(samples).train[:2], "state"] = "rare"
    curve = label_curve(
        samples,
        shares=[0.5],
        together=True,
        estimator=Quick(),
        **{**OPTIONS, "n_seeds": 4},
    )
    reasons = curve.comparisons[0.5].runs["reason"]
    assert reasons.str.contains("The labels of every seed must have the classes").any()


def test_it_is_read_again_and_resumes_where_it_was(
    traced: tuple[LabelCurve, Path], caplog: pytest.LogCaptureFixture
) -> None:
    curve, folder = traced
    pd.testing.assert_frame_equal(
        LabelCurve.load(folder).gains, curve.gains, check_exact=True
    )
    with caplog.at_level(logging.INFO, logger="multitide"):
        label_curve(
            make_study_samples(300),
            shares=(0.1, 1.0),
            estimator=Quick(),
            folder=folder,
            **OPTIONS | {"verbose": 1},
        )
    assert (
        caplog.text.count("6 already done")
        + caplog.text.count("6 of them already done")
        == 2
    )
    kept_table = pd.read_parquet(folder / "results.parquet")
    assert (kept_table["gain"] == curve.gains["gain"]).all()


def test_it_says_with_how_many_labels_what_is_so(
    traced: tuple[LabelCurve, Path], tmp_path: Path
) -> None:
    curve, _ = traced
    expected = "The study cannot tell whether “hard” helps load with 10 % and 100 % of the labels."
    assert expected in curve.sentences()
    page = write_curve_report(
        curve, tmp_path, command="multitide <compare>"
    ).read_text()
    for gain in curve.gains["gain"]:
        assert f"{gain:+.3f}" in page
        assert f"{gain:+.3f}" in str(curve)
        assert f"{gain:+.3f}" in (tmp_path / "report.md").read_text()
    assert "multitide &lt;compare&gt;" in page
    assert "<script" not in page


def test_a_split_by_group_has_the_same_test_groups_as_the_plain_study() -> None:
    samples = make_study_samples(300, n_series=30)
    rule = RANDOM.__class__(by="group", test=0.4, validation=0.2)
    options = {**OPTIONS, "split": rule, "n_seeds": 1}
    curve = label_curve(samples, shares=[0.5], estimator=Quick(), **options)
    plain = compare(samples, estimator=Quick(), **options)
    pd.testing.assert_frame_equal(curve.comparisons[0.5].test, plain.test)
    assert curve.facts["unit"] == "series"


@pytest.mark.parametrize("shares", [(), (0,), (1.5,), "0.5", ("half",)])
def test_wrong_shares_are_refused(shares: Any) -> None:
    with refused(
        "`shares`", repr(shares), "above 0 and at most 1", error=ParameterError
    ):
        label_curve(make_study_samples(100), shares=shares, **OPTIONS)


def test_wrong_options_are_refused_before_any_work() -> None:
    with refused("'n_seed'", "Did you mean 'n_seeds'", error=ParameterError):
        label_curve(make_study_samples(100), n_seed=2)
    with refused("no parameter 'cv'", error=ParameterError):
        label_curve(make_study_samples(100), cv=3)


def test_a_share_that_leaves_a_task_without_labels_is_named() -> None:
    samples = make_study_samples(200, missing=0)
    samples.y.loc[RANDOM.split(samples).train[3:], "load"] = np.nan
    with refused("5 % of the labels", "'load'", "train", "`shares`", error=DataError):
        label_curve(samples, shares=[0.05], together=True, estimator=Quick(), **OPTIONS)


def test_a_folder_without_a_curve_is_refused(tmp_path: Path) -> None:
    with refused("`folder`", "curve.json", tmp_path, error=StoreError):
        LabelCurve.load(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"shares": []},
        {"shares": [2.0]},
        {"shares": ["../outside"]},
        {"facts": {}},
        {"facts": {"unit": "row", "together": False, "random_state": 0, "draws": 1}},
    ],
)
def test_a_damaged_curve_is_refused(
    traced: tuple[LabelCurve, Path], tmp_path: Path, changes: dict[str, Any]
) -> None:
    content = json.loads((traced[1] / "curve.json").read_text())
    (tmp_path / "curve.json").write_text(json.dumps(content | changes))
    with refused(
        tmp_path / "curve.json", "damaged", next(iter(changes)), error=StoreError
    ):
        LabelCurve.load(tmp_path)
    (tmp_path / "curve.json").write_text(json.dumps(content | {"schema_version": 1}))
    with refused("schema version 2", "Run `multitide compare`", error=StoreError):
        LabelCurve.load(tmp_path)


@pytest.mark.parametrize(
    ("shares", "sentence"),
    [
        ({"helps": "5 %"}, "“hard” helps load with 5 % of the labels."),
        (
            {"helps": "5 %", "cannot tell": "100 %"},
            "“hard” helps load with 5 % of the labels; with 100 % the study cannot tell.",
        ),
        (
            {"hurts": "20 %", "helps": "5 %"},
            "“hard” helps load with 5 % of the labels and hurts load with 20 % of the labels.",
        ),
    ],
)
def test_a_sentence_says_at_which_shares_an_arm_helps(
    shares: dict[str, str], sentence: str
) -> None:
    assert _sentence("hard", "load", shares, VERDICTS) == sentence
