"""Pickles whose large arrays are kept outside of them, so that each is sent once."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable

import numpy as np

LARGE = 2**20  # bytes


def dump_without_arrays(value: object, keep: Callable[[np.ndarray], int]) -> bytes:
    """Return a value as a pickle without its large arrays.

    Parameters
    ----------
    value : object
        Functions and classes of ``__main__`` are pickled too.
    keep : callable
        Takes a large array and returns its number.
    """
    from cloudpickle import CloudPickler

    class Pickler(CloudPickler):  # type: ignore[misc]  # cloudpickle has no types
        def persistent_id(self, part: object) -> int | None:
            if not isinstance(part, np.ndarray) or part.dtype.hasobject:
                return None
            if part.nbytes < LARGE:
                return None
            return keep(part)

    stream = io.BytesIO()
    Pickler(stream).dump(value)
    return stream.getvalue()


def load_with_arrays(text: bytes, array: Callable[[int], np.ndarray]) -> object:
    """Return the value of a pickle; `array` returns the array of a number."""

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, number: int) -> np.ndarray:
            return array(number)

    return Unpickler(io.BytesIO(text)).load()
