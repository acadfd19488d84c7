"""Checks of arguments: each raises with the name, the value and the remedy, or returns nothing."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path

from multitide.errors import MultitideError, ParameterError

LARGEST = 2**31 - 1
# Larger counts are typing mistakes: no machine finishes them, and a plan of them fills the memory.
MOST = {"n_seeds": 10_000, "n_jobs": 1024, "n_trials": 1_000_000}


def suggest(name: str, choices: Iterable[str | None]) -> str:
    """Return " Did you mean 'x'?" for a near miss, and "" otherwise."""
    lowered = {}
    for choice in choices:
        lowered[str(choice).lower()] = str(choice)
    near = difflib.get_close_matches(str(name).lower(), lowered, n=1)
    if near:
        return f" Did you mean {lowered[near[0]]!r}?"
    return ""


def one_of(choices: Iterable[str | None]) -> str:
    """Return "one of 'a', 'b'"."""
    return "one of " + ", ".join(map(repr, map(str, choices)))


def repeated(names: Sequence[str]) -> list[str]:
    """Return the names that occur more than once, in alphabetical order."""
    counts = Counter(names)
    return sorted(name for name in counts if counts[name] > 1)


def listed(names: Sequence[str]) -> str:
    """Return "a, b and c"."""
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def counted(n: int, noun: str) -> str:
    """Return "1 channel" or "3,000 channels"."""
    if n == 1:
        return f"1 {noun}"
    return f"{n:,} {noun}s"


def in_backticks(names: Iterable[str]) -> str:
    """Return "`a`, `b`"."""
    return ", ".join(f"`{name}`" for name in names)


def named_values(values: Mapping[str, object], form: str = "") -> str:
    """Return "load 24, state 20"; `form` is how each value is formatted."""
    pairs = []
    for name, value in values.items():
        pairs.append(f"{name} {value:{form}}")
    return ", ".join(pairs)


def as_path(name: str, value: object) -> Path:
    """Return what a user gave as a path, or raise unless it is one."""
    if isinstance(value, (str, Path)):
        return Path(value)
    raise ParameterError(
        f"`{name}` must be a path; got {a_kind(value)}. Give it as a text or a Path."
    )


def a_kind(value: object) -> str:
    """Return "a Samples", or "None", for a value of the wrong type."""
    if value is None:
        return "None"
    return f"a {type(value).__name__}"


def check_type(name: str, value: object, kind: type, remedy: str = "") -> None:
    """Raise unless `value` is of a class; `remedy` is a sentence."""
    if not isinstance(value, kind):
        message = f"`{name}` must be a {kind.__name__}; got {a_kind(value)}. {remedy}"
        raise ParameterError(message.rstrip())


def check_number_among(name: str, value: object, numbers: Sequence[int]) -> None:
    """Raise unless `value` is one of some numbers."""
    is_number = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_number or value not in numbers:
        known = listed(list(map(str, numbers)))
        raise ParameterError(f"`{name}` must be one of {known}; got {value!r}.")


def check_choice(name: str, value: object, choices: Iterable[str | None]) -> None:
    """Raise unless `value` is among `choices`."""
    choices = list(choices)
    is_text = value is None or isinstance(value, str)
    if not is_text or value not in choices:
        raise ParameterError(
            f"`{name}` must be {one_of(choices)}; "
            f"got {value!r}.{suggest(str(value), choices)}"
        )


def check_positive_int(name: str, value: object) -> None:
    """Raise unless `value` is an int of at least 1, and of a size that can be worked through."""
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < 1:
        raise ParameterError(f"`{name}` must be a positive int; got {value!r}.")
    most = MOST.get(name.rpartition(".")[2], LARGEST)
    if int(value) > most:
        raise ParameterError(f"`{name}` must be at most {most}; got {value!r}.")


def check_seed(name: str, value: object) -> None:
    """Raise unless `value` can seed random numbers."""
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < 0:
        raise ParameterError(f"`{name}` must be an int of at least 0; got {value!r}.")


def check_fraction(name: str, value: object) -> None:
    """Raise unless 0 < `value` < 1."""
    if (
        isinstance(value, bool)
        or not isinstance(value, Real)
        or not 0 < float(value) < 1
    ):
        raise ParameterError(
            f"`{name}` must be a number between 0 and 1, both excluded; got {value!r}."
        )


@contextmanager
def gathering(problems: list[str]) -> Iterator[None]:
    """Add the lines of a :class:`MultitideError` to `problems` instead of raising it."""
    try:
        yield
    except MultitideError as error:
        for line in str(error).splitlines():
            if line not in problems:
                problems.append(line)


def raise_problems(problems: Sequence[str]) -> None:
    """Raise one :class:`ParameterError` with all problems, or nothing."""
    if problems:
        raise ParameterError("\n".join(problems))
