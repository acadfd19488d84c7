"""Parameters of the estimator as a configuration file has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from multitide._registries import SPLITTERS, Registry, part_from_config
from multitide._toml import NONE
from multitide.fitting._parameters import with_defaults
from multitide.fitting._recipe import PART_PARAMETERS

REGISTRIES: Mapping[str, Registry] = {**PART_PARAMETERS, "validation": SPLITTERS}
DEFAULTS: dict[str, Any] = with_defaults()


def parse_param(name: str, value: object) -> object:
    """Return the argument of the constructor that a value of a file stands for.

    Tables become parts, and "none" becomes None unless a part has that name.

    Raises
    ------
    ParameterError
        If a table is not the part's.
    """
    registry = REGISTRIES.get(name, {})
    if value == NONE and NONE not in registry:
        return None
    if isinstance(value, Mapping) and registry:
        return part_from_config(registry, value, name)
    return value
