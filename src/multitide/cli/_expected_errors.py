"""Errors of the operating system and of parsers that a user's input causes, as messages.

Readers and writers name the parameter and the remedy where they know them. This is the net below
them: a path or a file that no reader foresaw still ends in one message. Any other exception is a
fault of multitide and keeps its traceback.
"""

from __future__ import annotations

import errno
import os
import zlib

from multitide.errors import MultitideError

CUT = (EOFError, zlib.error)
# What `str` of these errors contains; Python raises them as a plain ValueError or RuntimeError.
PATHS = ("embedded null", "Symlink loop")
NO_MEMORY = "can't allocate memory"  # by torch, on the CPU


def message_of(error: BaseException) -> str | None:
    """Return the message for an error that the input caused, or None for a fault of the code."""
    if isinstance(error, MultitideError):
        return str(error)
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, MemoryError) or NO_MEMORY in str(error):
        return (
            "The work must fit into memory; "
            f"it does not ({error or 'memory ran out'}). "
            "Use less data, a smaller network "
            "or a smaller `batch_size`."
        )
    return _of_input(error)


def _of_input(error: BaseException) -> str | None:
    """Return the message for text or a path that cannot be used; None for any other error."""
    if isinstance(error, CUT):
        return f"The input must be a complete file; it ends early ({error}). Copy it again."
    if isinstance(error, UnicodeEncodeError):
        return f"Names of files must be text in UTF-8; got {error.object!r}. Rename the file."
    if isinstance(error, RecursionError):
        return "The input must not be nested this deeply; use fewer levels of tables or lists."
    if isinstance(error, (ValueError, RuntimeError)) and str(error).startswith(PATHS):
        return f"A path must name a file or a folder; got one that cannot ({error})."
    return None


def _of_system(error: OSError) -> str | None:
    if error.errno == errno.EPIPE:
        return None
    reason = error.strerror or str(error)
    if error.filename is None:
        return f"A file or folder cannot be used: {reason}."
    place = error.filename
    if isinstance(place, (bytes, os.PathLike)):
        place = os.fsdecode(place)
    return (
        f"{str(place)!r} must be a file or folder that can be used; "
        f"got: {reason}. Check the path and the permissions."
    )
