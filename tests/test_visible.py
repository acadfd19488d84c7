"""No text can act on the screen that shows it, and ordinary text stays as it is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from multitide._visible import KEPT, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("\x07\r\x9b", "\\x07\\x0d\\x9b"),
        ("\u202eabc", "\\u202eabc"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\U000e0041"),
        ("온도 [/b] {x} ± é\n\t", "온도 [/b] {x} ± é\n\t"),
        ("👩\u200d🔬", "👩\u200d🔬"),
    ],
)
def test_acting_characters_are_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters(exclude_categories=[])))
def test_nothing_that_acts_is_left(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    for character in shown:
        acts = unicodedata.category(character) in ("Cc", "Cf", "Cs")
        assert not acts or character in KEPT


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://user:se/cret@bucket/a@b", "s3://user:...@bucket/a@b"),
        ("ftp://user:se@cret@host/a@b", "ftp://user:...@host/a@b"),
        ("zip://a::ftp://me:secret@host/x", "zip://a::ftp://me:...@host/x"),
        ("http://host:8000/a@b", "http://host:8000/a@b"),
        ("az://container@account/x", "az://container@account/x"),
        (
            "https://h/x?a=1&X-Amz-Signature=secret&b",
            "https://h/x?a=1&X-Amz-Signature=...&b",
        ),
        ("got 'https://h/x?sig=secret'.", "got 'https://h/x?sig=...'."),
    ],
)
def test_no_secret_of_a_url_is_shown(url: str, shown: str) -> None:
    assert visible(url) == shown


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_printable_text_is_kept(text: str) -> None:
    assume("://" not in text)
    assert visible(text) == text
