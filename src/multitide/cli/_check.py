"""``multitide check``: find every problem of a configuration and its data before training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def check(
    config: Annotated[Path, typer.Argument(help="A configuration (.toml).")],
) -> None:
    """Find every problem of a configuration and of its data at once; nothing is trained."""
    from multitide._checks import raise_problems
    from multitide.cli._run import quietly, show_data, split_data
    from multitide.cli._show import show_next
    from multitide.config._config_problems import config_problems
    from multitide.config._load_config import load_config, read_all
    from multitide.fitting._data_sets import resolve_domain_tasks

    with quietly():
        raise_problems(config_problems(config))
        loaded = load_config(config)
        given = read_all(loaded)
        tasks = resolve_domain_tasks(loaded.tasks, given)
    for name, samples in given.items():
        show_data(split_data(loaded, name, samples, tasks))
    show_next(("Everything fits", f"multitide fit {config}"))
