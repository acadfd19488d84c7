"""Find the row of column names, below lines about the file and above a row of units."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

MOST_LINES = 60  # before the header
BODY = 20  # rows that are looked at below units
NUMBER = re.compile(r"[+-]?[\d.,:/' T+-]*\d[\d.,:/' TZeE%+-]*")
BRACKETED = re.compile(r"[\[(<{].*[\])>}]")
UNIT_NAMES = (
    "degc c k f m km cm mm um µm s sec ms us min h hr d hz "
    "khz mhz ghz v mv kv a ma ka w kw mw gw wh kwh mwh gwh "
    "j kj mj pa kpa hpa mpa bar mbar psi atm n kn nm kg g "
    "mg ug µg t l ml m2 m² m3 m³ m^2 m^3 rpm deg rad % ppm "
    "ppb db lux lx var kvar va kva mol cd ohm °c °f ° °"
)
UNITS = frozenset(UNIT_NAMES.split())
NO_UNIT = ("", "1")


def find_header(rows: Sequence[Sequence[str]]) -> int:
    """Return the place of the row of names among the first rows of a table.

    It is the first row, unless that is sure to be about the file: a comment, or without the fields
    of the rows below, while a later row holds as many different names as the rows below have
    fields.

    Parameters
    ----------
    rows : sequence of sequence of str
        With at least one row that is not blank.
    """
    places = []
    for place, row in enumerate(rows):
        if _count(row):
            places.append(place)
    filled = [rows[place] for place in places]
    width = _usual_width(filled)
    if width < 2 or _may_be_names(filled[0], width):
        return places[0]
    n = _first_candidate(filled, width)
    # The row below the names may hold units, and end earlier.
    if _are_names(filled[n]) and width in map(len, filled[n + 1 : n + 3]):
        return places[n]
    return places[0]


def _first_candidate(rows: Sequence[Sequence[str]], width: int) -> int:
    """Return the place of the first row after row 0 that may hold the names; 0 if none may."""
    for place, row in enumerate(rows[1:MOST_LINES], start=1):
        below = rows[place + 1 : place + 3]
        if _is_comment(row) and not _is_last_comment(row, below, width):
            continue
        if len(row) == width and _count(row) > 1:
            return place
    return 0


def has_units(rows: Sequence[Sequence[str]], header: int) -> bool:
    """Whether the row below the names is sure to hold units: text above nothing but numbers."""
    below = list(filter(_count, rows[header + 1 :]))
    body = below[1 : 1 + BODY]
    if not body or not _are_units(below[0]):
        return False
    for place, field in enumerate(below[0]):
        is_bare = field.strip() and not BRACKETED.fullmatch(field.strip())
        if is_bare and not _all_numbers(_column(body, place)):
            return False
    return True


def _are_units(fields: Sequence[str]) -> bool:
    """Whether some fields are units and none is a number."""
    for field in fields:
        if field.strip() not in NO_UNIT and _is_number(field):
            return False
    return any(map(_is_unit, fields))


def _column(rows: Sequence[Sequence[str]], place: int) -> list[str]:
    """Return the fields at a place; rows may end before it."""
    fields = []
    for row in rows:
        if place < len(row):
            fields.append(row[place])
    return fields


def without_mark(names: Sequence[str]) -> list[str]:
    """Return names without the mark of a comment before the first: "# time" is "time"."""
    first = names[0].strip()
    if re.match(r"#+\s", first):
        first = first.lstrip("#").strip()
    return [first, *names[1:]]


def _count(row: Sequence[str]) -> int:
    return sum(bool(field.strip()) for field in row)


def _usual_width(rows: Sequence[Sequence[str]]) -> int:
    widths = Counter(map(len, rows))
    return max(widths, key=lambda width: (widths[width], width))


def _may_be_names(row: Sequence[str], width: int) -> bool:
    if len(row) != width or _is_comment(row):
        return False
    return _count(row) > 1 or width == 2


def _is_comment(row: Sequence[str]) -> bool:
    return bool(re.match(r"#+\s|#+$|#.*[:=]", row[0].strip()))


def _is_last_comment(
    row: Sequence[str], below: Sequence[Sequence[str]], width: int
) -> bool:
    """Whether a comment holds the names: it is the last one, above a row with numbers."""
    if not below or len(row) != width or _is_comment(below[0]):
        return False
    return any(map(_is_number, below[0]))


def _are_names(row: Sequence[str]) -> bool:
    names = [field.strip() for field in without_mark(row)]
    while names and not names[-1]:
        names.pop()
    if len(set(names)) < len(names) or not all(names):
        return False
    return not any(map(_is_number, names))


def _is_number(field: str) -> bool:
    return NUMBER.fullmatch(field.strip()) is not None


def _is_unit(field: str) -> bool:
    text = field.strip().lower()
    if BRACKETED.fullmatch(text):
        return True
    parts = []
    for part in re.split(r"[/*· ]", text):
        if part not in NO_UNIT:
            parts.append(part)
    return bool(parts) and all(part in UNITS for part in parts)


def _all_numbers(values: Sequence[str]) -> bool:
    known = []
    for value in values:
        if value.strip() not in ("", "-", "--", "NA"):
            known.append(value)
    return bool(known) and all(map(_is_number, known))
