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
    from multitide.cli._terminal import quietly
    from multitide.config._config_problems import check_config
    from multitide.config._prepare import check_test_sets

    with quietly():
        prepared, problems = check_config(config)
        raise_problems(problems)
    if prepared is not None:
        check_test_sets(prepared)
        show_data(prepared)
    show_next(("Configuration OK. Train with", f"multitide fit {quoted(config)}"))
