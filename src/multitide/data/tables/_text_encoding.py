"""Find the encoding of a text file."""

from __future__ import annotations

import codecs
import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from multitide.errors import DataError

UTF8, KOREAN, WESTERN = "utf-8-sig", "cp949", "cp1252"  # cp949 contains euc-kr
ENCODINGS = (UTF8, KOREAN, WESTERN)
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
BLOCK = 1 << 20
SAMPLE = 4096
MOST_PAIRS = 10_000
# Bytes of a character of two bytes in Korean text, and of those that are syllables in daily use or
# signs; in Western text two such bytes in a row are rare.
PAIR = re.compile(rb"[\x81-\xfe][\x41-\xfe]")
COMMON = re.compile(rb"[\xa1-\xac\xb0-\xc8][\xa1-\xfe]")


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file, which may be gzipped."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path)  # type: ignore[return-value]  # reads bytes, as IO[bytes] does
    return path.open("rb")


def find_encoding(path: Path) -> str:
    """Return the encoding of a file: by its mark, or the first that reads the whole file.

    Raises
    ------
    DataError
        If there is none, or the file holds NUL bytes.
    """
    with open_bytes(path) as file:
        start = file.read(SAMPLE)
    for mark, encoding in MARKS.items():
        if start.startswith(mark):
            return encoding
    unmarked = _without_mark(start)
    if unmarked is not None:
        return unmarked
    _refuse_zeros(path)
    for encoding in ENCODINGS:
        can_read = _bad_line(path, encoding) is None
        if can_read and (encoding != KOREAN or _is_korean(path)):
            return encoding
    raise DataError(
        f"{path.name!r} must be text in one of {list(ENCODINGS)}; "
        "got other bytes. Name its encoding with `encoding`."
    )


def check_encoding(path: Path, encoding: str) -> None:
    """Raise unless an encoding that the user named reads the whole file."""
    line = _bad_line(path, encoding)
    if line is not None:
        raise DataError(
            f"`encoding` must be that of {path.name!r}; "
            f"got {encoding!r}, which cannot read line {line}. "
            "Leave it out, so that it is detected."
        )


def _without_mark(start: bytes) -> str | None:
    """Return UTF-16 if every other byte is zero: Latin letters in two bytes."""
    half = len(start) // 2
    first, second = start[0::2].count(0), start[1::2].count(0)
    if first < 0.1 * half and second > 0.5 * half:
        return "utf-16-le"
    if second < 0.1 * half and first > 0.5 * half:
        return "utf-16-be"
    return None


def _refuse_zeros(path: Path) -> None:
    line = 1
    for block in _blocks(path):
        place = block.find(b"\0")
        if place >= 0:
            line += block.count(b"\n", 0, place)
            raise DataError(
                f"{path.name!r} must be text; "
                f"line {line} holds NUL bytes, which a logger "
                "leaves when it is switched off while it writes. "
                "Remove them."
            )
        line += block.count(b"\n")


def _bad_line(path: Path, encoding: str) -> int | None:
    """Return the first line that an encoding cannot read; None if it reads all."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    try:
        for block in _blocks(path):
            line += decoder.decode(block).count("\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return line + error.object[: error.start].count(b"\n")
    except UnicodeError:  # UTF-16 without its mark
        return line
    return None


def _is_korean(path: Path) -> bool:
    """Whether most characters beyond ASCII are syllables in daily use."""
    n_pairs = n_common = 0
    with open_bytes(path) as file:
        for line in file:
            if line.isascii():
                continue
            for pair in PAIR.findall(line):
                n_pairs += 1
                n_common += COMMON.fullmatch(pair) is not None
            if n_pairs > MOST_PAIRS:
                break
    return 2 * n_common > n_pairs


def _blocks(path: Path) -> Iterator[bytes]:
    with open_bytes(path) as file:
        while block := file.read(BLOCK):
            yield block
