"""Permutation importance of a model whose formula is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

import multitide as mt
from multitide.data._data_sets import DataSets
from multitide.model._fitted_model import FittedModel
from multitide.model._prediction import TargetsByTask
from multitide.model._schema import DataRecord
from multitide.reasons._exchange import donor_rows, exchanged
from multitide.reasons._importance import judges_of
from multitide.reasons._input_parts import InputPart, input_parts
from multitide.tasks import Regression
from multitide.training._decode_samples import Decoded
from pages import NASTY, Page
from refusals import refused

N, STEPS = 60, 8
Formula = Callable[[mt.Samples], np.ndarray]


class Known(FittedModel, BaseEstimator):  # type: ignore[misc]
    """A fitted model that predicts "load" by a formula, and counts its calls."""

    def __init__(self, samples: mt.Samples, formula: Formula) -> None:
        task = Regression("load")
        self.device = "cpu"
        self.formula = formula
        self.tasks_ = [task]
        self.targets_ = TargetsByTask({"load": task.fit_target(samples.y[["load"]])})
        self.data_ = [
            DataRecord(
                tasks=["load"],
                channels=samples.channels,
                n_timepoints=samples.n_timepoints,
            )
        ]
        self.n_calls = 0

    def fit(self) -> None:
        """Let scikit-learn see that this is an estimator."""

    def decode_data_sets(self, data_sets: DataSets) -> dict[str, Decoded]:
        self.n_calls += 1
        return {
            name: {"load": self.formula(samples)} for name, samples in data_sets.items()
        }


def channel_mean(samples: mt.Samples, channel: str) -> np.ndarray:
    series = samples.gather(slice(None))[:, samples.channels.index(channel)]
    return np.asarray(np.nanmean(series.astype(float), axis=1))


def of_a(samples: mt.Samples) -> np.ndarray:
    return channel_mean(samples, "a")


def of_a_and_twin(samples: mt.Samples) -> np.ndarray:
    return (channel_mean(samples, "a") + channel_mean(samples, "twin")) / 2


def of_size(samples: mt.Samples) -> np.ndarray:
    assert samples.static is not None
    return samples.static["size"].to_numpy(dtype=float)


def of_the_end(samples: mt.Samples) -> np.ndarray:
    last = samples.starts + samples.lengths - 1
    return samples.values[last, 0].astype(float)


def make(formula: Formula, unequal: bool = False) -> tuple[Known, mt.Samples]:
    """Samples whose label is the formula; channel "twin" is "a" with little noise."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(4, STEPS + 1, N) if unequal else np.full(N, STEPS)
    blocks = []
    for length in lengths:
        a = rng.normal() + 0.2 * rng.normal(size=length)
        noise = rng.normal(size=length)
        blocks.append(np.stack([a, noise, a + 0.01 * rng.normal(size=length)]))
    static = pd.DataFrame({"size": rng.normal(size=N), "color": ["red", "blue"] * 30})
    samples = mt.Samples.from_arrays(
        blocks, static=static, channels=["a", "noise", "twin"]
    )
    samples = samples.replace(y=pd.DataFrame({"load": formula(samples)}))
    return Known(samples, formula), samples


def losses(found: mt.Explanation, kind: str | None = None) -> pd.Series:
    rows = found.importance
    if kind is not None:
        rows = rows[rows["kind"] == kind]
    return rows.set_index("input")["loss"]


@pytest.mark.parametrize("unequal", [False, True])
@pytest.mark.parametrize(
    ("formula", "matters"), [(of_a, "a"), (of_size, "size")], ids=["channel", "static"]
)
def test_only_what_the_formula_reads_matters(
    formula: Formula, matters: str, unequal: bool
) -> None:
    model, samples = make(formula, unequal)
    found = mt.explain(model, samples)
    importance = losses(found).drop(losses(found, "segment").index)
    assert importance[matters] > 1  # a wrong value is worse than the best constant
    assert (importance.drop(matters) == 0).all()
    assert importance.index[0] == matters
    assert found.scores["loss"].item() == pytest.approx(0, abs=1e-9)


def test_the_change_of_the_metric_is_how_much_worse_it_becomes() -> None:
    model, samples = make(of_a)
    found = mt.explain(model, samples).importance.iloc[0]
    spread = samples.y["load"].std(ddof=0)
    # Two independent values of the same distribution differ by sqrt(2) of its spread.
    assert found["metric"] == "rmse"
    assert found["change"] == pytest.approx(np.sqrt(2) * spread, rel=0.2)
    assert found["change_low"] < found["change"] < found["change_high"]
    assert found["loss"] == pytest.approx(2, rel=0.3)


@pytest.mark.parametrize("unequal", [False, True])
def test_only_the_segment_that_the_formula_reads_matters(unequal: bool) -> None:
    model, samples = make(of_the_end, unequal)
    segments = losses(mt.explain(model, samples, n_segments=4), "segment")
    assert segments.iloc[-1] > 0.5
    assert (segments.iloc[:-1] == 0).all()
    expected = "75% to 100%" if unequal else "steps 7 to 8"
    assert segments.index[-1] == expected


def test_twins_matter_together() -> None:
    model, samples = make(of_a_and_twin)
    alone = losses(mt.explain(model, samples))
    for groups in ("correlated", {"both": ["a", "twin"]}, [["a", "twin"]]):
        together = mt.explain(model, samples, groups=groups)
        group = losses(together, "group")
        assert group.item() > 2 * alone["a"]
        assert list(losses(together, "channel").index) == ["noise"]
    assert group.index == ["a + twin"]


def test_the_model_is_called_once_per_part() -> None:
    model, samples = make(of_a)
    mt.explain(model, samples, n_segments=4, n_repeats=7)
    assert model.n_calls == 1 + 3 + 2 + 4  # as it is, channels, static inputs, segments


def test_the_same_seed_gives_the_same_table() -> None:
    model, samples = make(of_a)
    first, again, other = (
        mt.explain(model, samples, max_samples=20, random_state=seed)
        for seed in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(first.importance, again.importance)
    assert first.n_samples == 20
    assert not first.importance["loss"].equals(other.importance["loss"])


def test_a_single_repeat_has_no_interval() -> None:
    model, samples = make(of_a)
    found = mt.explain(model, samples, n_repeats=1).importance
    assert found[["loss_low", "loss_high"]].isna().all(axis=None)


def test_samples_without_a_label_take_no_part_in_the_loss() -> None:
    model, samples = make(of_a)
    y = samples.y.copy()
    y.loc[::2, "load"] = np.nan
    found = mt.explain(model, samples.replace(y=y)).importance
    assert (found["n_labelled"] == N // 2).all()
    assert found["loss"].notna().all()


def test_a_row_of_weight_2_counts_as_two_rows() -> None:
    model, samples = make(of_a)
    weights = np.random.default_rng(1).integers(0, 3, N)
    y = samples.y.assign(load=samples.y["load"] + np.arange(N) % 7)
    samples = samples.replace(y=y)
    given = samples.replace(weights=pd.DataFrame({"load": weights.astype(float)}))
    (weighted,) = judges_of(model, given, ["load"])
    (repeated,) = judges_of(model, samples[np.arange(N).repeat(weights)], ["load"])
    wrong = of_a(samples) + np.arange(N) % 3
    assert weighted.scores(wrong) == pytest.approx(
        repeated.scores(wrong.repeat(weights))
    )
    found = mt.explain(model, given)
    plain = mt.explain(model, samples)
    assert (found.importance["n_labelled"] == np.count_nonzero(weights)).all()
    assert found.scores["loss"].item() != plain.scores["loss"].item()


def test_a_donor_is_never_the_sample_itself_and_gives_once() -> None:
    donors = donor_rows(7, 20, seed=3)
    assert (np.sort(donors, axis=1) == np.arange(7)).all()
    assert (donors != np.arange(7)).all()


def test_a_donor_of_another_length_is_stretched_with_its_gaps() -> None:
    short = np.array([[1.0, np.nan], [10, 20]])
    long = np.array([[5.0, 6, 7, 8], [50, 60, 70, 80]])
    samples = mt.Samples.from_arrays([short, long], channels=["a", "b"])
    part = InputPart("channel", "a", (0,))
    series = exchanged(samples, samples[[1, 0]], part)
    np.testing.assert_array_equal(series.X[0][:, :2], [[6, 8], [10, 20]])
    np.testing.assert_array_equal(
        series.X[1], [[1, 1, np.nan, np.nan], [50, 60, 70, 80]]
    )
    assert list(series.lengths) == [2, 4]
    np.testing.assert_array_equal(samples.X[0][:, :2], short)  # unchanged


def test_segments_cover_every_step_once() -> None:
    _, samples = make(of_a, unequal=True)
    parts = [part for part in input_parts(samples, 3, None) if part.kind == "segment"]
    changed = samples.replace(values=np.full_like(samples.values, 9.0))
    for part in parts:
        samples = exchanged(samples, changed, part)
    series = samples.gather(slice(None))
    assert (series[~np.isnan(series)] == 9).all()


def test_a_single_step_has_no_segments() -> None:
    samples = mt.Samples.from_arrays(np.zeros((4, 2, 1)))
    assert {part.kind for part in input_parts(samples, 8, None)} == {"channel"}


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"groups": [["a", "nosie"]]}, ("`groups`", "'nosie'", "Did you mean 'noise'")),
        ({"groups": [["a"], ["a", "twin"]]}, ("`groups`", "'a'", "once")),
        ({"groups": "all"}, ("`groups`", "'all'", "'correlated'")),
        ({"n_segments": 0}, ("`n_segments`", "0")),
        ({"n_repeats": 0}, ("`n_repeats`", "0")),
        ({"row": N}, ("`row`", str(N), f"0 to {N - 1}")),
        ({"row": -1}, ("`row`", "-1")),
        ({"row": 0}, ("`row`", "ensemble")),
    ],
)
def test_wrong_arguments_are_refused(
    options: dict[str, object], parts: tuple[str, ...]
) -> None:
    model, samples = make(of_a)
    with refused(*parts):
        mt.explain(model, samples, **options)  # type: ignore[arg-type]
    assert model.n_calls == 0


def test_data_without_labels_are_refused() -> None:
    model, samples = make(of_a)
    with refused("`samples`", "load", "`row`"):
        mt.explain(model, samples.replace(y=samples.y.mask(samples.y == samples.y)))
    with refused("`samples`", "two"):
        mt.explain(model, samples[:1])
    with refused("`model`", "str"):
        mt.explain("runs/one", samples)  # type: ignore[arg-type]


def test_the_page_shows_the_table_and_escapes_names(tmp_path: Path) -> None:
    model, samples = make(of_a)
    samples = samples.replace(channels=("a", NASTY, "twin"))
    found = mt.explain(model, samples, n_segments=2)
    page = mt.write_explanation(found, tmp_path / "reasons.html")
    shown = Page(page.read_text(encoding="utf-8"))
    figures = shown.figures("importance")
    assert [float(each["value"]) for each in figures] == found.importance[
        "loss"
    ].tolist()
    assert NASTY in [each["data-input"] for each in figures]
    assert NASTY in shown.text
    assert "script" not in [tag for tag, _ in shown.tags]
    with refused("`path`", "reasons.html", "another name"):
        mt.write_explanation(found, page)
    with refused("`path`", ".html"):
        mt.write_explanation(found, tmp_path / "reasons.pdf")
    with refused("`path`", "exist"):
        mt.write_explanation(found, tmp_path / "nowhere" / "reasons.html")
