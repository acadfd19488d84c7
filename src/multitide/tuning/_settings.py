"""Between a search's values and an estimator's parameters, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from sklearn.base import clone

from multitide._checks import gathering
from multitide._estimator import MultiTaskEstimator
from multitide._registries import part_from_config, part_to_config
from multitide.backbones._backbone import Backbone
from multitide.data._samples import Samples
from multitide.fitting._fit_model import check_lengths
from multitide.fitting._recipe import OPTIONAL, PART_PARAMETERS, make_part, make_recipe
from multitide.methods import mismatches
from multitide.tuning._space import BALANCING, FAMILIES, NUMBERS, TABLES, Params, Space, together

UNWEIGHED = {"weighting": {"name": "uniform"}, "aggregator": None}


def params_of(estimator: MultiTaskEstimator, space: Space) -> Params:
    """Return where an estimator lies in a space: the value of each dimension that counts for it."""
    searched = {d.name.split(".")[0] for d in space.dimensions}
    plain = _plain(estimator, searched)
    found: Params = {name: plain[name] for name in NUMBERS if name in searched}
    for name in (name for name in TABLES if name in plain):
        found |= {f"{name}.{key}": value for key, value in plain[name].items()}
    for name in (name for name in FAMILIES if plain.get(name) is not None):
        part = plain[name]["name"]
        if name in ("weighting", "aggregator"):
            found[BALANCING] = (
                f"{name}.{part}"  # an aggregator, where there is one, comes last and wins
            )
        else:
            found[name] = part
        found |= {
            f"{name}.{part}.{key}": value for key, value in plain[name].items() if key != "name"
        }
    names = {d.name for d in space.dimensions}
    return {name: value for name, value in found.items() if name in names}


def settings_of(params: Params, start: MultiTaskEstimator) -> dict[str, Any]:
    """Return the estimator's parameters that these values stand for, as plain values.

    Parts are tables with all of their parameters. What is not searched is as in `start`, also the
    parameters of a part of the same name.
    """
    settings: dict[str, Any] = {name: params[name] for name in NUMBERS if name in params}
    for name in TABLES:
        drawn = {
            key.split(".", 1)[1]: value
            for key, value in params.items()
            if key.startswith(f"{name}.")
        }
        if drawn:
            settings[name] = _part(name, _registered(name, start), drawn, start)
    for name in ("backbone", "sharing"):
        if name in params:
            settings[name] = _part(name, params[name], _of(params, name, params[name]), start)
    if BALANCING in params:
        family, part = params[BALANCING].split(".", 1)
        settings |= UNWEIGHED | {family: _part(family, part, _of(params, family, part), start)}
    elif not together(params):
        settings |= UNWEIGHED
    return settings


def with_settings(start: MultiTaskEstimator, settings: Mapping[str, Any]) -> MultiTaskEstimator:
    """Return a copy of an estimator with these parameters, parts made of their tables."""
    estimator = cast(MultiTaskEstimator, clone(start))
    made = {
        name: part_from_config(PART_PARAMETERS[name], value, name)
        if isinstance(value, Mapping)
        else value
        for name, value in settings.items()
    }
    return estimator.set_params(**made)


def problems_of(estimator: MultiTaskEstimator, samples: Samples, n_tasks: int) -> list[str]:
    """Return why these parts cannot be trained together on these samples; empty where they can."""
    problems: list[str] = []
    with gathering(problems):
        make_recipe(estimator.get_params(deep=False))
        check_lengths(samples, cast(Backbone, make_part("backbone", estimator.backbone)))
        if n_tasks > 1:
            names = ("backbone", "sharing", "weighting", "aggregator")
            problems += mismatches(**{name: getattr(estimator, name) for name in names})
    return problems


def brief(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings for a file: of each part its name and what differs from its defaults."""
    return {
        name: _brief(name, value) if isinstance(value, Mapping) else value
        for name, value in settings.items()
    }


def _brief(name: str, table: Mapping[str, Any]) -> dict[str, Any]:
    registry = PART_PARAMETERS[name]
    default = part_to_config(registry, {"name": table["name"]})
    named = {"name": table["name"]} if len(registry) > 1 else {}
    return named | {
        key: value for key, value in table.items() if key != "name" and value != default[key]
    }


def _plain(estimator: MultiTaskEstimator, searched: set[str]) -> dict[str, Any]:
    """Return the parameters that are searched as plain values."""
    wanted = searched | ({"weighting", "aggregator"} if BALANCING in searched else set())
    params = estimator.get_params(deep=False)
    plain: dict[str, Any] = {name: params[name] for name in NUMBERS}
    for name in [*TABLES, *FAMILIES]:
        if name in wanted:
            missing = params[name] is None and name in OPTIONAL
            plain[name] = (
                None
                if missing
                else part_to_config(PART_PARAMETERS[name], make_part(name, params[name]))
            )
    return plain


def _registered(name: str, start: MultiTaskEstimator) -> str:
    return str(part_to_config(PART_PARAMETERS[name], make_part(name, getattr(start, name)))["name"])


def _of(params: Params, family: str, part: str) -> Params:
    prefix = f"{family}.{part}."
    return {
        key.removeprefix(prefix): value for key, value in params.items() if key.startswith(prefix)
    }


def _part(family: str, name: str, drawn: Params, start: MultiTaskEstimator) -> dict[str, Any]:
    """Return a part as a table: that of the start if it has the same name, with the drawn values."""
    registry, own = PART_PARAMETERS[family], getattr(start, family)
    base: dict[str, Any] = {"name": name}
    if (
        own is not None
        and isinstance(part := make_part(family, own), registry[name])
        and type(part) is registry[name]
    ):
        base = part_to_config(registry, part)
    return part_to_config(registry, base | drawn)
