"""From a figure to a piece of a page: an SVG that takes its colours from the page, so that dark mode is dark."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from cycler import cycler
from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.figure import Figure

from multitide.plot._study import QUIET, VERDICT_COLORS

INK = "#1c2430"
SERIES = ("#2f6fb0", "#b8632a", "#4b8a4b", "#8a5aa8", "#a88a1f", "#3f8f98", "#b04a78", "#6b6f76")
# What each colour of a figure is called in the page's style sheet. "0.6" is what `multitide.plot`
# draws its lines of reference with.
VARIABLES = {INK: "--ink", QUIET: "--quiet", "#999999": "--quiet"}
VARIABLES |= {color: f"--{verdict.replace(' ', '-')}" for verdict, color in VERDICT_COLORS.items()}
VARIABLES |= {color: f"--series-{number}" for number, color in enumerate(SERIES, start=1)}
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: it is found, copied, and set in the page's own font
    "text.parse_math": False,  # a name may hold dollars
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), QUIET),
}


def svg(
    draw: Callable[..., Any], *arguments: Any, label: str, size: tuple[float, float] = (3.6, 2.7)
) -> Markup:
    """Draw a figure as a piece of HTML.

    Parameters
    ----------
    draw : callable
        A figure: a function of results and, last, an Axes.
    *arguments
        The results.
    label : str
        What the figure shows, for those who cannot see it.
    size : (float, float)
        In inches; a page shows it no wider than this, so that its letters keep their size on a
        phone.
    """
    with _style():
        figure = Figure(figsize=size, layout="constrained")
        draw(*arguments, figure.subplots())
        figure.patch.set_alpha(0)
        for ax in figure.axes:
            ax.patch.set_alpha(0)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return Markup(_for_page(stream.getvalue(), label))  # matplotlib has escaped what it wrote


@contextmanager
def _style() -> Iterator[None]:
    style = STYLE | {"axes.prop_cycle": cycler(color=SERIES), "svg.hashsalt": "multitide"}
    with rc_context(cast(Any, style)), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Glyph .* missing from"
        )  # the page's own fonts may have it
        yield


def _for_page(text: str, label: str) -> str:
    """Leave out what only a file of its own needs, and give every id and colour its name in the page."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    mark = "f" + hashlib.sha256((label + text).encode()).hexdigest()[:10]
    text = re.sub(r"<[^>]*>", lambda tag: _tag(tag[0], mark), text)  # never the text between tags
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    assert box is not None
    opening = (
        f'<svg class="figure" role="img" aria-label="{escape(label)}" {box[0]} '
        f'style="max-width: {float(box[1]) * 4 / 3:.0f}px">'
    )
    return re.sub(r"\s*\n\s*", "\n", opening + text[text.index(">") + 1 :])


def _tag(tag: str, mark: str) -> str:
    tag = re.sub(r'^<g id="[^"]*"', "<g", tag)
    tag = re.sub(r'\bid="([^"]*)"', rf'id="{mark}-\1"', tag)
    tag = re.sub(r'xlink:href="#([^"]*)"', rf'href="#{mark}-\1"', tag)
    tag = re.sub(r"url\(#([^)]*)\)", rf"url(#{mark}-\1)", tag)
    tag = re.sub(r"\bfont: ([\d.]+px) [^;\"]*", r"font-size: \1", tag)
    return re.sub(r"#[0-9a-f]{6}\b", lambda color: _variable(color[0]), tag)


def _variable(color: str) -> str:
    return f"var({VARIABLES[color]})" if color in VARIABLES else color
