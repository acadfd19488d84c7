"""Read ``.ts`` files: labels keep their case, lengths may differ, ``?`` is missing.

A file holds one label per series. Time stamps, which the format allows as ``(time,value)``, must
lie on an even grid; other files are refused, because reading them would need a guess.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import numpy as np
import pandas as pd

from multitide.data._samples import Samples
from multitide.data._timestamps import parse_time, ticks
from multitide.errors import DataError

MISSING_VALUES = ("?", "", "nan", "na")
MAX_GROWTH = 1000  # places of the grid per time stamp; more are a mistake in the stamps
# A colon inside (12:30,1.5) belongs to the time.
OUTSIDE_BRACKETS = re.compile(r":(?![^(]*\))")
STAMPED = re.compile(r"\(\s*([^()]*)\s*,\s*([^(),]*)\s*\)")


@dataclass(frozen=True)
class _Header:
    """The content of the lines before ``@data``."""

    label: str | None = None  # "class", "target" or None
    time_stamps: bool = False
    n_channels: int | None = None


def is_ts_file(data: object) -> TypeGuard[str | Path]:
    """Whether `data` is the path of a ``.ts`` file; ``.ts.gz`` too."""
    if not isinstance(data, (str, Path)):
        return False
    return str(data).lower().removesuffix(".gz").endswith(".ts")


def read_ts(path: str | Path, *, task: str = "label") -> Samples:
    """Read a ``.ts`` file of the time series archive (timeseriesclassification.com).

    Parameters
    ----------
    path : path
        The file; ``.ts.gz`` too.
    task : str
        Name of the task for the file's class or target.

    Returns
    -------
    Samples
        One sample per case; ``samples.y`` has the column `task` (text for classes, numbers for
        targets), or no column if the file has no labels. Channels are named "0", "1", ...

    Raises
    ------
    DataError
        If a value is not a number, the numbers of channels differ, or time stamps are uneven; with
        the line.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"`path` must be an existing .ts file; got {str(path)!r}.")
    lines = _lines(path)
    header = _read_header(lines, path)
    blocks: list[np.ndarray] = []
    labels: list[str] = []
    for number, line in lines:
        parts = OUTSIDE_BRACKETS.split(line)
        if header.label:
            labels.append(parts.pop().strip())
        blocks.append(_case(parts, header, f"line {number} of {path.name!r}"))
        _check_n_channels(blocks, header, f"line {number} of {path.name!r}")
    if not blocks:
        raise DataError(
            f"{path.name!r} must hold at least one case after @data; got none."
        )
    return Samples.from_arrays(blocks, _y(labels, header, task, path))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are neither blank nor comments, with their numbers."""
    raw = path.read_bytes()
    if path.suffix == ".gz":
        raw = gzip.decompress(raw)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith(("#", "%")):
            yield number, line.strip()


def _read_header(lines: Iterator[tuple[int, str]], path: Path) -> _Header:
    fields: dict[str, list[str]] = {}
    for number, line in lines:
        if not line.startswith("@"):
            raise DataError(
                f"{path.name!r} must begin with @ lines up to @data; "
                f"got {line[:40]!r} in line {number}."
            )
        key, *words = line[1:].split()
        if key.lower() == "data":
            break
        fields[key.lower()] = words
    else:
        raise DataError(f"{path.name!r} must have a line @data; found none.")
    label = None
    if _is_true(fields.get("classlabel")):
        label = "class"
    elif _is_true(fields.get("targetlabel")):
        label = "target"
    return _Header(label, _is_true(fields.get("timestamps")), _n_channels(fields))


def _n_channels(found: dict[str, list[str]]) -> int | None:
    dimensions = found.get("dimensions") or found.get("dimension")
    if dimensions and dimensions[0].isdigit():
        return int(dimensions[0])
    if _is_true(found.get("univariate")):
        return 1
    return None


def _is_true(words: list[str] | None) -> bool:
    if not words:
        return False
    return words[0].lower() == "true"


def _case(parts: list[str], header: _Header, where: str) -> np.ndarray:
    """Return one case, (n_channels, n_timepoints); a shorter channel is missing at its end."""
    if header.time_stamps:
        read = _stamped
    else:
        read = _plain
    channels = []
    for part in parts:
        channels.append(read(part, where))
    block = np.full((len(channels), max((len(c) for c in channels), default=0)), np.nan)
    for row, channel in zip(block, channels, strict=True):
        row[: len(channel)] = channel
    if 0 in block.shape:
        raise DataError(f"A case must have at least one value; got none in {where}.")
    return block


def _check_n_channels(blocks: list[np.ndarray], header: _Header, where: str) -> None:
    expected = header.n_channels or len(blocks[0])
    if len(blocks[-1]) != expected:
        raise DataError(
            f"Every case must have {expected} channels; "
            f"got {len(blocks[-1])} in {where}."
        )


def _plain(text: str, where: str) -> np.ndarray:
    if "(" in text:
        raise DataError(
            "Values must not have brackets unless "
            "the header says @timeStamps true; "
            f"got some in {where}."
        )
    return np.array([_number(value, where) for value in text.split(",")])


def _number(text: str, where: str) -> float:
    text = text.strip()
    if text.lower() in MISSING_VALUES:
        return float("nan")
    try:
        return float(text)
    except ValueError:
        raise DataError(
            f"Values must be numbers or ?; got {text!r} in {where}."
        ) from None


def _stamped(text: str, where: str) -> np.ndarray:
    """Return the values of (time,value) pairs on the even grid that their times lie on."""
    pairs = STAMPED.findall(text)
    if not pairs or STAMPED.sub("", text).replace(",", "").strip():
        raise DataError(
            "With @timeStamps true a channel "
            "must be (time,value),...; "
            f"got something else in {where}."
        )
    times = _times([time for time, _ in pairs], where)
    steps = np.diff(times)
    if (steps <= 0).any():
        raise DataError(f"Time stamps must increase; got some that do not in {where}.")
    places = np.zeros(1)
    if len(steps):
        with np.errstate(over="ignore"):
            places = (times - times[0]) / steps.min()
    if places[-1] > MAX_GROWTH * len(pairs):
        raise DataError(
            "Time stamps must fill their even grid; "
            f"got {len(pairs)} of "
            f"{places[-1] + 1:.3g} places in {where}. "
            "Correct the time stamps, or write the data "
            "as a long table and read it with `every`."
        )
    if not np.allclose(places, np.round(places), atol=1e-6):
        raise DataError(
            "Time stamps must lie on an even grid; "
            f"got uneven ones in {where}. "
            "Write the data as a long table and read it with `every`."
        )
    values = np.full(round(places[-1]) + 1, np.nan)
    values[np.round(places).astype(int)] = [_number(value, where) for _, value in pairs]
    return values


def _times(texts: list[str], where: str) -> np.ndarray:
    try:
        times = np.array([float(text) for text in texts])
    except ValueError:
        return _dates(texts, where)
    if not np.isfinite(times).all():
        raise DataError(
            f"Time stamps must be finite; got others in {where}. Correct these stamps."
        )
    return times


def _dates(texts: list[str], where: str) -> np.ndarray:
    column = pd.DataFrame({"time": pd.Series(texts, dtype="str")})
    try:
        times = parse_time(column, ["time"]).values
    except DataError as error:
        raise DataError(
            "Time stamps must be numbers or "
            "dates such as 2024-07-04 13:00; "
            f"got others in {where}: {error}"
        ) from None
    if times.dtype.kind != "M":
        return times.astype(np.float64)
    return ticks(times, "seconds")[0]


def _y(
    labels: list[str], header: _Header, task: str, path: Path
) -> pd.DataFrame | None:
    if header.label is None:
        return None
    texts = pd.Series(labels, dtype="str")
    texts = texts.mask(texts.str.lower().isin(MISSING_VALUES))
    if header.label == "class":
        return pd.DataFrame({task: texts})
    numbers = []
    for label in labels:
        numbers.append(_number(str(label), f"the targets of {path.name!r}"))
    return pd.DataFrame({task: numbers})
