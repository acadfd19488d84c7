"""Malformed files and paths, each with what its message must contain."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd

TOML = """
max_epochs = 1
random_state = 0
device = "cpu"
backbone = "linear"

[data]
path = "good.csv"
window = 6

[[tasks]]
name = "lab"
"""


def good_table() -> pd.DataFrame:
    """Return a channel and a label that every command can read."""
    rows = range(60)
    values = [(row * 37 % 23) + 0.5 for row in rows]
    return pd.DataFrame({"x": values, "lab": [row // 10 % 2 for row in rows]})


def _file(name: str, content: bytes) -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        (folder / name).write_bytes(content)
        return name

    return make


def _path(name: str) -> Callable[[Path], str]:
    return lambda folder: name


def _folder(folder: Path) -> str:
    (folder / "a_folder.csv").mkdir()
    return "a_folder.csv"


def _images(folder: Path) -> str:
    (folder / "images").mkdir()
    (folder / "images" / "a.png").write_bytes(b"\x89PNG")
    return "images"


def _loop(folder: Path) -> str:
    os.symlink("loop.csv", folder / "loop.csv")
    return "loop.csv"


def _dangling(folder: Path) -> str:
    os.symlink("nowhere.csv", folder / "dangling.csv")
    return "dangling.csv"


def _under_a_file(folder: Path) -> str:
    (folder / "plain.csv").write_text("x\n1\n")
    return "plain.csv/inside.csv"


def _fifo(folder: Path) -> str:
    os.mkfifo(folder / "fifo.csv")
    return "fifo.csv"


def _cut_gzip(folder: Path) -> str:
    text = good_table().to_csv(index=False).encode() * 40
    (folder / "cut.csv.gz").write_bytes(gzip.compress(text)[:-40])
    return "cut.csv.gz"


def _cut_parquet(folder: Path) -> str:
    path = folder / "cut.parquet"
    good_table().to_parquet(path)
    path.write_bytes(path.read_bytes()[:-30])
    return "cut.parquet"


# Paths and files that are neither a table nor a configuration.
PLACES: dict[str, Callable[[Path], str]] = {
    "absent": _path("absent.csv"),
    "absent configuration": _path("absent.toml"),
    "absent folder": _path("no/such/folder/a.csv"),
    "empty name": _path(""),
    "a folder of images": _images,
    "the root": _path("/"),
    "a device": _path("/dev/null"),
    "a long name": _path("n" * 300 + ".csv"),
    "a long configuration": _path("n" * 300 + ".toml"),
    "a long path": _path("/".join(["d" * 200] * 30) + "/a.csv"),
    "a NUL": _path("a\0b.csv"),
    "a NUL in a configuration": _path("a\0b.toml"),
    "a name that is not UTF-8": _path("\udcff.csv"),
    "an escape sequence": _path("\x1b[2J.csv"),
    "a URL": _path("https://localhost/a.csv"),
    "a folder": _folder,
    "a loop of links": _loop,
    "a dangling link": _dangling,
    "a path under a file": _under_a_file,
    "a pipe": _fifo,
    "empty": _file("empty.csv", b""),
    "only a mark": _file("mark.csv", b"\xef\xbb\xbf"),
    "only blanks": _file("blanks.csv", b"\n \n\t\n"),
    "only a header": _file("header.csv", b"x,lab\n"),
    "zeros": _file("zeros.csv", bytes(2000)),
    "bytes": _file("bytes.csv", bytes(range(256)) * 8),
    "bytes as Parquet": _file("bytes.parquet", bytes(range(256)) * 8),
    "empty Parquet": _file("empty.parquet", b""),
    "bytes as .ts": _file("bytes.ts", bytes(range(256)) * 8),
    "empty .ts": _file("empty.ts", b""),
    "bytes as gzip": _file("bytes.csv.gz", bytes(range(256)) * 8),
    "an image as gzip": _file("image.csv.gz", b"\x89PNG\r\n\x1a\n" + bytes(100)),
    "cut gzip": _cut_gzip,
    "cut Parquet": _cut_parquet,
    "empty configuration": _file("empty.toml", b""),
    "bytes as configuration": _file("bytes.toml", bytes(range(256)) * 8),
    "cut configuration": _file("cut.toml", TOML.encode()[:-4]),
    "deep configuration": _file("deep.toml", b"a = " + b"[" * 5000 + b"]" * 5000),
    "many digits": _file("digits.toml", b"max_epochs = " + b"9" * 5000),
    "a table as configuration": _file("table.toml", b"x,lab\n1,2\n3,4\n"),
    "another configuration": _file("other.toml", b"[project]\nname = 'x'\n"),
    "values in place of tables": _file("values.toml", b"data = 3\nsplit = 1\n"),
}
