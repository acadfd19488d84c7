"""No text can act on the screen that shows it, and ordinary text stays as it is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
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


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_printable_text_is_kept(text: str) -> None:
    assert visible(text) == text
