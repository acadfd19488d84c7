"""The result: what it holds, what it writes, and that reading it back computes the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fakes import RANDOM, Quick, make_study_samples
from multitide.data._samples import Samples
from multitide.data._splitter import Splitter
from multitide.errors import ParameterError, StoreError
from multitide.study import Comparison, compare
from refusals import refused

TABLES = (
    "gains",
    "mean_gains",
    "figures",
    "scores",
    "runs",
    "effort",
    "counts",
    "test",
)


def study(samples: Samples | None = None, **options: Any) -> Comparison:
    samples = make_study_samples(200) if samples is None else samples
    defaults: dict[str, Any] = {
        "split": RANDOM,
        "n_seeds": 2,
        "n_jobs": 1,
        "verbose": 0,
        "arms": ["hard", "constant"],
    }
    return compare(samples, estimator=Quick(), **(defaults | options))


@pytest.fixture(scope="module")
def result() -> Comparison:
    return study()


def test_a_mean_gain_is_withheld_like_that_of_a_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = study(arms=["hard"], n_seeds=5)
    assert found.mean_gains["verdict"].tolist() == ["helps"]
    falls = {("alone", "load"): 0.1, ("alone", "state"): 0.1}
    monkeypatch.setattr("multitide.study.results._gains.last_falls", lambda _: falls)
    withheld = study(arms=["hard"], n_seeds=5).mean_gains
    assert withheld["verdict"].tolist() == ["cannot tell"]
    assert "“alone”" in withheld["unfinished"].item()


@pytest.mark.parametrize(
    "options",
    [{}, {"cv": 3, "n_seeds": 1}, {"arms": {"hard": "hard", "broken": {"lr": 13.0}}}],
)
def test_what_was_saved_is_computed_anew_and_equal(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    times = np.datetime64("2024-01-01") + np.arange(200).astype("timedelta64[h]")
    samples = make_study_samples(200).replace(time=times, begin=times, finish=times)
    saved = study(samples, **options)
    saved.save(tmp_path / "study")
    found = Comparison.load(tmp_path / "study")
    for name in TABLES:
        expected, table = getattr(saved, name), getattr(found, name)
        pd.testing.assert_frame_equal(table, expected, check_dtype=False)
    assert found.reference == saved.reference
    assert found.arms == saved.arms
    assert found.tasks == saved.tasks
    assert dict(found.facts or {}) == dict(saved.facts or {})
    assert str(found).splitlines()[0] == str(saved).splitlines()[0]


def test_judged_against_another_arm_it_is_the_study_with_that_reference(
    result: Comparison,
) -> None:
    other, asked = (
        result.against("hard"),
        study(reference="hard", arms=["alone", "hard", "constant"]),
    )
    assert (other.reference, other.arms) == ("hard", asked.arms)
    for name in ("gains", "mean_gains", "figures"):
        pd.testing.assert_frame_equal(getattr(other, name), getattr(asked, name))
    assert list(other.settings) == asked.arms
    assert result.reference == "alone"
    there, back = (
        result.gains.set_index(["arm", "task"])["gain"],
        other.gains.set_index(["arm", "task"])["gain"],
    )
    np.testing.assert_allclose(back["alone"], -there["hard"])
    with refused(
        "`reference`", "'hardly'", "Did you mean 'hard'", error=ParameterError
    ):
        result.against("hardly")


def test_the_written_tables_are_those_that_are_shown(
    tmp_path: Path, result: Comparison
) -> None:
    result.save(tmp_path)
    table = pd.read_parquet(tmp_path / "results.parquet").set_index(
        ["arm", "task", "metric"]
    )
    for row in result.figures.itertuples():
        assert table.loc[(row.arm, row.task, row.metric), "mean"] == pytest.approx(
            row.mean, nan_ok=True
        )
    for row in result.gains.itertuples():
        written = table.loc[(row.arm, row.task, "loss")]
        assert (written["gain"], written["verdict"], written["low"]) == (
            row.gain,
            row.verdict,
            row.low,
        )
    runs = pd.read_parquet(tmp_path / "runs.parquet")
    assert len(runs) == len(result.runs)
    assert json.loads((tmp_path / "study.json").read_text())["margin"] == 0.01


def test_saving_twice_is_saving_once(tmp_path: Path, result: Comparison) -> None:
    result.save(tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    result.save(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_labels_of_several_types_survive_as_text(tmp_path: Path) -> None:
    samples = make_study_samples(200, missing=0)
    mixed = samples.y["state"].astype(object).where(samples.y["state"] == "high", 3)
    samples = samples.replace(y=samples.y.assign(state=mixed))

    class Mixed(Quick):
        def predict_proba(self, X: Samples, **_: Any) -> dict[str, pd.DataFrame]:
            return {
                name: table[["low", "high"]]
                for name, table in super().predict_proba(X).items()
            }

    saved = compare(
        samples, estimator=Mixed(), split=RANDOM, n_seeds=2, n_jobs=1, verbose=0
    )
    saved.save(tmp_path)
    pd.testing.assert_frame_equal(Comparison.load(tmp_path).gains, saved.gains)


def test_runs_say_what_they_took_and_chose(result: Comparison) -> None:
    runs = result.runs
    assert len(runs) == 2 * (2 + 1 + 2)
    assert set(runs["status"]) == {"done"}
    hard = runs[runs["arm"] == "hard"]
    assert [list(tasks) for tasks in hard["tasks"]] == [["state", "load"]] * 2
    assert list(hard["validation_loss"]) == [0.5, 0.5]
    assert (hard["n_steps"] == 1).all()


def test_effort_says_what_each_arm_saw(result: Comparison) -> None:
    effort = result.effort.set_index(["arm", "task"])
    y, split = result.evidence.protocol.only.y, result.evidence.protocol.only.splits[0]
    train = y.iloc[split.train].notna()
    assert effort.loc[("alone", "load"), "n_rows"] == train["load"].sum()
    assert effort.loc[("hard", "load"), "n_rows"] == train.any(axis=1).sum()
    assert effort.loc[("hard", "load"), "n_labelled_train"] == train["load"].sum()
    assert effort.loc[("alone", "state"), "n_parameters"] == 8


def test_counts_and_test_rows_are_there_to_be_drawn(result: Comparison) -> None:
    split = result.evidence.protocol.only.splits[0]
    assert list(result.test["row"]) == list(split.test)
    counts = result.counts.set_index("task")
    assert (
        counts.loc["load", "test"]
        == result.evidence.protocol.only.y["load"].iloc[split.test].notna().sum()
    )


def test_history_joins_the_fits_of_a_run(result: Comparison) -> None:
    assert list(result.history("alone", seed=1)["task"].unique()) == ["state", "load"]
    assert result.history("constant").empty


def test_text_says_the_gain_the_interval_and_the_verdict() -> None:
    text = str(study(n_seeds=5, arms=["hard"]))
    line = next(line for line in text.splitlines() if line.startswith("load"))
    assert "helps" in line
    assert "+" in line
    assert "Gain over 'alone', in units of the trivial loss (+ = better)" in text
    assert "95% interval" in text
    assert "(mean)" in text
    assert "±" in text


def test_same_says_within_what() -> None:
    found = study(arms=["hard"], n_seeds=5, margin=0.9)
    assert "same within 0.9" in str(found)
    assert "same fits" in str(study(arms={"again": {"sharing": "none"}}, n_seeds=5))


def test_a_single_task_has_no_mean() -> None:
    assert "(mean)" not in str(study(tasks=["load"], arms=["constant"]))


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (None, ["`folder`", "study.json"]),
        ("{", ["study.json", "damaged"]),
        ('{"format": "multitide"}', ["study.json", "'multitide study'"]),
        (
            '{"format": "multitide study", "schema_version": 99}',
            ["schema version 3", 99],
        ),
    ],
)
def test_what_is_no_study_is_refused(
    tmp_path: Path, content: str | None, parts: list[object]
) -> None:
    if content is not None:
        (tmp_path / "study.json").write_text(content)
    with refused(*parts, error=StoreError):
        Comparison.load(tmp_path)


def test_a_place_that_cannot_be_written_is_refused(
    tmp_path: Path, result: Comparison
) -> None:
    (tmp_path / "file").write_text("")
    with refused("`folder`", "is a file", tmp_path / "file", error=StoreError):
        result.save(tmp_path / "file")


def test_groups_of_a_study_by_group_are_its_series() -> None:
    found = study(
        make_study_samples(200, n_series=25),
        split=Splitter(by="group", test=0.4, validation=0.2),
    )
    assert (found.gains["n_groups"] == found.test["series"].nunique()).all()
