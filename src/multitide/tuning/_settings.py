"""Convert between the values of a search and the parameters of an estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

from sklearn.base import clone

from multitide._checks import gathering
from multitide._estimator import MultiTaskEstimator
from multitide._registries import part_from_config, part_to_config
from multitide.backbones._backbone import Backbone
from multitide.data._samples import Samples
from multitide.fitting._fit_model import check_lengths
from multitide.fitting._recipe import OPTIONAL, PART_PARAMETERS, make_part, make_recipe
from multitide.methods import mismatches
from multitide.tuning._space import (
    BALANCING,
    FAMILIES,
    NUMBERS,
    TABLES,
    Params,
    Space,
    trained_together,
)

# Parameters of the estimator as plain values: parts are tables, as a configuration writes them.
Settings: TypeAlias = dict[str, Any]
UNWEIGHTED: Settings = {"weighting": {"name": "uniform"}, "aggregator": None}


def params_of(estimator: MultiTaskEstimator, space: Space) -> Params:
    """Return the estimator's value in each dimension that applies to it."""
    searched = set()
    for dimension in space.dimensions:
        searched.add(dimension.name.split(".")[0])
    if BALANCING in searched:
        searched |= {"weighting", "aggregator"}
    values: Params = {}
    for name in NUMBERS:
        values[name] = getattr(estimator, name)
    for name in (*TABLES, *FAMILIES):
        is_given = name not in OPTIONAL or getattr(estimator, name) is not None
        if name in searched and is_given:
            # The aggregator comes last and so replaces the weighting where there are both.
            values |= _values_of(name, estimator)
    in_space: Params = {}
    for name, value in values.items():
        if name in space.ranges:
            in_space[name] = value
    return in_space


def _values_of(name: str, estimator: MultiTaskEstimator) -> Params:
    """Return a part's values by dimension: its name, if there is a choice, and its parameters."""
    table = _as_table(name, estimator)
    part = table.pop("name", name)
    values, prefix = dict[str, Any](), f"{name}.{part}"
    if name in TABLES:
        prefix = name
    elif name in ("weighting", "aggregator"):
        values[BALANCING] = f"{name}.{part}"
    else:
        values[name] = part
    for key, value in table.items():
        values[f"{prefix}.{key}"] = value
    return values


def settings_of(params: Params, start: MultiTaskEstimator) -> Settings:
    """Return the parameters of the estimator that these values stand for.

    A part is a table with all of its parameters. Parameters that are not searched are those of
    `start`, also inside a part of the same name.
    """
    settings: Settings = {}
    for name in NUMBERS:
        if name in params:
            settings[name] = params[name]
    for name in TABLES:
        drawn = _below(f"{name}.", params)
        if drawn:
            part = str(_as_table(name, start)["name"])
            settings[name] = _part(name, part, drawn, start)
    for name in ("backbone", "sharing"):
        if name in params:
            part = params[name]
            settings[name] = _part(name, part, _below(f"{name}.{part}.", params), start)
    if BALANCING in params:
        family, part = params[BALANCING].split(".", 1)
        made = _part(family, part, _below(f"{family}.{part}.", params), start)
        settings |= {**UNWEIGHTED, family: made}
    elif not trained_together(params):
        settings |= UNWEIGHTED
    return settings


def with_settings(
    start: MultiTaskEstimator, settings: Mapping[str, object]
) -> MultiTaskEstimator:
    """Return a copy of an estimator with these parameters; tables become parts."""
    estimator = cast(MultiTaskEstimator, clone(start))
    for name, value in settings.items():
        if isinstance(value, Mapping):
            value = part_from_config(PART_PARAMETERS[name], value, name)
        estimator.set_params(**{name: value})
    return estimator


def problems_of(
    estimator: MultiTaskEstimator, samples: Samples, n_tasks: int
) -> list[str]:
    """Return why the parts cannot be trained together on these samples; empty if they can."""
    problems: list[str] = []
    with gathering(problems):
        make_recipe(estimator.get_params(deep=False))
        check_lengths(
            samples, cast(Backbone, make_part("backbone", estimator.backbone))
        )
        if n_tasks > 1:
            problems += mismatches(
                backbone=estimator.backbone,
                sharing=estimator.sharing,
                weighting=estimator.weighting,
                aggregator=estimator.aggregator,
            )
    return problems


def brief(settings: Mapping[str, object]) -> Settings:
    """Return settings for a file: of each part, its name and what differs from its defaults."""
    shortened: dict[str, object] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            shortened[name] = _brief(name, value)
        else:
            shortened[name] = value
    return shortened


def _brief(name: str, table: Mapping[str, object]) -> dict[str, object]:
    registry = PART_PARAMETERS[name]
    default = part_to_config(registry, {"name": table["name"]})
    kept = {}
    for key, value in table.items():
        if key == "name":
            is_needed = len(registry) > 1
        else:
            is_needed = value != default[key]
        if is_needed:
            kept[key] = value
    return kept


def _as_table(name: str, estimator: MultiTaskEstimator) -> Settings:
    return part_to_config(
        PART_PARAMETERS[name], make_part(name, getattr(estimator, name))
    )


def _below(prefix: str, params: Params) -> Params:
    below = {}
    for name, value in params.items():
        if name.startswith(prefix):
            below[name.removeprefix(prefix)] = value
    return below


def _part(family: str, name: str, drawn: Params, start: MultiTaskEstimator) -> Settings:
    """Return a part as a table: the start's, if it has the same name, with the drawn values."""
    registry, own = PART_PARAMETERS[family], getattr(start, family)
    table: Settings = {"name": name}
    if own is not None and type(part := make_part(family, own)) is registry[name]:
        table = part_to_config(registry, part)
    return part_to_config(registry, table | drawn)
