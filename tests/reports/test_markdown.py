"""Names of users stay text in Markdown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multitide.reports._markdown import code, code_block, markdown


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("[a](javascript:x)", "\\[a\\](javascript:x)"),
        ("a|b\nc", "a\\|b c"),
        ("*a* __b__ ~~c~~", "\\*a\\* \\_\\_b\\_\\_ \\~\\~c\\~\\~"),
        ("# x", "\\# x"),
        ("## x", "\\## x"),
        ("- x", "\\- x"),
        ("1. x", "1\\. x"),
        ("-0.5", "-0.5"),
        ("snake_case +1.5 %", "snake_case +1.5 %"),
        ("\x1b[2J", "\\\\x1b\\[2J"),
    ],
)
def test_markdown_and_html_are_escaped(text: str, escaped: str) -> None:
    assert markdown(text) == escaped


@given(st.text(st.characters(exclude_categories=[])))
def test_no_text_opens_a_tag_or_a_line(text: str) -> None:
    escaped = markdown(text)
    assert "<" not in escaped
    assert "\n" not in escaped
    escaped.encode("utf-8")


@given(st.text(alphabet="`a \n", min_size=1))
def test_code_ends_only_at_its_fence(text: str) -> None:
    for written, plain in (
        (code(text), " ".join(text.split("\n"))),
        (code_block(text), text),
    ):
        found = re.match("`+", written)
        assert found is not None
        fence = found[0]
        assert written.endswith(fence)
        assert plain in written
        assert fence not in plain
