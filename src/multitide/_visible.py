"""Text that is safe to show: no character acts on the reader's screen, no URL tells a password."""

from __future__ import annotations

import unicodedata

from multitide._without_password import without_password

# Control characters move the cursor or change colours, format characters reverse the direction of
# text or hide letters, and surrogates stand for bytes of a file name that no encoding can hold.
ACTING = {"Cc", "Cf", "Cs"}
# These are kept: line breaks and tabs lay out our own tables and messages; joiners are part of
# words in several scripts and of emoji.
KEPT = {"\n", "\t", "\N{ZERO WIDTH JOINER}", "\N{ZERO WIDTH NON-JOINER}"}


def visible(text: object) -> str:
    """Return text without the passwords of URLs, and with escape sequences for acting characters.

    Names of columns, classes and files come from the user's data and may hold anything, such as
    the escape sequences that clear a terminal. A URL of a configuration may hold a password, which
    belongs neither on a screen nor into a report.

    Parameters
    ----------
    text : object
        What is shown; ``str`` is applied.
    """
    shown = without_password(str(text))
    if shown.isprintable():
        return shown
    pieces = []
    for character in shown:
        if character not in KEPT and unicodedata.category(character) in ACTING:
            pieces.append(_written_out(character))
        else:
            pieces.append(character)
    return "".join(pieces)


def _written_out(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"
