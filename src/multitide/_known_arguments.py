"""Answer a misspelt argument with the name that was probably meant."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import ParamSpec, TypeVar

from multitide._checks import listed, suggest
from multitide.errors import ParameterError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def known_arguments(
    function: Callable[Parameters, Result],
) -> Callable[Parameters, Result]:
    """Let a function refuse unknown keywords with a suggestion, in place of a TypeError.

    Parameters
    ----------
    function : callable
        All of whose keywords are in its signature.
    """
    names = list(inspect.signature(function).parameters)
    if names[:1] == ["self"]:
        del names[0]
    name = function.__qualname__

    @functools.wraps(function)
    def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        called = name
        if name.endswith(".__init__"):
            called = type(args[0]).__name__  # may be inherited
        refuse_unknown(called, kwargs, names)
        return function(*args, **kwargs)

    return checked


def refuse_unknown(called: str, given: Iterable[str], names: Sequence[str]) -> None:
    """Raise if a keyword is not among the names.

    Parameters
    ----------
    called : str
        The function or class, for the message.
    given, names : iterable of str
        The keywords that were given, and those that there are.
    """
    for name in given:
        if name not in names:
            remedy = suggest(name, names) or f" It takes {listed(names)}."
            raise ParameterError(f"`{called}` has no parameter {name!r}.{remedy}")
