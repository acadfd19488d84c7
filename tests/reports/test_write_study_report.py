"""The report of a study shows the stored figures, whatever the names, and stands alone."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fakes import RANDOM, Quick, make_study_samples
from makers import make_samples, small
from multitide.backbones import FCN
from multitide.data._samples import Samples
from multitide.errors import DataError, StoreError
from multitide.methods import first_sentence
from multitide.reports import write_study_report
from multitide.reports._pages import significant
from multitide.reports.study._answer import _form
from multitide.reports.study._gain_chart import Chart, gain_chart
from multitide.reports.study._sentences import headlines, next_steps
from multitide.sharing import SHARINGS
from multitide.study import Comparison, compare
from pages import NASTY, Page
from refusals import refused

# The page of `written`, which is drawn before, has its figures.
pytestmark = pytest.mark.usefixtures("blank_figures")


def quick(samples: Samples | None = None, **options: Any) -> Comparison:
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
def plain() -> Comparison:
    return quick()


@pytest.fixture(scope="module")
def told() -> Comparison:
    """A study with enough seeds for verdicts."""
    arms = {"hard": "hard", "again": {"sharing": "none"}, "constant": "constant"}
    return quick(n_seeds=5, arms=arms)


@pytest.fixture(scope="module")
def told_page(
    told: Comparison, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Page, str]:
    """The page and the Markdown of that study."""
    folder = tmp_path_factory.mktemp("told")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "draw", lambda *_: None)
        page = page_of(told, folder)
    return page, (folder / "report.md").read_text(encoding="utf-8")


def page_of(comparison: Comparison, folder: Path, **options: Any) -> Page:
    return Page(
        write_study_report(comparison, folder, **options).read_text(encoding="utf-8")
    )


@pytest.fixture(scope="module")
def written(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Comparison, Samples]:
    """A study of real networks whose task and arm have names that a page has to escape."""
    samples = make_samples()
    samples = samples.replace(y=samples.y.rename(columns={"state": NASTY}))
    backbone = FCN(filters=(4, 4, 4), kernel_sizes=(3, 3, 3))
    estimator = small(backbone=backbone, max_epochs=2, weighting="uncertainty")
    arms = {"<b>hard</b>": "hard"}
    options: dict[str, Any] = {"n_seeds": 2, "n_jobs": 1, "verbose": 0, "split": RANDOM}
    found = compare(samples, estimator=estimator, arms=arms, conditions=True, **options)
    folder = found.save(tmp_path_factory.mktemp("study"))
    write_study_report(
        found, folder, samples=samples, command='multitide compare "<x>.toml"'
    )
    return folder, found, samples


@pytest.fixture(scope="module")
def written_again(
    written: tuple[Path, Comparison, Samples], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The page of the same study after loading, with its figures."""
    folder, _, samples = written
    return write_study_report(
        Comparison.load(folder),
        tmp_path_factory.mktemp("again"),
        samples=samples,
        command='multitide compare "<x>.toml"',
    )


@pytest.fixture(scope="module")
def page(written: tuple[Path, Comparison, Samples]) -> Page:
    return Page((written[0] / "report.html").read_text(encoding="utf-8"))


def test_every_figure_is_the_one_in_the_table(
    page: Page, written: tuple[Path, Comparison, Samples]
) -> None:
    table = pd.read_parquet(written[0] / "results.parquet").set_index(
        ["arm", "task", "metric"]
    )
    shown = page.figures("results")
    for attrs in shown:
        where = (attrs["data-arm"], attrs["data-task"], attrs["data-metric"])
        np.testing.assert_array_equal(
            float(attrs["value"]), table.loc[where, attrs["data-field"]]
        )
    places = {
        (f["data-arm"], f["data-task"], f["data-metric"], f["data-field"])
        for f in shown
    }
    for where, row in table.iterrows():
        assert (*where, "mean") in places
        for field in ("gain", "low", "high", "p_adjusted"):
            assert ((*where, field) in places) == pd.notna(row["verdict"])


def test_the_means_over_tasks_are_shown(
    page: Page, written: tuple[Path, Comparison, Samples]
) -> None:
    means = written[1].mean_gains.set_index("arm")
    shown = page.figures("mean_gains")
    assert {attrs["data-field"] for attrs in shown} == {"gain", "low", "high"}
    for attrs in shown:
        assert (
            float(attrs["value"]) == means.loc[attrs["data-arm"], attrs["data-field"]]
        )


def test_the_conditions_of_sharing_are_shown_in_their_words(
    page: Page, written: tuple[Path, Comparison, Samples]
) -> None:
    conditions = written[1].conditions
    assert conditions is not None
    for words in conditions.verdicts["words"]:
        assert words[1:] in page.text
    for table in (conditions.features, conditions.width):
        assert all(f"{gain:+.3f}" in page.text for gain in table["gain"])


def test_without_conditions_there_is_no_section(
    plain: Comparison, tmp_path: Path
) -> None:
    assert "conditions" not in {
        attrs.get("id") for _, attrs in page_of(plain, tmp_path).tags
    }


def test_labels_are_counted(
    page: Page, written: tuple[Path, Comparison, Samples]
) -> None:
    y = written[2].y
    counts = {
        (f["data-task"], f["data-field"]): int(f["value"])
        for f in page.figures("counts")
    }
    split = written[1].evidence.protocol.only.splits[0]
    for task in y:
        assert counts[task, "labelled"] == y[task].notna().sum()
        assert counts[task, "missing"] == y[task].isna().sum()
        assert counts[task, "test"] == y[task].iloc[split.test].notna().sum()
    both = {
        (f["data-task"], f["data-other"]): int(f["value"])
        for f in page.figures("overlap")
    }
    assert both[NASTY, "load"] == both["load", NASTY] == y.notna().all(axis=1).sum()


def test_names_are_text_and_nothing_else(page: Page) -> None:
    tags = Counter(tag for tag, _ in page.tags)
    assert not tags["script"]
    assert NASTY in page.text
    assert "<b>hard</b>" in page.text
    assert 'multitide compare "<x>.toml"' in page.text


def test_the_page_needs_nothing_else(
    page: Page, written: tuple[Path, Comparison, Samples]
) -> None:
    links = [
        attrs.get(name)
        for _, attrs in page.tags
        for name in ("href", "src", "xlink:href")
        if name in attrs
    ]
    assert links
    assert all(link.startswith(("#", "data:")) for link in links if link is not None)
    text = (written[0] / "report.html").read_text(encoding="utf-8")
    assert not re.findall(r"https?:|@import|<script\b", text)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))


def test_links_and_ids_of_figures_are_whole(page: Page) -> None:
    ids = Counter(attrs["id"] for _, attrs in page.tags if "id" in attrs)
    assert not [name for name, count in ids.items() if count > 1]
    used = {
        attrs["href"][1:]
        for _, attrs in page.tags
        if attrs.get("href", "").startswith("#")
    }
    assert used <= set(ids)


def test_figures_take_their_colors_from_the_page(
    written: tuple[Path, Comparison, Samples],
) -> None:
    text = (written[0] / "report.html").read_text(encoding="utf-8")
    figures = re.findall(r'<svg class="figure".*?</svg>', text, flags=re.DOTALL)
    # Learning curves (task x arm), reliability, scatter and residuals, weights of the shared
    # network, examples.
    assert len(figures) == 4 + 1 + 2 + 1 + 3
    for figure in figures:
        assert "var(--ink)" in figure
        assert not re.findall(r"(?:fill|stroke): #", figure)


def test_the_protocol_is_described(
    page: Page, written: tuple[Path, Comparison, Samples]
) -> None:
    split = written[1].evidence.protocol.only.splits[0]
    sizes = (len(split.train), len(split.validation), len(split.test))
    assert "{} training, {} validation and {} test samples".format(*sizes) in page.text
    assert f"by {RANDOM.by}" in page.text
    assert "2 networks per arm" in page.text
    assert "keep = 'joint'" in page.text
    assert str((written[1].facts or {})["fingerprint"]) in page.text
    assert "weighting.name = uncertainty" in page.text
    for n_parameters in written[1].effort["n_parameters"]:
        assert f"{n_parameters:,.0f}" in page.text


def test_markdown_says_the_same(written: tuple[Path, Comparison, Samples]) -> None:
    text = (written[0] / "report.md").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    for row in written[1].gains.itertuples():
        assert f"{row.gain:+.3f} | {row.low:+.3f} to {row.high:+.3f}" in text
    for row in written[1].figures.dropna(subset="mean").itertuples():
        assert f"{significant(row.mean)} ± {significant(row.sd)}" in text
    widths = [line.count(" |") for line in text.splitlines() if line.startswith("|")]
    assert min(widths) > 1
    assert (written[0] / "gains.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_same_study_gives_the_same_page(
    written: tuple[Path, Comparison, Samples], written_again: Path
) -> None:
    assert written_again.read_bytes() == (written[0] / "report.html").read_bytes()


def test_a_failed_arm_stands_next_to_the_others(tmp_path: Path) -> None:
    found = quick(arms={"hard": "hard", "broken": {"lr": 13.0}})
    page = page_of(found, tmp_path)
    assert "“broken” failed on state and load" in page.text
    assert "RuntimeError: the network caught fire" in page.text
    assert "“broken” failed on state and load." in page.text


def test_a_study_in_which_everything_failed_says_why(tmp_path: Path) -> None:
    class Broken(Quick):
        def fit(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("no fuel")

    samples = make_study_samples(100)
    found = compare(
        samples, estimator=Broken(), split=RANDOM, n_seeds=1, n_jobs=1, verbose=0
    )
    page = page_of(found, tmp_path, samples=samples)
    assert "RuntimeError: no fuel" in page.text
    assert "No arm has a result for this task" in page.text
    assert not (tmp_path / "gains.png").exists()


@pytest.mark.slow
def test_folds_are_joined(tmp_path: Path) -> None:
    samples = make_study_samples(120)
    page = page_of(quick(samples, cv=3, n_seeds=1), tmp_path, samples=samples)
    assert "3 folds, on average" in page.text
    assert f"seed 1, {samples.y['load'].notna().sum()} labelled samples" in page.text


def test_one_task_has_no_overlap_and_no_mean(tmp_path: Path) -> None:
    page = page_of(quick(tasks=["load"], arms=["constant"]), tmp_path)
    assert not page.figures("overlap")
    assert not page.figures("mean_gains")


def test_without_series_the_page_says_so(plain: Comparison, tmp_path: Path) -> None:
    assert "A study does not store its series" in page_of(plain, tmp_path).text


def test_other_samples_are_refused(plain: Comparison, tmp_path: Path) -> None:
    with refused("`samples`", 200, "got 10", error=DataError):
        write_study_report(plain, tmp_path, samples=make_study_samples(200)[:10])


def test_a_place_that_cannot_be_written_is_refused(
    plain: Comparison, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with refused("`folder`", tmp_path / "file", error=StoreError):
        write_study_report(plain, tmp_path / "file")


def test_sentences_say_the_verdict_and_what_would_settle_it(
    told: Comparison, told_page: tuple[Page, str]
) -> None:
    text = told_page[1].replace("**", "")
    assert "hard helps load: the gain over alone is +" in text
    assert "again makes no difference" not in text  # by construction: the same fits
    assert "constant is worse than alone on load" in text
    assert any(line.startswith("“hard” helps load") for line in headlines(told))
    assert not any("again" in line for line in headlines(told))
    assert not any("constant" in line for line in headlines(told))


def test_arms_without_any_verdict_share_a_sentence() -> None:
    found = quick(arms={"hard": "hard", "fast": {"sharing": "hard", "lr": 0.1}})
    assert headlines(found) == [
        "This study cannot tell whether “hard” and “fast” help state and load."
    ]


def test_a_baseline_stretches_the_chart_to_its_double_at_most() -> None:
    far = _chart_with_baseline(gain=0.9)
    near = _chart_with_baseline(gain=0.19)
    assert [row.point is None for row in far.rows if row.gain["arm"] == "b"] == [True]
    assert [row.point is None for row in near.rows if row.gain["arm"] == "b"] == [False]
    assert near.ticks != far.ticks


def _chart_with_baseline(gain: float) -> Chart:
    gains = pd.DataFrame(
        {
            "arm": ["a", "b"],
            "gain": [0.05, gain],
            "standard_error": [0.02, 0.005],
            "low": [0.0, gain - 0.01],
            "high": [0.1, gain + 0.01],
        }
    )
    settings = {"a": {"settings": {}}, "b": {"settings": {"baseline": {}}}}
    found = SimpleNamespace(
        gains=gains,
        settings=settings,
        baselines=["b"],
        margin=0.01,
        questions=["load"],
    )
    return gain_chart(cast(Comparison, found))


def test_the_first_screen_says_what_to_do_next(
    told: Comparison, told_page: tuple[Page, str]
) -> None:
    steps = dict(next_steps(told))
    assert list(steps) == ["state", "load"]
    assert "Use “hard”" in steps["load"]
    same = quick(n_seeds=5, arms={"again": {"sharing": "none"}})
    assert next_steps(same) == []
    ((tasks, words),) = next_steps(quick(arms=["hard"]))
    assert tasks == "All tasks"
    assert "It needs at least 5 seeds" in words
    page, text = told_page
    for words in ("with “alone”, each trained with 5 seeds", steps["load"]):
        assert words in page.text
        assert words in text


def test_gains_lie_on_one_line_and_wide_intervals_are_cut() -> None:
    chart = gain_chart(quick(n_seeds=5))
    drawn = [row for row in chart.rows if row.has_gain]
    assert {row.gain["arm"] for row in drawn} == {"hard", "constant"}
    for row in drawn:
        assert row.interval is not None
        start, end = row.interval
        assert 0 <= start <= end <= 100
        if row.point is None:
            assert row.gain["arm"] == "constant"
        else:
            assert start <= row.point <= end
            assert (row.point > 50) == (row.gain["gain"] > 0)
    assert chart.is_cut
    assert sum(chart.margin) == pytest.approx(100)
    assert dict(chart.ticks)[0.0] == 50


def test_one_seed_has_gains_without_intervals_and_both_are_said(tmp_path: Path) -> None:
    found = quick(n_seeds=1)
    chart = gain_chart(found)
    assert all(row.has_gain and row.interval is None for row in chart.rows)
    assert chart.lacks_interval
    points = [row.point for row in chart.rows if row.gain["arm"] == "hard"]
    assert all(point is not None and 0 <= point <= 100 for point in points)
    page = page_of(found, tmp_path)
    assert "A dot without a line is a single difference" in page.text
    assert "- to" not in page.text
    assert "nan" not in page.text
    for sharing in ("hard", "none"):
        assert first_sentence(SHARINGS[sharing].__doc__ or "") in page.text


# -- which tasks with which ------------------------------------------------------------------------


def test_groups_that_were_found_are_shown_with_what_was_predicted_and_measured(
    tmp_path: Path,
) -> None:
    found = quick(arms=["hard", "grouped"])
    grouping = found.groupings["grouped"]
    page = page_of(found, tmp_path)
    assert "Groups of tasks" in page.text
    assert grouping.advice in page.text
    shown = {
        (row["data-task"], row["data-field"]): float(row["value"])
        for row in page.figures("groupings")
    }
    for task in ("state", "load"):
        assert shown[task, "predicted"] == grouping.predicted[task]
        assert shown[task, "together"] == grouping.together[task]
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert f"### grouped: {grouping.advice}" in text
    assert f"| {grouping.affinity.loc['state', 'load']:+.3g} |" in text


def test_a_study_that_looked_for_no_groups_does_not_speak_of_them(page: Page) -> None:
    assert "Groups of tasks" not in page.text


@pytest.mark.parametrize(
    ("low", "high", "form"),
    [(-2.02, -1.1, "+.2f"), (-200.0, 300.0, "+.0f"), (0.1, 0.1, "+.2g")],
)
def test_a_change_and_its_interval_have_the_same_decimals(
    low: float, high: float, form: str
) -> None:
    assert _form(high - low) == form
