"""Fits of a study or a search, which are measured and then forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_FORGOTTEN = ContextVar("forgotten", default=False)


@contextmanager
def forgotten() -> Iterator[None]:
    """Let fits leave out what only a model that is kept needs: the profile of its training data.

    Of a small network the profile takes as long as the training.
    """
    token = _FORGOTTEN.set(True)
    try:
        yield
    finally:
        _FORGOTTEN.reset(token)


def is_forgotten() -> bool:
    """Return whether nobody keeps the model of a fit."""
    return _FORGOTTEN.get()
