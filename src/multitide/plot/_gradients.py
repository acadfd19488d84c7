"""Figures of gradients: each a function of a result and the Axes to draw it on."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
        Where to draw; steps whose gradient is zero have no point.

    Returns
    -------
    Axes
        The same.
    """
    for task, norms in flow.by_step.items():
        ax.plot(norms.index, norms.where(norms > 0), label=str(task))
    ax.set(yscale="log", xlabel="time step", ylabel="norm of the gradient at the input")
    ax.legend(frameon=False, fontsize="small")
    return ax
