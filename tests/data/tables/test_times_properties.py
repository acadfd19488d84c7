"""Stamps mean the same instants however they are written and wherever they are stored."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multitide.data._samples import Samples
from multitide.data._timestamps import parse_time
from multitide.data.tables._read_table import read_table

WHOLE = ("%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y%m%d%H%M%S", "%Y%m%dT%H%M%S")
WORDS = ("%d %B %Y %H:%M:%S", "%b %d %Y %I:%M:%S %p", "%d-%b-%Y %H:%M:%S")
DOTTED = ("%d.%m.%Y %H:%M:%S", "%Y. %m. %d. %H:%M:%S", "%Y년 %m월 %d일 %H:%M:%S")
ANY = ("%d/%m/%y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%y%m%d%H%M%S", "%d%m%y%H%M%S")
CONTAINERS = ("text", "object", "category", "csv", "parquet", "index", "arrays")

instants = st.lists(
    st.integers(min_value=0, max_value=2**31 - 2**20),
    min_size=4,
    max_size=30,
    unique=True,
).map(lambda seconds: pd.to_datetime(sorted(seconds), unit="s"))


def stored(values: Any, container: str) -> pd.DataFrame:
    """Return a table whose column `t` holds values in some container."""
    frame = pd.DataFrame(
        {"t": pd.Series(values), "x": np.arange(len(values)) ** 2 * 0.5}
    )
    if container == "object":
        return frame.assign(t=frame["t"].astype("object"))
    if container == "category":
        return frame.assign(t=frame["t"].astype("category"))
    if container == "csv":
        return pd.read_csv(io.StringIO(frame.to_csv(index=False)))
    if container == "parquet":
        file = io.BytesIO()
        frame.to_parquet(file)
        return pd.read_parquet(file)
    if container == "index":
        return frame.set_index("t")
    return frame


def times_of(values: Any, container: str, **options: Any) -> np.ndarray:
    if container == "arrays":
        time = pd.Series(values).to_numpy()
        found = Samples.from_arrays(np.zeros((len(time), 1, 4)), time=time).time
    else:
        table = stored(values, container)
        found = read_table(table, time="t", window=1, on_gap="ignore", **options).time
    assert found is not None and found.dtype == np.dtype("datetime64[ns]")
    return found


@settings(max_examples=10, deadline=None)
@given(form=st.sampled_from([*WHOLE, *WORDS, *DOTTED, ""]), stamps=instants)
@pytest.mark.parametrize("container", CONTAINERS)
def test_any_notation_in_any_container_is_the_same_instants(
    form: str, container: str, stamps: pd.DatetimeIndex
) -> None:
    values: Any = stamps
    if form:
        values = stamps.strftime(form)
    expected = stamps.to_numpy("datetime64[ns]").tolist()
    assert times_of(values, container).tolist() == expected


@settings(max_examples=40, deadline=None)
@given(
    form=st.sampled_from([*WHOLE, *WORDS, *DOTTED, *ANY]),
    container=st.sampled_from(CONTAINERS[:-1]),
    stamps=instants,
)
def test_a_column_read_by_its_own_format_is_the_same_instants(
    form: str, container: str, stamps: pd.DatetimeIndex
) -> None:
    found = times_of(stamps.strftime(form), container, time_format=form)
    assert found.tolist() == stamps.to_numpy("datetime64[ns]").tolist()


@settings(max_examples=20, deadline=None)
@given(
    container=st.sampled_from(["text", "object", "parquet", "index", "arrays"]),
    stamps=instants,
    unit=st.sampled_from(["s", "ms", "us", "ns"]),
)
def test_every_unit_of_dates_is_the_same_instants(
    container: str, stamps: pd.DatetimeIndex, unit: str
) -> None:
    expected = stamps.to_numpy("datetime64[ns]").tolist()
    assert times_of(stamps.as_unit(unit), container).tolist() == expected
    zoned = stamps.as_unit(unit).tz_localize("UTC").tz_convert("Europe/Berlin")
    if container != "arrays":
        assert times_of(zoned, container).tolist() == expected


@settings(max_examples=25, deadline=None)
@given(stamps=instants, seed=st.integers(0, 2**16), form=st.sampled_from(WHOLE))
def test_shuffled_rows_have_the_same_order_and_windows(
    stamps: pd.DatetimeIndex, seed: int, form: str
) -> None:
    frame = stored(stamps.strftime(form), "text")
    ordered = read_table(frame, time="t", window=3, on_gap="ignore")
    mixed = frame.sample(frac=1, random_state=seed)
    shuffled = read_table(mixed, time="t", window=3, on_gap="ignore")
    assert shuffled.fingerprint() == ordered.fingerprint()
    moved = [note for note in (shuffled.reading or {})["assumed"] if "sorted" in note]
    assert bool(moved) == (list(mixed.index) != list(frame.index))


@settings(max_examples=30, deadline=None)
@given(
    start=st.integers(0, 86399),
    steps=st.lists(st.integers(1, 43199), min_size=1, max_size=40),
    form=st.sampled_from(["%H:%M:%S", "%I:%M:%S %p"]),
)
def test_clock_times_keep_the_order_of_the_rows(
    start: int, steps: list[int], form: str
) -> None:
    seconds = start + np.cumsum([0, *steps])
    texts = (pd.Timestamp("2024-01-01") + pd.to_timedelta(seconds, unit="s")).strftime(
        form
    )
    found = parse_time(pd.DataFrame({"t": texts}), ["t"]).values
    assert found.tolist() == seconds.tolist()
