"""``multitide info``: describe a model."""

from __future__ import annotations

from multitide.cli._arguments import Run


def info(run: Run) -> None:
    """Show a model's tasks, parameters, data and package versions."""
    from multitide.cli._describe import show_model

    show_model(run)
