"""What a user says of the format of a text file, checked."""

from __future__ import annotations

import codecs

from multitide.data.tables._number_signs import DECIMALS
from multitide.errors import ParameterError

TAB_NAMES = ("\\t", "tab")  # as a shell and a person write it
NO_SEPARATORS = '"\n\r\0'


def as_separator(value: object) -> object:
    """Return a separator as the sign itself: a tab for its names."""
    if isinstance(value, str) and value.lower() in TAB_NAMES:
        return "\t"
    return value


def check_text_format(encoding: object, separator: object, decimal: object) -> None:
    r"""Raise unless these can be the format of a text file; None is detected.

    Raises
    ------
    ParameterError
        With the first that cannot.
    """
    if separator is not None and not _can_separate(separator):
        raise ParameterError(
            '`separator` must be one sign such as ",", ";" or a tab ("\\t"); '
            f"got {separator!r}. Leave it out, so that it is detected."
        )
    if decimal is not None and not (isinstance(decimal, str) and decimal in DECIMALS):
        raise ParameterError(
            f'`decimal` must be "." or ","; got {decimal!r}. '
            "Leave it out, so that it is detected."
        )
    if encoding is not None and not _is_encoding(encoding):
        raise ParameterError(
            "`encoding` must be an encoding that Python knows, such as "
            f'"utf-8", "latin-1" or "cp949"; got {encoding!r}. '
            "Leave it out, so that it is detected."
        )


def _can_separate(value: object) -> bool:
    if not isinstance(value, str) or len(value) != 1 or not value.isascii():
        return False
    return not value.isalnum() and value not in NO_SEPARATORS


def _is_encoding(value: object) -> bool:
    """Whether Python can read text with it; "rot13" and "base64" are no encodings of text."""
    try:
        "a".encode(value)  # type: ignore[arg-type]  # other types raise the TypeError
        codecs.getincrementaldecoder(value)  # type: ignore[call-overload]
    except (LookupError, TypeError, ValueError):
        return False
    return True
