"""Tables become samples: the main path, what is assumed, and every kind of wrong input."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data._samples import Samples
from multitide.data._splitter import Splitter
from multitide.data.tables._column_roles import column_roles
from multitide.data.tables._inspect_table import inspect_table
from multitide.data.tables._read_like import read_like
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError, MultitideWarning, ParameterError
from multitide.fitting._validation_split import default_splitter
from refusals import refused


@dataclass
class Spec:
    """What the data floor knows of a task."""

    name: str
    column: str | None = None
    label_at: str = "end"
    lead: int = 0
    kind: str = "regression"

    def label_columns(self) -> list[dict[str, Any]]:
        return [vars(self) | {"column": self.column or self.name}]


def hourly(n: int = 12, **columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "when": pd.date_range("2024-07-04", periods=n, freq="h"),
            "x": np.arange(n) * 1.5,
            "y": 1.0,
        }
    )
    frame["state"] = np.where(np.arange(n) % 3 == 0, "a", "b")
    return frame.assign(**columns)


def machines(lengths: tuple[int, ...] = (5, 3, 4)) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A long table of unequal series and its label table, whose rows are in another order."""
    names = [f"m{i}" for i in range(len(lengths))]
    data = pd.DataFrame(
        {
            "machine": np.repeat(names, lengths),
            "second": np.concatenate([np.arange(n) for n in lengths]),
        }
    )
    data["p"] = np.arange(len(data)) / 2
    labels = pd.DataFrame(
        {
            "machine": names,
            "fault": [3, None, 20],
            "age": [1.0, 2.0, None],
            "run": [7, 7, 8],
        }
    )
    return data, labels.iloc[::-1].reset_index(drop=True)


def assumed(samples: Samples) -> str:
    assert samples.reading is not None
    return "\n".join(samples.reading["assumed"])


def through_json(samples: Samples) -> dict[str, Any]:
    reading: dict[str, Any] = json.loads(json.dumps(samples.reading))
    return reading


# the main path


def test_windows_of_a_table_equal_slices_of_it() -> None:
    frame = hourly()
    samples = read_table(frame, tasks=["state"], window=4, stride=2)
    assert samples.channels == ("x", "y")
    assert samples.shape == (5, 2, 4)
    for i, start in enumerate(range(0, 9, 2)):
        np.testing.assert_allclose(
            samples.gather(i)[0], frame[["x", "y"]].iloc[start : start + 4].T
        )
        assert samples.y["state"][i] == frame["state"][start + 3]
    assert (
        samples.time is not None
        and samples.begin is not None
        and samples.finish is not None
    )
    assert (
        samples.time.tolist()
        == frame["when"].to_numpy("datetime64[ns]")[3:12:2].tolist()
    )
    assert (samples.finish == samples.time).all()
    assert (
        samples.begin.tolist()
        == frame["when"].to_numpy("datetime64[ns]")[0:9:2].tolist()
    )


def test_no_window_gives_one_sample_a_series() -> None:
    data, labels = machines()
    samples = read_table(
        data,
        labels=labels,
        series="machine",
        time="second",
        tasks=["fault"],
        static=["age"],
        extra="run",
    )
    assert samples.lengths.tolist() == [5, 3, 4]
    assert samples.series.tolist() == ["m0", "m1", "m2"]
    assert samples.y["fault"].tolist() == [3, pd.NA, 20]
    assert samples.static is not None and samples.extra is not None
    np.testing.assert_array_equal(samples.static["age"], [1, 2, np.nan])
    assert samples.extra["run"].tolist() == [7, 7, 8]
    assert samples.time is not None
    assert samples.time.tolist() == [4, 2, 3]


def test_windows_of_series_carry_the_series_labels() -> None:
    data, labels = machines()
    samples = read_table(data, labels=labels, tasks=["fault"], time="second", window=3)
    assert samples.series.tolist() == ["m0"] * 3 + ["m1"] + ["m2"] * 2
    assert samples.y["fault"].fillna(-1).tolist() == [3, 3, 3, -1, 20, 20]
    assert "`machine` joins the labels" in assumed(samples)


def test_without_tasks_the_label_table_gives_them_and_a_single_table_none() -> None:
    data, labels = machines()
    samples = read_table(data, labels=labels, extra="run", static="age")
    assert list(samples.y) == ["fault"]
    assert "All other columns of `labels` are tasks: `fault`" in assumed(samples)
    assert list(read_table(data, series="machine").y) == []


def test_tasks_may_come_from_both_tables() -> None:
    data, labels = machines()
    data["wear"] = np.arange(len(data)) % 4
    samples = read_table(data, labels=labels, series="machine", tasks=["wear", "fault"])
    assert samples.y["wear"].tolist() == [0, 3, 3]
    assert samples.channels == ("p",)


def test_labels_stay_as_the_user_wrote_them(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "x,cooler,flag,word,share\n1,3,True,a,0.5\n2,20,,,1.0\n3,,False,b,\n4,100,True,None,2.0\n"
    )
    y = read_table(
        path, tasks=["cooler", "flag", "word", "share"], window=1, channels="x"
    ).y
    assert y["cooler"].tolist() == [3, 20, pd.NA, 100]
    assert y["flag"].tolist() == [True, pd.NA, False, True]
    assert y["word"].fillna("-").tolist() == ["a", "-", "b", "None"]
    assert y["share"].dtype == np.float64
    complete = read_table(path, tasks=["cooler"], window=1, stride=3, channels="x").y
    assert complete["cooler"].dtype == np.int64


def test_a_task_takes_its_label_where_and_when_it_says() -> None:
    frame = hourly(load=np.arange(12) * 10)
    tasks = [
        Spec("now", "load"),
        Spec("later", "load", lead=3),
        Spec("mean", "load", "mean"),
        Spec("first", "load", "start"),
    ]
    samples = read_table(frame, tasks=tasks, window=4, channels=["x"])
    assert samples.y["now"].tolist() == [30, 40, 50, 60, 70, 80, 90, 100, 110]
    assert samples.y["later"].fillna(-1).tolist() == [
        60,
        70,
        80,
        90,
        100,
        110,
        -1,
        -1,
        -1,
    ]
    assert samples.y["mean"].tolist() == [15, 25, 35, 45, 55, 65, 75, 85, 95]
    assert samples.y["first"].tolist() == list(range(0, 90, 10))
    assert samples.finish is not None and samples.time is not None
    steps = (samples.finish - samples.time) / np.timedelta64(1, "h")
    assert steps.tolist() == [3] * 6 + [2, 1, 0]


def test_windows_without_any_label_are_kept() -> None:
    frame = hourly(load=[1.0] + [np.nan] * 11)
    assert len(read_table(frame, tasks=["load"], window=1)) == 12


def test_a_table_of_vectors_is_one_sample_a_row() -> None:
    frame = pd.DataFrame(
        {
            "id": [1, 2, 3],
            "u": [0.5, 1.5, np.nan],
            "v": [1, 2, 3.5],
            "grade": ["a", None, "b"],
        }
    )
    samples = read_table(frame, tasks=["grade"], layout="vectors")
    assert samples.shape == (3, 2, 1)
    np.testing.assert_array_equal(samples.gather([0, 1, 2])[:, :, 0], frame[["u", "v"]])
    assert samples.y["grade"].fillna("-").tolist() == ["a", "-", "b"]


def test_columns_by_pattern() -> None:
    data, labels = machines()
    labels = labels.rename(columns={"age": "static_age"}).assign(static_size=1)
    samples = read_table(
        data,
        labels=labels,
        static="static_*",
        tasks="fault",
        ignore="run",
        time="second",
    )
    assert samples.static is not None
    assert list(samples.static) == ["static_age", "static_size"]


def naive(
    frame: pd.DataFrame, window: int, stride: int, lead: int, on_gap: str
) -> list[tuple[Any, ...]]:
    """Series, window end, channel values and label of every window, by loops over rows."""
    found = []
    for series in frame["s"].unique():
        rows = frame[frame["s"] == series].sort_values("t").reset_index(drop=True)
        segments, current = [], [0]
        for i in range(1, len(rows)):
            if on_gap == "break" and rows["t"][i] - rows["t"][i - 1] != 1:
                segments.append(current)
                current = []
            current.append(i)
        for segment in [*segments, current]:
            for start in range(0, len(segment) - window + 1, stride):
                part = rows.iloc[segment[start : start + window]]
                at = start + window - 1 + lead
                label = rows["label"][segment[at]] if at < len(segment) else np.nan
                found.append((series, part["t"].iloc[-1], part["x"].tolist(), label))
    return found


@pytest.mark.parametrize("on_gap", ["break", "ignore"])
@pytest.mark.parametrize("seed", range(5))
def test_random_tables_equal_a_loop(seed: int, on_gap: Any) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 40, 6)
    frame = pd.DataFrame({"s": np.repeat([f"s{i}" for i in range(6)], lengths)})
    steps = rng.choice([1, 1, 1, 1, 1, 1, 1, 3], len(frame))
    frame["t"] = np.cumsum(steps)
    frame["x"] = rng.normal(size=len(frame)).astype(np.float32)
    frame["label"] = np.where(
        rng.random(len(frame)) < 0.3, np.nan, rng.normal(size=len(frame))
    )
    frame = frame.sample(frac=1, random_state=seed)
    window, stride, lead = (
        int(rng.integers(1, 5)),
        int(rng.integers(1, 4)),
        int(rng.integers(0, 3)),
    )
    samples = read_table(
        frame,
        tasks=[Spec("label", lead=lead)],
        series="s",
        time="t",
        channels="x",
        window=window,
        stride=stride,
        on_gap=on_gap,
    )
    expected = naive(frame, window, stride, lead, on_gap)
    assert samples.time is not None
    assert samples.series.tolist() == [row[0] for row in expected]
    assert samples.time.tolist() == [row[1] for row in expected]
    assert samples.gather(slice(None))[:, 0].tolist() == [row[2] for row in expected]
    np.testing.assert_array_equal(samples.y["label"], [row[3] for row in expected])


# gaps, missing rows, order


def test_windows_break_at_gaps_unless_told_otherwise() -> None:
    frame = hourly(20).drop(index=[8, 9, 10])
    samples = read_table(frame, window=4)
    assert len(samples) == 5 + 6
    assert "The usual time step is 01:00:00; 1 gap" in assumed(samples)
    assert len(read_table(frame, window=4, on_gap="ignore")) == 14
    spans = (samples.time - samples.begin) / np.timedelta64(1, "h")  # type: ignore[operator]
    assert set(spans) == {3}


def test_dropped_rows_are_gaps_even_without_time() -> None:
    frame = hourly().drop(columns="when")
    frame.loc[5, "x"] = np.nan
    assert len(read_table(frame, window=3)) == 10
    assert len(read_table(frame, window=3, missing_rows="drop")) == 3 + 4
    assert len(read_table(frame, window=3, missing_rows="drop", on_gap="ignore")) == 9


def test_rows_with_a_missing_label_are_dropped_only_on_request() -> None:
    frame = hourly(load=[np.nan, *range(11)])
    assert len(read_table(frame, tasks=["load"], window=1)) == 12
    samples = read_table(frame, tasks=["load"], window=1, missing_rows="drop")
    assert len(samples) == 11
    assert "1 of 12 rows miss a channel or a label: not used" in assumed(samples)


def test_shuffled_rows_are_sorted_and_said() -> None:
    frame = hourly()
    samples = read_table(
        frame.sample(frac=1, random_state=0), tasks=["state"], window=4
    )
    assert (
        samples.fingerprint()
        == read_table(frame, tasks=["state"], window=4).fingerprint()
    )
    assert "not in the order of time: sorted" in assumed(samples)


def test_interleaved_series_are_put_together() -> None:
    data, labels = machines()
    shuffled = data.sort_values("second", kind="stable")
    for time in ("second", ()):
        samples = read_table(
            shuffled, labels=labels, time=time, window=3, tasks=["fault"], channels="p"
        )
        expected = read_table(
            data, labels=labels, time=time, window=3, tasks=["fault"], channels="p"
        )
        got = {
            s: samples.gather(samples.series == s)[0, 0].tolist()
            for s in ("m0", "m1", "m2")
        }
        assert got == {
            s: expected.gather(expected.series == s)[0, 0].tolist()
            for s in ("m0", "m1", "m2")
        }
        assert "sorted" not in assumed(samples)


@pytest.mark.parametrize(
    ("how", "expected"), [("first", 1.0), ("last", 5.0), ("mean", 3.0)]
)
def test_repeated_time_stamps(how: Any, expected: float) -> None:
    frame = pd.DataFrame(
        {
            "when": pd.to_datetime(["2024-10-27 02:00"] * 2 + ["2024-10-27 03:00"]),
            "x": [1.0, 5.0, 9.0],
        }
    )
    with pytest.raises(DataError) as error:
        read_table(frame, window=1)
    message = str(error.value)
    assert "got 1 repeated time stamps: 2024-10-27 02:00:00" in message
    assert "Daylight saving time is a likely cause" in message
    assert 'duplicates="first", "last" or "mean"' in message
    assert "`series`" in message
    samples = read_table(frame, window=1, duplicates=how)
    assert samples.gather([0, 1])[:, 0, 0].tolist() == [expected, 9.0]


def test_repeated_time_stamps_name_their_series() -> None:
    data, _ = machines()
    data.loc[1, "second"] = 0
    with refused(
        "`time`", "got 1 repeated", ": 0 (series m0).", "duplicates=", error=DataError
    ):
        read_table(data, series="machine", time="second")
    assert len(read_table(data.assign(machine="m"), time=(), series="machine")) == 1


def test_monthly_rows_have_no_gaps() -> None:
    frame = pd.DataFrame(
        {
            "month": pd.date_range("2020-01", periods=30, freq="MS"),
            "x": np.arange(30.0) ** 2,
        }
    )
    samples = read_table(frame, window=6)
    assert len(samples) == 25
    assert samples.reading is not None
    assert samples.reading["step"] == {"size": 1.0, "unit": "months"}


def test_short_series_are_said() -> None:
    data, _ = machines()
    samples = read_table(data, series="machine", time="second", window=4)
    assert len(samples) == 3
    assert (
        "1 of 3 series have fewer rows than the window (4), 3 rows in all: not used, "
        "e.g. `machine` m1, 3 rows from 0 to 2." in assumed(samples)
    )


def test_gaps_that_take_most_rows_away_are_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hours = [
        hour for hour in range(60) if hour % 6
    ]  # too few gaps to call the times irregular, too many for a window
    frame = pd.DataFrame(
        {
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(hours, unit="h"),
            "x": np.sin(hours),
        }
    )
    full = pd.DataFrame(
        {
            "when": pd.date_range("2024-02-01", periods=20, freq="h"),
            "x": np.arange(20.0) ** 2,
        }
    )
    assert (
        len(
            read_table(
                pd.concat([frame, full], ignore_index=True), time="when", window=8
            )
        )
        == 13
    )
    (warning,) = [
        record.getMessage()
        for record in caplog.records
        if record.levelname == "WARNING"
    ]
    assert "gaps in time, 50 of 70 rows are in no window" in warning
    assert "`every`" in warning and 'on_gap="ignore"' in warning
    caplog.clear()
    read_table(pd.concat([frame, full], ignore_index=True), time="when", window=5)
    assert not [r for r in caplog.records if r.levelname == "WARNING"]


# what is assumed


def test_roles_are_found_and_said(caplog: pytest.LogCaptureFixture) -> None:
    frame = hourly(No=np.arange(1, 13), note="text", empty=np.nan)
    with caplog.at_level(logging.INFO, "multitide"):
        samples = read_table(frame, tasks=["state"], window=2)
    for sentence in (
        "`when` is the time (`time` changes this).",
        "`No` counts the rows: ignored.",
        "`note` is text (list it in `category` to read it as categories): ignored.",
        "`empty` has no value: ignored.",
        "`x`, `y` are channels.",
    ):
        assert sentence in assumed(samples)
        assert sentence in caplog.messages
    roles = column_roles(frame, tasks=["state"]).set_index("column")
    assert roles["role"].to_dict() == {
        "when": "time",
        "x": "channel",
        "y": "channel",
        "state": "task",
        "No": "ignored",
        "note": "ignored",
        "empty": "ignored",
    }
    assert roles.loc["No", "why"] == "counts the rows"
    assert samples.reading is not None
    pd.testing.assert_frame_equal(
        pd.DataFrame(samples.reading["columns"]), roles.reset_index()
    )


def test_roles_of_two_tables() -> None:
    data, labels = machines()
    roles = column_roles(data, labels=labels, tasks="fault", static="age")
    found = {(row.table, row.column): row.role for row in roles.itertuples()}
    assert found == {
        ("data", "machine"): "series",
        ("data", "second"): "ignored",
        ("data", "p"): "channel",
        ("labels", "machine"): "series",
        ("labels", "fault"): "task",
        ("labels", "age"): "static",
        ("labels", "run"): "ignored",
    }


@pytest.mark.parametrize(
    "units", [["year", "month", "day", "hour"], ["year", "month", "day"]]
)
def test_time_in_several_columns_is_found(units: list[str]) -> None:
    when = pd.date_range("2024-01-01", periods=5, freq="h" if "hour" in units else "D")
    frame = pd.DataFrame({unit: getattr(when, unit) for unit in units} | {"x": 1.5})
    samples = read_table(frame, window=2)
    assert samples.channels == ("x",)
    assert samples.time is not None
    assert samples.time.tolist() == when.to_numpy("datetime64[ns]")[1:].tolist()


def test_the_hour_may_be_time_and_channel() -> None:
    when = pd.date_range("2024-01-01", periods=5, freq="h")
    frame = pd.DataFrame(
        {"year": 2024, "month": 1, "day": 1, "hour": when.hour, "x": 1.5}
    )
    samples = read_table(frame, channels=["x", "hour"], window=2)
    assert samples.gather(0)[0, 1].tolist() == [0, 1]
    assert samples.time is not None


def test_time_can_be_declined() -> None:
    samples = read_table(hourly(), time=(), window=3)
    assert "when" not in samples.channels
    assert samples.time is not None and samples.time.dtype == np.int64


def test_columns_that_are_missing_are_named_in_one_sentence() -> None:
    seen = through_json(
        read_table(hourly(p=1.0, q=2.0, speed=3.0), tasks=["y"], window=3)
    )
    with pytest.raises(DataError) as caught:
        read_like(seen, hourly(speeed=3.0).drop(columns="x"), need_labels=False)
    assert "`channels` must name columns of the table; got 'x', 'p', 'q'.\n" in str(
        caught.value
    )
    assert (
        "`channels` must name columns of the table; got 'speed'. Did you mean 'speeed'?"
        in str(caught.value)
    )


def test_times_that_are_not_read_are_not_called_categories() -> None:
    frame = pd.DataFrame(
        {
            "when": [f"{day:02d}.01.10 00h" for day in range(1, 13)],
            "x": np.arange(12.0),
            "y": 1.5,
        }
    )
    with refused("`when`", "'01.01.10 00h'", "`time_format`", "`ignore`"):
        read_table(frame, tasks=["y"], window=3)
    samples = read_table(frame, tasks=["y"], window=3, time=())
    assert samples.reading is not None
    assert "`when` looks like times of an unclear format" in assumed(samples)
    with refused("`when`", "four-digit years", error=DataError):
        read_table(frame, tasks=["y"], window=3, time="when")


def test_windows_of_one_recording_without_time_are_held_out_by_row_and_not_at_random() -> (
    None
):
    frame = pd.DataFrame({"x": np.arange(40.0), "y": np.arange(40) % 7 / 2})
    samples = read_table(frame, tasks=[Spec("y", lead=2)], window=3)
    assert (
        samples.time is not None
        and samples.begin is not None
        and samples.finish is not None
    )
    assert samples.time[:3].tolist() == [
        2,
        3,
        4,
    ]  # rows from 0: the last one of each window
    assert samples.begin[0] == 0 and samples.finish[0] == 4
    assert default_splitter(samples, seed=0).by == "time"
    split = Splitter(by="time").split(samples)
    assert samples.finish[split.train].max() < samples.begin[split.validation].min()

    several = read_table(
        frame.assign(run=np.repeat([0, 1], 20)), tasks=["y"], series="run", window=3
    )
    assert several.time is None  # rows of two recordings have no order


def test_text_channels_become_categories_only_when_listed() -> None:
    frame = hourly(mode=["low", "high", None] * 4)
    samples = read_table(frame, channels=["x", "mode"], window=3)
    assert samples.categories == {"mode": ("high", "low")}
    np.testing.assert_array_equal(samples.gather(0)[0, 1], [1, 0, np.nan])
    with pytest.warns(MultitideWarning, match=r"`mode` has categories.*\['off'\]"):
        again = read_like(
            through_json(samples), frame.assign(mode=["off", "high", "low"] * 4)
        )
    np.testing.assert_array_equal(again.gather(0)[0, 1], [np.nan, 0, 1])
    with refused("`x`", "numbers", "got text in rows 1, 2, 3", error=DataError):
        read_like(through_json(samples), frame.assign(x="warm"))


def test_static_columns_of_the_long_table() -> None:
    data, _ = machines()
    data["weight"] = data["machine"].map({"m0": 1.0, "m1": 2.0, "m2": np.nan})
    data.loc[0, "weight"] = np.nan
    samples = read_table(data, series="machine", time="second", static="weight")
    assert samples.static is not None
    np.testing.assert_array_equal(samples.static["weight"], [1, 2, np.nan])
    with refused(
        "`static`", "constant within a series", "['p']", "`channels`", error=DataError
    ):
        read_table(
            data, series="machine", time="second", static=["p"], channels=["weight"]
        )


def test_joins_survive_ids_of_another_type() -> None:
    data, labels = machines()
    data["machine"] = data["machine"].str[1:].astype(int)
    labels["machine"] = labels["machine"].str[1:]
    samples = read_table(data, labels=labels, series="machine", tasks="fault")
    assert samples.y["fault"].fillna(-1).tolist() == [3, -1, 20]


def test_series_without_labels_are_missing() -> None:
    data, labels = machines()
    samples = read_table(
        data, labels=labels[labels["machine"] != "m0"], series="machine", tasks="fault"
    )
    assert samples.y["fault"].isna().tolist() == [True, True, False]
    assert "1 of 3 series: no row in `labels`" in assumed(samples)


# reading alike


def test_read_like_reads_alike() -> None:
    data, labels = machines()
    samples = read_table(
        data,
        labels=labels,
        tasks=["fault"],
        static="age",
        extra="run",
        time="second",
        window=2,
    )
    again = read_like(through_json(samples), data, labels=labels)
    assert again.fingerprint() == samples.fingerprint()
    assert again.reading is not None and samples.reading is not None
    assert {k: v for k, v in again.reading.items() if k != "assumed"} == {
        k: v for k, v in samples.reading.items() if k != "assumed"
    }


def test_read_like_without_labels() -> None:
    data, labels = machines()
    samples = read_table(
        data, labels=labels, tasks=["fault"], time="second", extra="run"
    )
    new = read_like(through_json(samples), data, need_labels=False)
    assert list(new.y) == ["fault"]
    assert new.y["fault"].isna().all()
    with refused("`tasks`", "got 'fault'", "pass it as `labels`", error=DataError):
        read_like(through_json(samples), data)


def test_read_like_keeps_rows_that_only_miss_a_label() -> None:
    frame = hourly(load=np.arange(12.0))
    samples = read_table(frame, tasks=["load"], window=2, missing_rows="drop")
    new = frame.assign(load=np.nan)
    assert len(read_like(through_json(samples), new, need_labels=False)) == len(samples)


def test_read_like_ignores_what_was_not_there() -> None:
    frame = hourly()
    samples = read_table(frame, tasks=["state"], window=2)
    again = read_like(
        through_json(samples), frame.assign(new=5.0)[["new", "y", "x", "state", "when"]]
    )
    assert again.fingerprint() == samples.fingerprint()


def test_read_like_knows_the_usual_step() -> None:
    samples = read_table(hourly(), window=3)
    other = hourly().assign(when=pd.date_range("2024", periods=12, freq="10min"))
    with refused(
        "`window`", "step is 00:10:00 here", "01:00:00 in the training", error=DataError
    ):
        read_like(through_json(samples), other)
    with refused("`time`", "got numbers", error=DataError):
        read_like(through_json(samples), hourly().assign(when=np.arange(12)))


def test_read_like_refuses_what_it_does_not_know() -> None:
    reading = through_json(read_table(hourly(), window=3))
    with refused(
        "`reading`", "['colour']", "this version of multitide", error=ParameterError
    ):
        read_like(reading | {"colour": 1}, hourly())
    with refused("`channels`", "got 'x'", "The columns are `when`", error=DataError):
        read_like(reading, hourly().drop(columns="x"))


# wrong input, each with one clear message


@pytest.mark.parametrize(
    ("change", "options", "parts"),
    [
        ({}, {"tasks": ["stat"]}, ["`tasks`", "got 'stat'", "Did you mean 'state'?"]),
        ({}, {"channels": ["X"]}, ["`channels`", "got 'X'", "Did you mean 'x'?"]),
        ({}, {"time": "whem"}, ["`time`", "got 'whem'", "Did you mean 'when'?"]),
        (
            {"x": ["1", "2", "bad", *"456789abc"]},
            {},
            ["`x`", "text in rows 3, 10, 11, 12: 'bad'", "`ignore`"],
        ),
        ({"x": ["1,5"] * 12}, {}, ["`x`", "'1,5'", 'decimal=","']),
        ({"x": ["1,5"] * 12}, {"channels": ["x"]}, ["`x`", "'1,5'", 'decimal=","']),
        (
            {"x": [np.inf, *range(10), -np.inf]},
            {},
            ["`x`", "finite", "got 2 infinite values in rows 1, 12", "blank"],
        ),
        (
            {"y": [np.inf] * 12},
            {"tasks": ["y"]},
            ["`y`", "finite", "got 12 infinite values"],
        ),
        ({"state": None}, {"tasks": ["state"]}, ["`tasks`", "['state']", "10 samples"]),
        ({}, {"window": 13}, ["`window`", "got 13", "longest series (12 rows)"]),
        (
            {},
            {"tasks": ["when"], "time": ()},
            ["`when`", "numbers or classes", "got times"],
        ),
        (
            {},
            {"channels": ["when"], "time": ()},
            ["`when`", "numbers or categories", "channel", "got times"],
        ),
        (
            {"s": ["a", None] * 6},
            {"series": "s"},
            ["`s`", "series in every row", "got none in rows 2, 4, 6"],
        ),
        ({"when": "soon"}, {"time": "when"}, ["`when`", "times such as", "got 'soon'"]),
        (
            {"x": "word", "y": "word"},
            {"time": ()},
            ["`channels`", "at least one column", "`when` holds times", "`x` is text"],
        ),
    ],
)
def test_wrong_tables_are_refused(
    change: dict[str, Any], options: dict[str, Any], parts: list[str]
) -> None:
    with refused(*parts, error=DataError):
        read_table(hourly(**change), **{"window": 3, **options})


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (
            {"tasks": ["x"], "channels": ["x"]},
            ["`channels`", "task 'x'", "got 'x'", "`lead`"],
        ),
        (
            {"tasks": [Spec("x", lead=2, label_at="mean")], "channels": ["x"]},
            ["`channels`", "task 'x'", "got 'x'"],
        ),
        ({"tasks": [Spec("x", lead=-1)]}, ["`x.lead`", "int of at least 0", "got -1"]),
        (
            {"tasks": [Spec("x", lead=2)], "window": None},
            ["`x.lead`", "`window`", "got 2"],
        ),
        (
            {"tasks": [Spec("x", label_at="and")]},
            ["`x.label_at`", "one of", "got 'and'", "Did you mean 'end'?"],
        ),
        ({"tasks": ["x", Spec("x", "y")]}, ["`tasks`", "different names", "got ['x']"]),
        ({"channels": []}, ["`channels`", "at least one column", "got none"]),
        ({"window": 0}, ["`window`", "positive int", "got 0"]),
        ({"stride": -1}, ["`stride`", "positive int", "got -1"]),
        (
            {"on_gap": "brake"},
            ["`on_gap`", "'break', 'ignore'", "got 'brake'", "Did you mean 'break'?"],
        ),
        ({"missing_rows": "skip"}, ["`missing_rows`", "'keep', 'drop'", "got 'skip'"]),
        ({"layout": "vectors", "window": 3}, ["`window`", 'layout="vectors"', "got 3"]),
        ({"every": "1h", "time": ()}, ["`every`", "got '1h'", "`time`"]),
        ({"every": "soon"}, ["`every`", "length of time", "got 'soon'", '"1h"']),
        ({"every": "1ns"}, ["`every`", "much finer than the data", "got '1ns'"]),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], parts: list[str]) -> None:
    with refused(*parts, error=ParameterError):
        read_table(hourly(), **{"window": 3, **options})


def test_a_label_far_enough_ahead_may_be_a_channel() -> None:
    samples = read_table(
        hourly(),
        tasks=[Spec("x", lead=1), Spec("m", "x", "mean", 3)],
        channels=["x"],
        window=3,
    )
    assert samples.y["x"].fillna(-1).tolist()[:2] == [4.5, 6.0]


def test_two_roles_are_refused() -> None:
    with refused("`channels`", "`static`", "not share a column", "['x']"):
        read_table(hourly(), channels=["x"], static=["x"], window=3)


def test_all_problems_are_listed_at_once() -> None:
    frame = hourly(x=["1", "bad", *map(str, range(10))], y=[np.inf] * 12)
    with pytest.raises(DataError) as error:
        read_table(frame, tasks=["stat"], static=["ages"], window=3)
    message = str(error.value)
    for part in (
        "got 'stat'",
        "got 'ages'",
        "`x` must hold numbers; got text in row 2: 'bad'",
        "`y` must be finite",
    ):
        assert part in message


def test_wrong_label_tables_are_refused() -> None:
    data, labels = machines()
    with refused("`labels`", "one row per series", "machine ['m0']", error=DataError):
        read_table(
            data,
            labels=pd.concat([labels, labels.tail(1)]),
            series="machine",
            tasks="fault",
        )
    with refused("`labels`", "got none", "['u', 'v', 'w']", error=DataError):
        read_table(
            data,
            labels=labels.assign(machine=["u", "v", "w"]),
            series="machine",
            tasks="fault",
        )
    with refused("`series`", "joins `labels`", error=ParameterError):
        read_table(
            data, labels=labels.rename(columns={"machine": "unit"}), tasks="fault"
        )
    with refused(
        "`series`", "column of `labels` too", "got 'machine'", error=DataError
    ):
        read_table(
            data,
            labels=labels.rename(columns={"machine": "unit"}),
            series="machine",
            tasks="fault",
        )
    with refused("`fault.lead`", "must be 0", "got 1", error=ParameterError):
        read_table(
            data,
            labels=labels,
            series="machine",
            tasks=[Spec("fault", lead=1)],
            window=2,
        )


def test_a_regression_label_with_a_few_words_is_an_error_and_a_class_is_not() -> None:
    numbers = [str(i / 7) for i in range(30)]
    frame = pd.DataFrame({"x": 1.0, "load": [*numbers, "error"]})
    with refused("`load`", "numbers", "got text in row 31: 'error'", error=DataError):
        read_table(frame, tasks=["load"], window=1)
    frame = pd.DataFrame({"x": 1.0, "grade": ["1", "2", "3", "A"] * 5})
    assert read_table(frame, tasks=["grade"], window=1).y["grade"].tolist()[:4] == [
        "1",
        "2",
        "3",
        "A",
    ]


def test_a_window_between_gaps_names_the_way_out() -> None:
    frame = hourly(20).drop(index=[8])
    with refused(
        "`window`", "got 15", "11 rows", 'on_gap="ignore"', "has 19", error=DataError
    ):
        read_table(frame, window=15)


# Korean and spreadsheet files, end to end


def test_a_korean_file(tmp_path: Path) -> None:
    path = tmp_path / "관측.csv"
    rows = [
        f"2024.07.04 {hour:02}:00,{20 + hour},{'맑음' if hour % 2 else '비'}"
        for hour in range(1, 25)
    ]
    path.write_bytes("\r\n".join(["일시,기온(°C),날씨", *rows]).encode("cp949"))
    samples = read_table(path, tasks=["날씨"], window=3)
    assert samples.channels == ("기온(°C)",)
    assert samples.shape == (22, 1, 3)
    assert samples.time is not None
    assert str(samples.time[-1])[:16] == "2024-07-05T00:00"
    assert "cp949" in assumed(samples)


def test_a_spreadsheet_with_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(
        "Datum;Druck;Zustand\n"
        + "".join(f"{d:02}.07.2024;{d},5;{d % 2}\n" for d in range(1, 29))
    )
    samples = read_table(path, tasks=["Zustand"], window=2)
    assert samples.gather(0)[0, 0].tolist() == [1.5, 2.5]
    assert len(samples) == 27
    again = read_like(through_json(samples), path)
    assert again.fingerprint() == samples.fingerprint()


# the real tables


def test_beijing_by_the_protocol_of_the_reference(shared_data: Path) -> None:
    samples = read_table(
        shared_data / "beijing_pm25.csv",
        tasks=["pm2.5", "cbwd"],
        channels=["DEWP", "TEMP", "PRES", "Iws"],
        window=24,
        missing_rows="drop",
        on_gap="ignore",
    )
    assert samples.shape == (41_734, 4, 24)
    assert samples.y.notna().all().all()
    frame = (
        pd.read_csv(shared_data / "beijing_pm25.csv").dropna().reset_index(drop=True)
    )
    assert samples.y["pm2.5"].tolist() == frame["pm2.5"].iloc[23:].astype(int).tolist()
    np.testing.assert_allclose(
        samples.gather(-1)[0, 3], frame["Iws"].iloc[-24:], rtol=1e-6
    )


def test_beijing_keeping_rows_without_a_label(shared_data: Path) -> None:
    samples = read_table(
        shared_data / "beijing_pm25.csv", tasks=["pm2.5", "cbwd"], window=24
    )
    assert len(samples) == 43_824 - 23
    assert samples.channels == ("DEWP", "TEMP", "PRES", "Iws", "Is", "Ir")
    assert samples.y["cbwd"].notna().all()
    assert samples.y["pm2.5"].dtype == "Int64"


def test_hydraulic(shared_data: Path) -> None:
    folder = shared_data / "hydraulic"
    samples = read_table(
        folder / "series.parquet",
        labels=folder / "labels.csv",
        series="cycle",
        time="second",
        extra=["run"],
    )
    assert samples.shape == (2205, 17, 60)
    assert samples.equal_lengths
    assert list(samples.y) == ["cooler", "valve", "pump", "accumulator", "stable"]
    assert set(samples.y["cooler"]) == {3, 20, 100}
    assert samples.extra is not None
    assert samples.extra["run"].nunique() == 194


def test_physionet(shared_data: Path) -> None:
    folder = shared_data / "physionet2012"
    samples = read_table(
        folder / "series.parquet",
        labels=folder / "labels.csv",
        series="stay",
        time="hour",
        tasks=["death", "length_of_stay", "saps", "sofa"],
        static=["static_*"],
    )
    assert samples.shape == (4000, 37, 48)
    assert samples.y.isna().sum().to_dict() == {
        "death": 0,
        "length_of_stay": 60,
        "saps": 190,
        "sofa": 144,
    }
    assert samples.static is not None and samples.static.shape == (4000, 4)
    assert np.isnan(samples.values).mean() == pytest.approx(0.81, abs=0.01)


def test_phalanx(shared_data: Path) -> None:
    folder = shared_data / "phalanx"
    samples = read_table(
        folder / "series.parquet",
        labels=folder / "labels.csv",
        series="series",
        time="position",
        tasks=["age_group", "outline_correct", "tw_stage"],
        extra=["*_split"],
    )
    assert samples.shape == (876, 1, 80)
    assert samples.y["age_group"].isna().sum() == 337
    assert samples.extra is not None
    assert (samples.extra == "test").any(axis=1).sum() == 876 - 514


def test_one_uncut_series_is_refused_with_the_remedy() -> None:
    table = pd.DataFrame({"a": np.arange(30.0), "b": [0, 1] * 15})
    with refused("`window`", "one series", "30 rows", "`series`", error=DataError):
        read_table(table, tasks=["b"])
    assert len(read_table(table, tasks=["b"], window=5)) == 26
    assert (
        len(read_table(table)) == 1
    )  # without labels there is nothing to learn, only to predict


@pytest.mark.parametrize(
    ("every", "n_rows", "window", "stride"),
    [
        ("10ms", 5000, 100, 1),  # a second
        ("1s", 5000, 60, 1),  # a minute
        ("10min", 5000, 144, 1),  # a day: an hour has only six rows
        ("1h", 5000, 24, 1),
        ("1D", 5000, 28, 1),  # four weeks: a week has only seven
        ("MS", 500, 12, 1),  # a year
        ("1h", 200, 20, 1),  # no more than a tenth of all rows
        ("1s", 150_000, 60, 2),  # no more than 100,000 windows
        (None, 5000, 24, 1),
    ],
)
def test_a_window_is_proposed_by_the_step_of_time(
    every: str | None, n_rows: int, window: int, stride: int
) -> None:
    frame = pd.DataFrame({"x": np.arange(n_rows) % 7 * 0.1})
    if every is not None:
        frame["time"] = pd.date_range("2024-01-01", periods=n_rows, freq=every)
    found = inspect_table(frame).windows
    assert found is not None
    assert (found.window, found.stride) == (window, stride)


def test_a_window_is_proposed_by_the_grid() -> None:
    frame = pd.DataFrame({"x": np.arange(4800) % 7 * 0.1})
    frame["time"] = pd.date_range("2024-01-01", periods=4800, freq="15min")
    found = inspect_table(frame, every="1h").windows
    assert found is not None and found.window == 24 and "01:00:00" in found.why
    found = inspect_table(
        frame.assign(s=frame.index // 60), series="s", every="1h"
    ).windows
    assert found is not None and found.window == 14 and found.optional
    with refused("`every`", "'soon'"):
        inspect_table(frame, every="soon")
    with refused("`every`", "no time"):
        inspect_table(frame, every="1h", time=())


@pytest.mark.parametrize(
    ("task", "parts"),
    [
        ({"name": "lab", "colum": "lab"}, ["got 'colum'", "Did you mean 'column'"]),
        ({"name": "lab", "loss": "mae"}, ["got 'loss'", "label_at"]),
        ({"column": "lab"}, ["`name`", "{'column': 'lab'}"]),
        ({}, ["`name`", "{}"]),
        ({1: 2}, ["got 1"]),
    ],
)
def test_a_dict_of_a_task_has_known_fields(
    task: dict[Any, Any], parts: list[str]
) -> None:
    table = pd.DataFrame({"x": np.arange(20.0) + 0.5, "lab": np.arange(20) % 2})
    with refused("`tasks`", *parts, error=ParameterError):
        read_table(table, tasks=[task], window=4)
    named = read_table(table, tasks=[{"name": "lab"}], window=4)
    assert list(named.y) == ["lab"]
