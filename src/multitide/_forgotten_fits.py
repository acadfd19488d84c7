"""Fits of a study or a search, whose models are measured and not kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_FORGOTTEN = ContextVar("forgotten", default=False)


@contextmanager
def forgotten() -> Iterator[None]:
    """Leave out the profile of the training data, which only a model that is kept needs.

    For a small network, the profile takes as long as the training.
    """
    token = _FORGOTTEN.set(True)
    try:
        yield
    finally:
        _FORGOTTEN.reset(token)


def is_forgotten() -> bool:
    """Return whether the model of a fit is not kept."""
    return _FORGOTTEN.get()
