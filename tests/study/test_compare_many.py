"""Several data sets: losses, ranks and tests come from the studies stored next to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fakes import RANDOM, Quick, make_study_samples
from multitide.errors import ParameterError, StoreError
from multitide.reports import write_overview
from multitide.reports._pages import make_environment
from multitide.reports._write_overview import loss_rows, page_content
from multitide.study import Comparison, Comparisons, compare, compare_many
from refusals import refused

ARMS = ["hard", "constant"]


def given(seed: int = 0, **options: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "split": RANDOM,
        "n_seeds": 2,
        "n_jobs": 1,
        "arms": ARMS,
        "estimator": Quick(),
    }
    return {"samples": make_study_samples(120, seed=seed)} | defaults | options


def several(n: int, folder: Path | None = None) -> Comparisons:
    return compare_many(
        {f"set {number}": given(number) for number in range(n)},
        folder=folder,
        verbose=0,
    )


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Comparisons]:
    folder = tmp_path_factory.mktemp("many") / "studies"
    return folder, several(3, folder)


def test_a_study_is_what_it_is_alone(three: tuple[Path, Comparisons]) -> None:
    alone = compare(**given(1), verbose=0)
    pd.testing.assert_frame_equal(three[1].studies["set 1"].gains, alone.gains)
    losses = alone.figures[alone.figures["metric"] == "loss"].set_index(
        ["task", "arm"]
    )["mean"]
    for (task, arm), loss in losses.items():
        assert three[1].losses.loc[("set 1", task), arm] == loss


def test_ranks_are_over_data_sets_and_tasks(three: tuple[Path, Comparisons]) -> None:
    found = three[1]
    assert found.arms == ["alone", "hard", "constant"]
    assert found.losses.shape == (6, 3)
    standing = found.standing.set_index("arm")
    wanted = found.losses.apply(lambda row: row.rank(), axis=1).mean()
    np.testing.assert_allclose(
        standing.loc[found.arms, "mean_rank"], wanted[found.arms]
    )
    assert standing.index[-1] == "constant"
    assert standing.loc["hard", ["helps", "hurts", "same", "cannot_tell"]].sum() == 6
    assert standing.loc["alone", ["helps", "hurts", "same", "cannot_tell"]].sum() == 0


def test_three_data_sets_are_too_few_to_test(three: tuple[Path, Comparisons]) -> None:
    assert not three[1].test.is_conclusive
    assert three[1].pairs["p"].isna().all()
    assert "A test needs at least 5 data sets and has 3" in three[1].in_words()


@pytest.fixture(scope="module")
def six() -> Comparisons:
    return several(6)


@pytest.mark.slow
def test_what_six_data_sets_tell(six: Comparisons) -> None:
    found = six
    assert found.test.is_conclusive and found.test.p < 0.05
    words = found.in_words()
    assert "the arms differ" in words
    # Six data sets allow p = 0.03125, which three pairs make 0.09: nothing can be told two by two,
    # and that is said.
    assert "the smallest possible p is 0.0938" in words


def test_they_are_kept_and_read_again(three: tuple[Path, Comparisons]) -> None:
    folder, found = three
    again = Comparisons.load(folder)
    pd.testing.assert_frame_equal(again.losses, found.losses)
    kept = pd.read_parquet(folder / "results.parquet")
    assert len(kept) == 18
    assert kept["loss"].tolist() == found.results()["loss"].tolist()
    assert Comparison.load(folder / "set 2").arms == found.arms
    with refused("`folder`", "studies.json", folder / "set 2", error=StoreError):
        Comparisons.load(folder / "set 2")


def test_runs_that_lie_there_are_not_repeated(three: tuple[Path, Comparisons]) -> None:
    runs = sorted((three[0] / "set 0/runs").iterdir())
    before = [run.stat().st_mtime_ns for run in runs]
    again = several(3, three[0])
    assert [run.stat().st_mtime_ns for run in runs] == before
    pd.testing.assert_frame_equal(again.losses, three[1].losses)


def test_studies_that_were_made_before_are_taken_as_they_are(
    three: tuple[Path, Comparisons],
) -> None:
    found = compare_many({"old": three[1].studies["set 0"], "new": given(1)}, verbose=0)
    assert found.studies["old"] is three[1].studies["set 0"]
    assert len(found.losses) == 4


def test_an_arm_that_failed_has_no_rank() -> None:
    arms = {"hard": "hard", "hot": {"sharing": "hard", "lr": 13}}
    found = compare_many(
        {name: given(seed, arms=arms) for seed, name in enumerate("ab")}, verbose=0
    )
    assert found.losses["hot"].isna().all()
    assert "There are no ranks" in found.in_words()
    marks = [row.cells["hot"].mark for row in loss_rows(found)]
    assert set(marks) == {"\N{MULTIPLICATION SIGN}"}


@pytest.mark.slow
def test_the_overview_leads_to_each_report(three: tuple[Path, Comparisons]) -> None:
    folder, found = three
    samples = {
        f"set {number}": make_study_samples(120, seed=number) for number in range(3)
    }
    page = write_overview(
        found, folder, samples=samples, command="multitide compare <b>.toml"
    ).read_text("utf-8")
    assert "&lt;b&gt;.toml" in page and "<script" not in page
    for name in found.studies:
        assert f'href="set%20{name[-1]}/report.html"' in page
        assert (folder / name / "report.html").is_file()
    for (data, task), losses in found.losses.iterrows():
        for arm, loss in losses.items():
            where = f'data-set="{data}" data-task="{task}" data-arm="{arm}" data-field="loss"'
            assert f'<data value="{loss}" data-table="results" {where}>' in page
    assert (folder / "ranks.png").is_file() and "A test needs" in (
        folder / "report.md"
    ).read_text("utf-8")


def test_six_data_sets_have_a_critical_difference_on_the_page(six: Comparisons) -> None:
    text = (
        make_environment().get_template("many.html.j2").render(page_content(six, None))
    )
    assert "Friedman" in text and "if their lines do not overlap" in text


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ({"a": given()}, ["`data`", "at least two data sets", "['a']"]),
        (
            {"a": given(), "b": given(arms=["soft"])},
            ["`data`", "same arms", "'a' has ['alone', 'hard', 'constant']", "'b'"],
        ),
        ({"a": given(), "b": given(reference="hard")}, ["`data`", "same arms", "'b'"]),
        ({"a": given(), "b/c": given()}, ["`data`", "folders", "'b/c'"]),
        ({"a": given(), "..": given()}, ["`data`", "folders", "'..'"]),
        (
            {"a": given(), "b": {"arms": ARMS}},
            ["`data['b']`", "a Comparison", "`samples`"],
        ),
        (
            {"a": given(), "b": given(n_seed=3)},
            ["`data['b']`", "'n_seed'", "Did you mean 'n_seeds'?"],
        ),
        (
            {"a": given(), "b": given(budget="1m")},
            ["`data['b']`", "'budget'", "compare_many"],
        ),
        (
            {"a": given(arms=["hart"]), "b": given(arms=["sofd"])},
            ["`data['a']`: `arms.hart`", "`data['b']`: `arms.sofd`"],
        ),
    ],
)
def test_invalid_arguments_are_refused_before_the_first_study(
    data: dict[str, Any], parts: list[str], tmp_path: Path
) -> None:
    with refused(*parts, error=ParameterError):
        compare_many(data, folder=tmp_path / "studies", verbose=0)
    assert not (tmp_path / "studies").exists()


@pytest.mark.parametrize("name", ["../outside", "/tmp", ".", "set 0/../../outside", ""])
def test_a_stored_name_never_leads_out_of_the_folder(
    three: tuple[Path, Comparisons], tmp_path: Path, name: str
) -> None:
    content = json.loads((three[0] / "studies.json").read_text())
    content["data"].append(name)
    (tmp_path / "studies.json").write_text(json.dumps(content))
    with refused(tmp_path / "studies.json", "damaged", "data", error=StoreError):
        Comparisons.load(tmp_path)
    with refused("`studies`", repr(name), error=ParameterError):
        Comparisons({name: three[1].studies["set 0"]}).save(tmp_path / "new")
    assert not (tmp_path / "new").exists()
