"""`verbose=0` is silent: no log message and no warning of ours, unless someone collects them."""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Integral
from typing import ParamSpec, TypeVar

from multitide.errors import MultitideWarning, ParameterError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_silent: ContextVar[bool] = ContextVar("silent", default=False)
_collected: ContextVar[bool] = ContextVar("collected", default=False)


@contextmanager
def silence(verbose: object) -> Iterator[None]:
    """Hide messages and warnings in the block if `verbose` is 0, and nobody collects them."""
    if not isinstance(verbose, Integral):
        raise ParameterError(f"`verbose` must be 0 or 1; got {verbose!r}.")
    if verbose or _collected.get():
        yield
        return
    token = _silent.set(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MultitideWarning)
            yield
    finally:
        _silent.reset(token)


@contextmanager
def collecting() -> Iterator[None]:
    """Let `silence` hide nothing in the block, whose messages and warnings are collected."""
    token = _collected.set(True)
    try:
        yield
    finally:
        _collected.reset(token)


def silent_on_request(
    function: Callable[Parameters, Result],
) -> Callable[Parameters, Result]:
    """Let a function with a keyword `verbose`, or a method of an object that has it, be silent.

    It is if `verbose` is 0.
    """

    @functools.wraps(function)
    def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        of_object = getattr(args[0], "verbose", 1) if args else 1
        with silence(kwargs.get("verbose", of_object)):
            return function(*args, **kwargs)

    return wrapped


def _is_heard(record: logging.LogRecord) -> bool:
    return not _silent.get()


# Loggers have no context of their own: one filter asks for that of the caller.
logging.getLogger("multitide").addFilter(_is_heard)
