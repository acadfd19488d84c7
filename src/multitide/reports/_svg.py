"""Figures as inline SVG that takes its colours from the page, so that dark mode is dark."""

from __future__ import annotations

import hashlib
import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cycler import cycler
from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.figure import Figure

from multitide.plot._style import QUIET, VERDICT_COLORS

if TYPE_CHECKING:
    from multitide.reports._figures import Draw

INK = "#1c2430"
SERIES = (
    "#2f6fb0",
    "#b8632a",
    "#4b8a4b",
    "#8a5aa8",
    "#a88a1f",
    "#3f8f98",
    "#b04a78",
    "#6b6f76",
)
# The variable of the page's style sheet for each colour of a figure.
VARIABLES = {
    INK: "--ink",
    QUIET: "--quiet",
    "#999999": "--quiet",  # "0.6", the reference lines of `multitide.plot`
}
for verdict, verdict_color in VERDICT_COLORS.items():
    VARIABLES[verdict_color] = f"--{verdict.replace(' ', '-')}"
for number, series_color in enumerate(SERIES, start=1):
    VARIABLES[series_color] = f"--series-{number}"

# `rc_context` types its parameter as a mapping of literal names, which cannot be built up.
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: searchable, copyable, in the page's own font
    "svg.hashsalt": "multitide",
    "text.parse_math": False,  # names may contain dollar signs
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.prop_cycle": cycler(color=SERIES),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
}

logger = logging.getLogger("multitide")


def svg(draw: Draw, *, label: str, size: tuple[float, float] = (3.6, 2.7)) -> Markup:
    """Draw a figure as inline SVG.

    Parameters
    ----------
    draw : callable
        Draws on the Axes that it is given: a function of :mod:`multitide.plot` with its results.
    label : str
        What the figure shows, for screen readers.
    size : (float, float)
        Width and height in inches. A page shows it no wider than this, so that its text keeps its
        size on a phone.

    Returns
    -------
    Markup
        The figure, or a sentence that it could not be drawn: a figure is not worth a report.
    """
    try:
        text = _draw(draw, size)
    except Exception as error:
        logger.warning("The figure %r could not be drawn (%s).", label, error)
        return Markup('<p class="note">{} could not be drawn ({}).</p>').format(
            label, error
        )
    return Markup(_for_page(text, label))  # matplotlib has escaped all names


def _draw(draw: Draw, size: tuple[float, float]) -> str:
    stream = io.StringIO()
    with _style():
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        figure.patch.set_alpha(0)
        for ax in figure.axes:
            ax.patch.set_alpha(0)
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


@contextmanager
def _style() -> Iterator[None]:
    with rc_context(STYLE), warnings.catch_warnings():
        # The reader's fonts may have the glyphs that DejaVu Sans lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _for_page(text: str, label: str) -> str:
    """Remove what only a separate file needs, and make ids unique and colours variable."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    mark = "f" + hashlib.sha256((label + text).encode()).hexdigest()[:10]
    # Only tags are changed, never the text between them.
    text = re.sub(r"<[^>]*>", lambda tag: _rewrite_tag(tag[0], mark), text)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    if box is None:
        raise ValueError("Matplotlib wrote an SVG without a viewBox")
    width = float(box[1]) * 4 / 3  # points to CSS pixels
    opening = (
        '<svg class="figure" role="img" '
        f'aria-label="{escape(label)}" {box[0]} style="max-width: '
        f'{width:.0f}px">'
    )
    return re.sub(r"\s*\n\s*", "\n", opening + text[text.index(">") + 1 :])


def _rewrite_tag(tag: str, mark: str) -> str:
    tag = re.sub(r'^<g id="[^"]*"', "<g", tag)
    tag = re.sub(r'\bid="([^"]*)"', rf'id="{mark}-\1"', tag)
    tag = re.sub(r'xlink:href="#([^"]*)"', rf'href="#{mark}-\1"', tag)
    tag = re.sub(r"url\(#([^)]*)\)", rf"url(#{mark}-\1)", tag)
    tag = re.sub(r"\bfont: ([\d.]+px) [^;\"]*", r"font-size: \1", tag)
    return re.sub(r"#[0-9a-f]{6}\b", lambda color: _variable(color[0]), tag)


def _variable(color: str) -> str:
    if color in VARIABLES:
        return f"var({VARIABLES[color]})"
    return color
