"""Figures as PNG files: readable names, a file for each, and no result lost to a drawing error."""

from __future__ import annotations

import logging
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from multitide._result_folder import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Draw: TypeAlias = "Callable[[Axes], object]"

# Names in Korean, Chinese or Japanese need a font that has them. The installed ones of these are
# tried in this order.
EAST_ASIAN_FONTS = (
    "NanumGothic",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "Noto Sans CJK KR",
    "Noto Sans CJK JP",
)
MAX_BYTES = 200  # of a file name, which a file system limits to 255

logger = logging.getLogger("multitide")


def save_figure(draw: Draw, path: Path) -> Path | None:
    """Write a figure as a PNG file.

    Parameters
    ----------
    draw : callable
        Draws on the Axes that it is given: a function of :mod:`multitide.plot` with its results.
    path : path
        The file; an earlier one is replaced. Its folder is made.

    Returns
    -------
    path or None
        `path`, or None if it could not be drawn or written. A figure is not worth a result: the
        error is logged as a warning.
    """
    try:
        with readable_names():
            figure = Figure(figsize=(5.5, 4), layout="constrained")
            draw(figure.subplots())
            content = BytesIO()
            figure.savefig(content, format="png", dpi=120)
    except Exception as error:
        logger.warning("The figure %s could not be drawn (%s).", path.name, error)
        return None
    try:
        path.parent.mkdir(exist_ok=True)
        write_file(path, content.getvalue())
    except OSError as error:
        logger.warning("The figure %s could not be written (%s).", path.name, error)
        return None
    return path


@contextmanager
def readable_names() -> Iterator[None]:
    """Draw names as they are written; characters that no installed font has become boxes."""
    installed = {font.name for font in fontManager.ttflist}
    fonts = ["DejaVu Sans"]
    for font in EAST_ASIAN_FONTS:
        if font in installed:
            fonts.append(font)
    with (
        rc_context({"font.family": fonts, "text.parse_math": False}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def file_names(names: Sequence[str]) -> list[str]:
    """Return a file name for each name, without an extension.

    All are different, also on file systems that ignore case: "a b" and "a_b" become ``a_b`` and
    ``a_b-2``.
    """
    taken: set[str] = set()
    unique = []
    for name in names:
        plain = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", name))
        plain = plain.encode()[:MAX_BYTES].decode(errors="ignore")
        candidate, number = plain, 1
        while candidate.casefold() in taken:
            number += 1
            candidate = f"{plain}-{number}"
        taken.add(candidate.casefold())
        unique.append(candidate)
    return unique
