"""``multitide check``: find every problem of a configuration and its data before training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def check(
    config: Annotated[Path, typer.Argument(help="Configuration file (.toml).")],
) -> None:
    """Find all problems of a configuration and its data, without training."""
    from multitide._checks import raise_problems
    from multitide.cli._arguments import quoted
    from multitide.cli._show import show_data, show_next
    from multitide.cli._terminal import quietly, say
    from multitide.config._config_problems import check_config
    from multitide.config._prepare import largest

    with quietly():
        checked = check_config(config)
        raise_problems(checked.problems)
    if checked.prepared is not None:
        show_data(checked.prepared)
    for plan in checked.plans:
        if len(plan.learners) > 1:
            say(f"\nLearners, weighted per task: {'; '.join(plan.learners)}.")
    memory = largest(checked.plans)
    if memory is not None:
        say(f"\nMemory for training: {memory.in_words()}.")
    show_next(("Configuration OK. Train with", f"multitide fit {quoted(config)}"))
