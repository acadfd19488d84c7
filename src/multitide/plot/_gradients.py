"""Figures of gradients: each takes a result and the Axes to draw on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from multitide.plot._style import short, use_log_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from multitide._gradient_flow import GradientFlow


def flow_by_step(flow: GradientFlow, ax: Axes) -> Axes:
    """Draw the norm of each task's gradient at every time step, on a logarithmic axis.

    Parameters
    ----------
    flow : GradientFlow
        From :func:`multitide.gradient_flow`.
    ax : Axes
        Where to draw. Steps whose gradient is zero have no point.

    Returns
    -------
    Axes
        `ax`.
    """
    for task, norms in flow.by_step.items():
        ax.plot(norms.index, norms.where(norms > 0), label=short(task))
    use_log_scale(ax)
    ax.set(xlabel="time step", ylabel="norm of the gradient at the input")
    ax.legend(frameon=False, fontsize="small")
    return ax
