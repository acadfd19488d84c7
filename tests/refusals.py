"""Assert that an error names the parameter, the value and the remedy, in any words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from multitide.errors import MultitideError


@contextmanager
def refused(
    *parts: object, error: type[MultitideError] = MultitideError
) -> Iterator[pytest.ExceptionInfo[MultitideError]]:
    """Expect an error whose message contains every part.

    Parameters
    ----------
    *parts
        The name of the parameter as in the message (``"`stride`"``), the value, a word of the
        remedy. Each must appear in the message; the words between them are free.
    error : type, default=MultitideError
        What is raised.

    Yields
    ------
    ExceptionInfo
        As `pytest.raises` gives it.
    """
    assert parts, "say what the message must contain"
    with pytest.raises(error) as raised:
        yield raised
    message = str(raised.value)
    # Its traceback holds this frame: open files of the error would outlive the test.
    del raised
    missing = [part for part in parts if str(part) not in message]
    assert not missing, f"{missing} not in {message!r}"
