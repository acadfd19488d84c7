"""What the command prints: any text as it is, on any terminal."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from multitide.cli import _terminal as terminal
from multitide.cli import app
from multitide.cli._output_table import check_output, without_formulas, write_output
from multitide.errors import ParameterError
from refusals import refused

HOSTILE = [
    "[/b]",
    "oo[/x]",
    "[bold]x[/bold]",
    ":smile:",
    "a\\[b",
    "\x1b[2J",
    "온도 ±",
    "{x}",
]
SHOWN = {"\x1b[2J": "\\x1b[2J"}
LINES: list[Callable[[str], None]] = [
    terminal.say,
    terminal.show_note,
    terminal.show_warning,
    lambda text: terminal.say("Written: ", terminal.bold(text)),
    lambda text: terminal.show_error(ValueError(text)),
    lambda text: terminal.show_table(pd.DataFrame({text: [text]}), text),
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("show", LINES)
def test_text_is_shown_as_it_is(
    show: Callable[[str], None], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show(text)
    out, err = capsys.readouterr()
    assert SHOWN.get(text, text) in out + err


@given(st.text(st.characters(exclude_categories=[])))
def test_no_text_raises_or_acts(text: str) -> None:
    assert "\x1b" not in terminal.line(text, terminal.bold(text)).plain


def test_a_repeated_column_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show_table(pd.DataFrame([[1, "b"]], columns=["a", "a"]), "Twice")
    assert capsys.readouterr().out.count("a") == 2


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_any_encoding_prints_any_text(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    terminal.print_anything()
    terminal.say("온도 ± \ud800 ▲")
    terminal.show_table(pd.DataFrame({"온도": ["±"]}), "▲")
    stream.flush()
    assert b"\n" in stream.buffer.getvalue()  # type: ignore[attr-defined]


def test_what_was_typed_does_not_act(tmp_path: Path) -> None:
    for arguments in (["\x1b[2J"], ["fit", "d.csv", "--window", "\x1b[2J"]):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 2
        assert "\x1b" not in result.output


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.slow
def test_a_narrow_encoding_ends_with_the_result(encoding: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"온도": range(40), "[/b]±": [0, 1] * 20})
    table.to_csv(tmp_path / "d.csv", index=False)
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "multitide", "init", "d.csv"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count(b"Traceback")) == (0, 0)
    assert b"[/b]" in done.stdout


def test_a_reader_who_leaves_ends_nothing(tmp_path: Path) -> None:
    """After a broken pipe, output is discarded and the program continues."""
    code = (
        "from multitide.cli._terminal import say\n"
        "for i in range(2000): say('x' * 100)\n"
        f"open({str(tmp_path / 'done')!r}, 'w').close()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0
    assert (tmp_path / "done").exists()


def test_formulas_become_text_on_request(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "=task": ["=cmd|x", "+1", "-a", "@b"],
            "n": [-1.0, 2, 3, 4],
            "ok": list("abcd"),
        }
    )
    write_output(table, tmp_path / "plain.csv")
    write_output(table, tmp_path / "safe.csv", escape_formulas=True)
    assert pd.read_csv(tmp_path / "plain.csv")["=task"].tolist() == list(table["=task"])
    safe = pd.read_csv(tmp_path / "safe.csv")
    assert safe["'=task"].tolist() == ["'=cmd|x", "'+1", "'-a", "'@b"]
    assert safe["n"].tolist() == [-1, 2, 3, 4]
    assert safe["ok"].tolist() == list("abcd")


def test_formulas_in_categories_and_repeated_columns() -> None:
    table = pd.DataFrame([["=a", "-b"]], columns=["x", "x"]).astype("category")
    assert without_formulas(table).to_numpy().tolist() == [["'=a", "'-b"]]


def test_escaping_formulas_is_for_csv(tmp_path: Path) -> None:
    with refused("`--escape-formulas`", "p.parquet", ".csv", error=ParameterError):
        check_output(tmp_path / "p.parquet", escape_formulas=True)
