"""``multitide info``: what a model is."""

from __future__ import annotations

from multitide.cli._arguments import Run


def info(run: Run) -> None:
    """Say what a model is: tasks, parameters, sets of weights, data, versions."""
    from multitide.cli._describe import show_model

    show_model(run)
