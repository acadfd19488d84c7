"""Every problem of a configuration file and of its data."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from multitide._checks import gathering
from multitide._toml import read_toml
from multitide.config._config import Config
from multitide.config._load_config import DEFAULTS, parse_config, read_all
from multitide.fitting._data_sets import in_domain, labels_of, resolve_domain_tasks
from multitide.fitting._fit_model import check_lengths
from multitide.fitting._recipe import make_recipe
from multitide.model._start_from import find_source
from multitide.tasks import Task


def config_problems(path: str | Path) -> list[str]:
    """Return every problem of a configuration and of its data, one sentence each; nothing is trained.

    Parameters
    ----------
    path : path
        As in :func:`load_config`.
    """
    problems: list[str] = []
    with gathering(problems):
        config = parse_config(read_toml(path), Path(path).parent, problems)
        unreadable = any(problem.startswith(("`data", "`tasks", "In [[")) for problem in problems)
        if (config.data or config.several) and not unreadable:
            _check_data(config, problems)
    return problems


def _check_data(config: Config, problems: list[str]) -> None:
    """Add what is wrong with the data, as far as they can be read."""
    n_before = len(problems)
    given = read_all(config, problems)
    if len(problems) > n_before:
        return
    tasks: list[Task] = []
    with gathering(problems):
        tasks = resolve_domain_tasks(config.tasks, given)
        for name, samples in given.items():
            with gathering(problems), in_domain(name):
                config.tables[name].splitter(samples).split(samples)
        for task in tasks:
            with gathering(problems):
                task.fit_target(
                    pd.concat([labels_of(s, task) for s in given.values()], ignore_index=True)
                )
    with gathering(problems):
        recipe = make_recipe({**DEFAULTS, **config.estimator})
        if tasks:
            with gathering(problems):
                find_source(None, recipe, [task.name for task in tasks], len(given))
        for name, samples in given.items():
            with gathering(problems), in_domain(name):
                check_lengths(samples, recipe.backbone)
