"""Every sentence of the page on strangers' folders is held by tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "internals" / "security.md").read_text()
SENTENCES = re.findall(r"^- (.+?)(?=^- |^$)", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_the_page_has_sentences() -> None:
    assert len(SENTENCES) > 8


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_is_held_by_tests(sentence: str) -> None:
    tests = re.findall(r"`(tests/[^`]+)`", sentence)
    assert tests
    for test in tests:
        path, _, name = test.partition("::")
        text = (ROOT / path).read_text()
        assert not name or f"def {name}(" in text, test
