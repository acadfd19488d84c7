"""Fits of a study or a search, whose models are measured and not kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_FORGOTTEN = ContextVar("forgotten", default=False)


@contextmanager
def forgotten() -> Iterator[None]:
    """Leave out what only a model that is kept needs: profile and fingerprint of its data.

    For a small network, the profile takes as long as the training; for a large table, the
    fingerprint takes a second per gigabyte.
    """
    token = _FORGOTTEN.set(True)
    try:
        yield
    finally:
        _FORGOTTEN.reset(token)


def is_forgotten() -> bool:
    """Return whether the model of a fit is not kept."""
    return _FORGOTTEN.get()
