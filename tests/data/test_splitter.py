"""Splits: held-out samples do not leak into training, and every task has labels in every set."""

from __future__ import annotations

import logging
import warnings
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold

from multitide.data._purging import touches
from multitide.data._samples import Samples
from multitide.data._split import Split
from multitide.data._splitter import Splitter
from multitide.data._strata import strata
from multitide.errors import DataError, MultitideWarning, ParameterError

WINDOW = 6


def timed(
    n_rows: int = 300, n_series: int = 1, lead: int = 0, seed: int = 0
) -> Samples:
    """Make windows of stride 1 over `n_series` simultaneous recordings, in shuffled order."""
    rng = np.random.default_rng(seed)
    starts = np.concatenate(
        [np.arange(n_rows - WINDOW + 1) + i * n_rows for i in range(n_series)]
    )
    step = starts % n_rows
    y = pd.DataFrame(
        {
            "state": rng.choice(["a", "b"], len(starts)),
            "load": rng.normal(size=len(starts)),
        }
    )
    y.loc[rng.random(len(y)) < 0.3, "load"] = np.nan
    samples = Samples(
        values=np.zeros((n_rows * n_series, 1), np.float32),
        starts=starts,
        lengths=np.full(len(starts), WINDOW),
        channels=("x",),
        y=y,
        series=starts // n_rows,
        time=step + WINDOW - 1,
        begin=step,
        finish=np.minimum(step + WINDOW - 1 + lead, n_rows - 1),
    )
    return samples[rng.permutation(len(samples))]


def grouped(n: int = 200, n_groups: int = 20, seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    y = pd.DataFrame(
        {
            "state": rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]),
            "load": rng.normal(size=n),
        }
    )
    samples = Samples.from_arrays(
        np.zeros((n, 1, 3)), y, series=rng.integers(0, n_groups, n)
    )
    return samples.replace(
        extra=pd.DataFrame({"run": [f"run {i % n_groups}" for i in range(n)]})
    )


def stamps(samples: Samples, index: np.ndarray) -> set[int]:
    """Every time stamp that these samples touch."""
    assert samples.begin is not None and samples.finish is not None
    spans = zip(samples.begin[index], samples.finish[index], strict=True)
    return {stamp for begin, finish in spans for stamp in range(begin, finish + 1)}


@pytest.mark.parametrize("lead", [0, 9])
@pytest.mark.parametrize("n_series", [1, 3])
def test_a_split_by_time_shares_no_time_stamp(n_series: int, lead: int) -> None:
    samples = timed(n_series=n_series, lead=lead)
    for split in [Splitter().split(samples), *Splitter(n_folds=4).folds(samples)]:
        parts = [
            stamps(samples, part)
            for part in (split.train, split.validation, split.test)
        ]
        assert all(parts)
        assert not parts[0] & (parts[1] | parts[2])
        assert not parts[1] & parts[2]


def test_a_split_by_time_holds_out_the_last_samples() -> None:
    samples = timed()
    split = Splitter(test=0.2, validation=0).split(samples)
    assert len(split.test) == np.ceil(0.2 * len(samples))
    assert len(split.validation) == 0
    assert samples.time is not None
    latest = np.sort(samples.time)[-len(split.test) :]
    np.testing.assert_array_equal(np.sort(samples.time[split.test]), latest)
    assert len(samples) - len(split.test) - len(split.train) == WINDOW - 1


def test_folds_by_time_are_blocks_that_cover_everything() -> None:
    samples = timed()
    folds = Splitter(n_folds=5).folds(samples)
    assert samples.time is not None
    np.testing.assert_array_equal(
        np.sort(np.concatenate([fold.test for fold in folds])), np.arange(len(samples))
    )
    for fold in folds:
        block = np.sort(samples.time[fold.test])
        assert (np.diff(block) == 1).all()


def test_touching_spans_equal_a_loop() -> None:
    rng = np.random.default_rng(0)
    begin, other = rng.integers(0, 100, (2, 60))
    finish, other_finish = (
        begin + rng.integers(0, 9, 60),
        other + rng.integers(0, 9, 60),
    )
    for k in (0, 1, 5, 20):
        # the closed spans [b, f] and [a, g] meet if each begins before the other ends
        expected = [
            any(
                a <= f and b <= g
                for a, g in zip(other[:k], other_finish[:k], strict=True)
            )
            for b, f in zip(begin, finish, strict=True)
        ]
        assert touches(begin, finish, other[:k], other_finish[:k]).tolist() == expected


@pytest.mark.parametrize("column", [None, "run"])
def test_a_group_is_kept_whole(column: str | None) -> None:
    samples = grouped()
    groups = samples.series if column is None else samples.extra["run"].to_numpy()  # type: ignore[index]
    splitter = Splitter(by="group", column=column)
    for split in [splitter.split(samples), *splitter.folds(samples)]:
        sides = [
            set(groups[part]) for part in (split.train, split.validation, split.test)
        ]
        assert all(sides)
        assert (
            not sides[0] & sides[1]
            and not sides[0] & sides[2]
            and not sides[1] & sides[2]
        )
        assert sum(
            len(part) for part in (split.train, split.validation, split.test)
        ) == len(samples)


def test_groups_are_held_out_in_proportion() -> None:
    samples = grouped(n=2000, n_groups=50)
    keep, held = Splitter(by="group").hold_out(samples, 0.3)
    assert len(keep) + len(held) == 2000
    assert len(held) / 2000 == pytest.approx(0.3, abs=0.03)
    share = (
        samples.y["state"].iloc[held].value_counts() / samples.y["state"].value_counts()
    )
    assert (share - 0.3).abs().max() < 0.1


def test_a_task_measured_in_few_groups_is_on_both_sides() -> None:
    n_groups = 10
    y = pd.DataFrame(
        {
            "rare": np.where(np.isin(np.arange(100) // 10, [2, 7]), 1.5, np.nan),
            "all": 2.5,
        }
    )
    samples = Samples.from_arrays(
        np.zeros((100, 1, 2)), y, series=np.repeat(np.arange(n_groups), 10)
    )
    for seed in range(5):
        keep, held = Splitter(by="group", random_state=seed).hold_out(samples, 0.2)
        assert y["rare"].iloc[keep].notna().any() and y["rare"].iloc[held].notna().any()


@pytest.mark.parametrize("column", [None, "run"])
def test_folds_by_group_are_those_of_scikit_learn(column: str | None) -> None:
    samples = grouped()
    groups = samples.series if column is None else samples.extra["run"].to_numpy()  # type: ignore[index]
    expected = GroupKFold(4).split(samples.starts, groups=groups)
    for fold, (_, test) in zip(
        Splitter(by="group", column=column, n_folds=4).folds(samples),
        expected,
        strict=True,
    ):
        np.testing.assert_array_equal(fold.test, test)


def test_a_random_split_keeps_the_classes_in_proportion() -> None:
    samples = grouped(n=400)
    split = Splitter(by="random", test=0.25, validation=0.2).split(samples)
    assert (len(split.train), len(split.validation), len(split.test)) == (240, 60, 100)
    for part in (split.train, split.validation, split.test):
        shares = samples.y["state"].iloc[part].value_counts(normalize=True)
        np.testing.assert_allclose(
            shares, samples.y["state"].value_counts(normalize=True), atol=0.02
        )


def test_random_folds_partition_and_depend_only_on_the_seed() -> None:
    samples = grouped()
    folds = Splitter(by="random", random_state=3).folds(samples)
    again = Splitter(by="random", random_state=3).folds(samples)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([fold.test for fold in folds])), np.arange(200)
    )
    assert all(
        np.array_equal(a.train, b.train) for a, b in zip(folds, again, strict=True)
    )
    other = Splitter(by="random", random_state=4).folds(samples)
    assert not np.array_equal(folds[0].test, other[0].test)


def test_strata_fall_back_to_the_rarest_class_task_and_then_to_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    y = pd.DataFrame({"a": [0, 0, 0, 1, 1, 1], "b": [0, 0, 1, 0, 0, 1]})
    codes, note = strata(y.iloc[[0, 1, 3, 4, 0, 3]], at_least=2, n_parts=6)
    assert codes is not None and note == "" and len(set(codes)) == 2
    codes, note = strata(y, at_least=2, n_parts=6)
    assert codes is not None and "by 'b' only" in note
    assert pd.Series(codes).nunique() == 2
    codes, note = strata(pd.DataFrame({"a": [0, 0, 1]}), at_least=2, n_parts=2)
    assert codes is None and "not stratified" in note
    assert strata(pd.DataFrame({"a": [0.5, 1.5]}), at_least=2, n_parts=2) == (None, "")

    samples = Samples.from_arrays(
        np.zeros((5, 1, 2)), pd.DataFrame({"a": list("aaaab")})
    )
    with caplog.at_level(logging.INFO, "multitide"):
        keep, held = Splitter(by="random").hold_out(samples, 0.4)
    assert "single example stay in the training set: 'a': 'b'." in caplog.text
    assert 4 in keep and len(held) == 2


def test_a_column_says_the_sides() -> None:
    samples = grouped(n=10, n_groups=10)
    words = [
        "train",
        "Training",
        "val",
        "test",
        "unused",
        "train",
        "dev",
        "TEST",
        "train",
        None,
    ]
    samples = samples.replace(extra=pd.DataFrame({"split": words}))
    split = Splitter(by="column", column="split").split(samples)
    assert split.train.tolist() == [0, 1, 5, 8]
    assert split.validation.tolist() == [2, 6]
    assert split.test.tolist() == [3, 7]


@pytest.mark.parametrize(("n_series", "rule"), [(1, "time"), (4, "group")])
def test_a_column_without_validation_cuts_it_from_train(
    n_series: int, rule: str, caplog: pytest.LogCaptureFixture
) -> None:
    samples = timed(n_series=n_series, n_rows=100)
    assert samples.time is not None
    words = np.where(
        samples.time < 60, "train", np.where(samples.begin > 60, "test", "between")
    )  # type: ignore[operator]
    samples = samples.replace(extra=pd.DataFrame({"split": words}))
    with caplog.at_level(logging.INFO, "multitide"):
        split = Splitter(by="column", column="split", validation=0.3).split(samples)
    assert f"cut from the training set by {rule}" in caplog.text
    assert len(split.validation) and not set(split.train) & set(split.validation)
    assert set(words[split.validation]) == {"train"}


def test_folds_from_a_column() -> None:
    samples = grouped().replace(extra=pd.DataFrame({"fold": np.arange(200) % 3}))
    folds = Splitter(by="column", column="fold").folds(samples)
    assert [fold.test[0] for fold in folds] == [0, 1, 2]
    assert sum(len(fold.test) for fold in folds) == 200


def test_counts_are_labelled_rows() -> None:
    y = pd.DataFrame({"a": [1, None, 3, None], "b": ["x", "y", None, "z"]})
    counts = Split(np.array([0, 1]), np.array([2]), np.array([3])).counts(y)
    assert counts.loc["a"].to_dict() == {"train": 1, "validation": 1, "test": 0}
    assert counts.loc["b"].to_dict() == {"train": 2, "validation": 0, "test": 1}


def test_a_side_without_labels_is_refused_with_task_and_side() -> None:
    samples = timed()
    assert samples.time is not None
    y = samples.y.assign(load=np.where(samples.time < 150, 1.0, np.nan), state=None)
    y.loc[samples.time > 260, "state"] = "a"
    with pytest.raises(DataError) as error:
        Splitter().split(samples.replace(y=y))
    message = str(error.value)
    assert "got none of 'load' in test" in message
    assert "got none of 'load' in validation" in message
    assert "got none of 'state' in train" in message
    assert 'split by="group"' in message


def test_overlapping_windows_split_at_random_warn() -> None:
    with pytest.warns(MultitideWarning, match='share rows.*by="time"'):
        Splitter(by="random").split(timed())
    with pytest.warns(MultitideWarning, match="share rows"):
        Splitter(by="random").hold_out(timed(), 0.2)


def test_one_shared_row_is_warned_of_where_the_split_is_called() -> None:
    samples = timed()
    one_row = samples[samples.starts % (WINDOW - 1) == 0]
    with pytest.warns(MultitideWarning, match="share rows") as warned:
        Splitter(by="random").split(one_row)
    assert {warning.filename for warning in warned} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error", MultitideWarning)
        Splitter(by="random").split(samples[samples.starts % WINDOW == 0])


def test_hold_out_cuts_once() -> None:
    samples = timed()
    keep, held = Splitter().hold_out(samples, 0.2)
    split = Splitter(test=0.2, validation=0).split(samples)
    np.testing.assert_array_equal(keep, split.train)
    np.testing.assert_array_equal(held, split.test)


@pytest.mark.parametrize("lead", [0, 9])
@pytest.mark.parametrize("n_series", [1, 3])
def test_numbered_cuts_by_time_hold_out_other_blocks(n_series: int, lead: int) -> None:
    samples = timed(n_series=n_series, lead=lead)
    fraction = 0.2
    cuts = [Splitter().hold_out(samples, fraction, number) for number in range(5)]
    seen: set[int] = set()
    latest = []
    assert samples.time is not None
    for keep, held in cuts:
        assert not stamps(samples, keep) & stamps(samples, held)
        assert not seen & set(held)
        seen |= set(held)
        latest.append(samples.time[held].max())
    assert latest == sorted(latest, reverse=True)
    again = Splitter().hold_out(samples, fraction, 5)
    np.testing.assert_array_equal(again[1], cuts[0][1])


@pytest.mark.parametrize("by", ["random", "group"])
def test_numbered_cuts_draw_with_other_seeds(by: Literal["random", "group"]) -> None:
    samples = grouped()
    first = Splitter(by=by, random_state=3).hold_out(samples, 0.2, number=2)
    same = Splitter(by=by, random_state=5).hold_out(samples, 0.2)
    other = Splitter(by=by, random_state=3).hold_out(samples, 0.2)
    np.testing.assert_array_equal(first[1], same[1])
    assert set(first[1]) != set(other[1])
    largest = Splitter(by=by, random_state=2**32 - 1).hold_out(samples, 0.2, number=1)
    zero = Splitter(by=by, random_state=0).hold_out(samples, 0.2)
    np.testing.assert_array_equal(largest[1], zero[1])


def test_a_block_without_labels_is_not_held_out() -> None:
    samples = timed()
    labels = samples.y.copy()
    assert samples.time is not None
    labels.loc[samples.time < np.quantile(samples.time, 0.7), "state"] = None
    few = samples.replace(y=labels)
    last = Splitter().hold_out(few, 0.2)
    np.testing.assert_array_equal(Splitter().hold_out(few, 0.2, number=3)[1], last[1])


def test_no_test_set_on_request() -> None:
    split = Splitter(test=0.0).split(timed())
    assert len(split.test) == 0 and len(split.validation) and len(split.train)


@pytest.mark.parametrize(
    ("splitter", "error", "message"),
    [
        (
            Splitter(by="time"),
            DataError,
            "must have the time of every sample.*Name the column of times",
        ),
        (Splitter(by="column"), ParameterError, "`split.column` must be given"),
        (
            Splitter(by="column", column="rum"),
            DataError,
            "got 'rum', and they have.*Did you mean 'run'",
        ),
        (Splitter(by="column", column="run"), DataError, 'must hold "train", "test"'),
        (Splitter(by="tim"), ParameterError, "`split.by` must be"),  # type: ignore[arg-type]
        (
            Splitter(test=1.5),
            ParameterError,
            "`split.test` must be less than 1; got 1.5",
        ),
    ],
)
def test_wrong_splits_are_refused(
    splitter: Splitter, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        splitter.split(grouped())


def test_too_many_folds_and_too_few_groups_are_refused() -> None:
    with pytest.raises(
        ParameterError, match="at most as many as there are, 20 groups; got 21"
    ):
        Splitter(by="group", n_folds=21).folds(grouped())
    one = grouped().replace(series=np.zeros(200))
    with pytest.raises(DataError, match="at least two groups"):
        Splitter(by="group").split(one)
    with pytest.raises(DataError, match="at least two samples to divide; got 1"):
        Splitter(by="random").split(grouped()[:1])
    with pytest.raises(DataError, match="must number the folds"):
        Splitter(by="column", column="run").folds(
            one.replace(extra=pd.DataFrame({"run": ["train", "test"] * 100}))
        )


def test_series_that_all_run_at_once_cannot_be_split_by_time() -> None:
    samples = Samples.from_arrays(
        np.zeros((6, 1, 5)), pd.DataFrame({"a": range(6)}), time=range(6)
    )
    samples = samples.replace(begin=np.zeros(6), finish=np.full(6, 5.0))
    with pytest.raises(
        DataError, match=r'leave samples to train on; got none.*by="group"'
    ):
        Splitter().split(samples)
