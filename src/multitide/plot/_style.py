"""What the figures share: colours, how names are written, and small steps of drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.ticker import LogFormatter

from multitide.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# One colour per verdict, the same as in the report's page (templates/report.css).
VERDICT_COLORS = {
    "helps": "#0f8560",
    "hurts": "#c0432f",
    "same": "#3a6fb5",
    "cannot tell": "#8b7340",
    "failed": "#6e7684",
}
QUIET = "#9aa1ab"
MAX_POINTS = 600  # more make a page heavy and show nothing new
MAX_LETTERS = 20


def short(name: object, max_letters: int = MAX_LETTERS) -> str:
    """Return a name as a figure can show it: on one line, shortened, without mathematics.

    Names come from users' files, and Matplotlib gives a meaning to some of them: it would read
    dollar signs as mathematics, and leave a name with a leading underscore out of the legend.
    """
    text = "".join(letter if letter.isprintable() else " " for letter in str(name))
    if len(text) > max_letters:
        text = f"{text[: max_letters - 1]}…"
    if text.startswith("_"):
        text = f"\N{ZERO WIDTH SPACE}{text}"
    if rcParams["text.parse_math"]:
        text = text.replace("$", r"\$")
    return text


def thinned(n: int, max_points: int = MAX_POINTS) -> np.ndarray:
    """Return which of `n` points to draw: all of them, or `max_points` evenly spaced ones."""
    if n <= max_points:
        return np.arange(n)
    return np.rint(np.linspace(0, n - 1, max_points)).astype(int)


def numbers(values: pd.Series) -> np.ndarray:
    """Return a column as floats; NaN for missing values."""
    floats: np.ndarray = pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)
    return floats


def check_labels(known: np.ndarray, measured: pd.Series) -> None:
    """Raise unless some sample has a label.

    Parameters
    ----------
    known : ndarray of bool, shape (n_samples,)
        Which samples have a label.
    measured : Series, n_samples entries
        The labels; named after the task.

    Raises
    ------
    DataError
        If no sample has a label.
    """
    if not known.any():
        raise DataError(
            "`measured` must contain at least one label; "
            f"got {len(known)} samples of "
            f"{measured.name!r} without any."
        )


def count_epochs(ax: Axes) -> None:
    """Label the x axis with epochs: whole numbers, however few there are."""
    ax.set_xlabel("epoch")
    ax.locator_params(axis="x", integer=True, min_n_ticks=1)


def use_log_scale(ax: Axes) -> None:
    """Make the y axis logarithmic, with plain numbers.

    Matplotlib's own labels are formulas, which figures do not parse (see :func:`short`).
    """
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(LogFormatter())
    ax.yaxis.set_minor_formatter(
        LogFormatter(labelOnlyBase=False, minor_thresholds=(1, 0.4))
    )


def draw_losses(
    rows: pd.DataFrame,
    ax: Axes,
    *,
    side: str,
    style: str,
    color: str,
    label: str | None = None,
    linewidth: float = 1.5,
    alpha: float | None = None,
) -> pd.DataFrame:
    """Draw one task's losses on one set over the epochs, and return these rows in order."""
    losses = rows[rows["side"] == side].sort_values("epoch")
    if len(losses):
        (line,) = ax.plot(
            losses["epoch"], losses["loss"], style, color=color, label=label
        )
        line.set(linewidth=linewidth, alpha=alpha)
    return losses
