"""Every problem of a configuration and of its data."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from multitide._checks import gathering
from multitide._plan_fit import FitPlan
from multitide._toml import read_toml
from multitide.config._config import Config
from multitide.config._load_config import parse_config
from multitide.config._prepare import (
    Prepared,
    check_test_sets,
    refuse_no_labels,
    split_samples,
)
from multitide.data._data_sets import DataSets
from multitide.data._split_data import SplitData
from multitide.fitting._auto_backbone import network_for
from multitide.fitting._data_sets import (
    labels_of,
    naming_data_set,
    resolve_shared_tasks,
)
from multitide.fitting._fit_model import check_lengths
from multitide.fitting._recipe import is_auto, make_recipe
from multitide.fitting._weighed import weighed_sets
from multitide.model._start_from import find_source
from multitide.tasks import Task, task_names


def config_problems(path: str | Path) -> list[str]:
    """Return every problem of a configuration and of its data, one sentence each.

    Nothing is trained.

    Parameters
    ----------
    path : path
        As in :func:`load_config`.
    """
    return check_config(path).problems


class Checked(NamedTuple):
    """What a check has found.

    Attributes
    ----------
    prepared : Prepared or None
        The configuration with its data, read and split; None if there is any problem.
    plans : list of FitPlan
        The fits that can begin: one, or one per member of an ensemble.
    problems : list of str
        One sentence per problem.
    """

    prepared: Prepared | None
    plans: list[FitPlan]
    problems: list[str]


def check_config(path: str | Path) -> Checked:
    """Read a configuration and its data once, and do all that a fit does before training."""
    problems: list[str] = []
    with gathering(problems):
        parsed = parse_config(read_toml(path), Path(path).parent)
        problems += parsed.problems
        if parsed.readable:
            prepared = _check_data(parsed.config, problems)
            if prepared is not None and not problems:
                check_test_sets(prepared)
                plans = prepared.plans()
                for plan in plans:
                    plan.check_memory()
                return Checked(prepared, plans, [])
    return Checked(None, [], problems)


def _check_data(config: Config, problems: list[str]) -> Prepared | None:
    """Read and split the data as far as possible, and add what is wrong to `problems`."""
    n_before = len(problems)
    with gathering(problems):
        data_sets = config.read_all()
    if len(problems) > n_before:
        return None
    tasks: list[Task] = []
    data: list[SplitData] = []
    with gathering(problems):
        refuse_no_labels(data_sets)
        tasks = resolve_shared_tasks(config.tasks, data_sets)
        data_sets = weighed_sets(data_sets, tasks)
        for name, samples in data_sets.items():
            with gathering(problems):
                data.append(split_samples(config, name, samples))
        _check_labels(tasks, data_sets, problems)
    with gathering(problems):
        _check_recipe(config, tasks, data_sets, problems)
    return Prepared(config, tasks, data)


def _check_labels(tasks: list[Task], data_sets: DataSets, problems: list[str]) -> None:
    for task in tasks:
        labels = []
        for samples in data_sets.values():
            labels.append(labels_of(samples, task))
        with gathering(problems):
            task.fit_target(pd.concat(labels, ignore_index=True))


def _check_recipe(
    config: Config, tasks: list[Task], data_sets: DataSets, problems: list[str]
) -> None:
    for params in config.params_of_fits(data_sets).values():
        recipe = make_recipe(params)
        if is_auto(params["backbone"]):
            recipe = network_for(recipe, list(data_sets.values()))
        if tasks:
            with gathering(problems):
                find_source(None, recipe, task_names(tasks), len(data_sets))
        for name, samples in data_sets.items():
            with gathering(problems), naming_data_set(name):
                check_lengths(samples, recipe.backbone)
