"""The recipe: an estimator's constructor parameters, checked and resolved to parts."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, InstanceOf

from multitide._checks import gathering, one_of
from multitide._part import Part, annotation_problems
from multitide._registries import part_from_config
from multitide.backbones import BACKBONES
from multitide.backbones._backbone import Backbone
from multitide.backbones._linear import Linear
from multitide.balancing import AGGREGATORS, WEIGHTINGS
from multitide.balancing._aggregator import Aggregator
from multitide.balancing._uniform import Uniform
from multitide.balancing._weighting import Weighting
from multitide.encodings._inputs import Inputs
from multitide.encodings._representation import Representation
from multitide.errors import ParameterError
from multitide.representations import REPRESENTATIONS
from multitide.sharing import SHARINGS, Hard, NoSharing
from multitide.sharing._sharing import Sharing
from multitide.training._best_weights import Keep
from multitide.training._settings import Training

PART_PARAMETERS: dict[str, Mapping[str, type[Part]]] = {
    "backbone": BACKBONES,
    "inputs": {"inputs": Inputs},
    "sharing": SHARINGS,
    "weighting": WEIGHTINGS,
    "aggregator": AGGREGATORS,
    "training": {"training": Training},
}
OPTIONAL = ("aggregator",)
NUMBERS = ("keep", "max_epochs", "batch_size", "lr", "device")


@dataclass
class Recipe(Part):
    """Everything that decides how a model is fitted: the parts and the numbers of the estimator, resolved."""

    backbone: Backbone
    inputs: Inputs
    sharing: Sharing
    weighting: Weighting
    training: Training
    keep: Keep
    aggregator: InstanceOf[Aggregator] | None
    max_epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto"]
    lr: Annotated[float, Field(gt=0)]
    device: str
    seed: Annotated[int, Field(ge=0, lt=2**32)]


def make_recipe(params: Mapping[str, Any]) -> Recipe:
    """Resolve an estimator's parameters, or raise one error with everything that is wrong.

    Parameters
    ----------
    params : mapping
        ``estimator.get_params(deep=False)``; ``random_state=None`` draws a seed.

    Raises
    ------
    ParameterError
        One sentence a problem.
    """
    problems: list[str] = []
    parts: dict[str, Part | None] = {"aggregator": None}
    for name in PART_PARAMETERS:
        if name in OPTIONAL and params[name] is None:
            continue
        try:
            part = make_part(name, params[name])
            part.check(name)
            parts[name] = part
        except ParameterError as error:
            problems.append(str(error))
    numbers = {name: params[name] for name in NUMBERS}
    seed = params["random_state"]
    numbers["seed"] = int.from_bytes(os.urandom(4), "little") if seed is None else seed
    problems += annotation_problems(Recipe, numbers, "", only=list(numbers))
    with gathering(problems):
        parts["inputs"] = with_representation(parts.get("inputs"))
    problems = problems or combination_problems(parts)
    if not problems:
        resolve_device(numbers["device"])
        return Recipe(**parts, **numbers)  # type: ignore[arg-type]
    raise ParameterError("\n".join(problems).replace("`seed`", "`random_state`"))


def combination_problems(parts: Mapping[str, Part | None]) -> list[str]:
    """Return one sentence for every pair of parts that has no meaning together."""
    aggregator, weighting, sharing = parts["aggregator"], parts["weighting"], parts["sharing"]
    problems = vector_problems(parts)
    if not isinstance(aggregator, Aggregator) or not isinstance(sharing, Sharing):
        return problems
    if not isinstance(weighting, Uniform):
        problems.append(
            f"`weighting` must be 'uniform' beside an aggregator, which weighs the tasks itself; got {weighting!r}."
        )
    places = sharing.gradients_meet
    if not places:
        problems.append(
            f"`aggregator` must be None with {sharing!r}: the tasks' gradients meet nowhere."
        )
    elif aggregator.at not in places:
        problems.append(
            f"`aggregator.at` must be {one_of(places)} with {sharing!r}; got {aggregator.at!r}."
        )
    return problems


def vector_problems(parts: Mapping[str, Part | None]) -> list[str]:
    """Return what does not go with vectors in the place of series, or with linear heads."""
    backbone, inputs, sharing = parts.get("backbone"), parts.get("inputs"), parts["sharing"]
    problems = []
    if (
        isinstance(inputs, Inputs)
        and inputs.representation is not None
        and isinstance(backbone, Backbone)
    ):
        if not backbone.reads_vectors:
            problems.append(
                "`backbone` must be one for vectors, 'fc' or 'linear', with `inputs.representation`; got "
                f"{type(backbone).__name__}. (A backbone of your own sets `reads_vectors = True`.)"
            )
        if inputs.n_channels is not None or inputs.n_timepoints is not None:
            problems.append(
                "`inputs.n_channels` and `n_timepoints` must be left out with `inputs.representation`."
            )
    if isinstance(backbone, Linear):
        if not isinstance(sharing, (Hard, NoSharing)) or sharing.head_units is not None:
            problems.append(
                f"`sharing` must be 'hard' or 'none', without `head_units`, for 'linear'; got {sharing!r}."
            )
        if parts["aggregator"] is not None:
            problems.append(
                "`aggregator` must be None with backbone 'linear': the tasks' gradients meet nowhere."
            )
    return problems


def with_representation(inputs: Part | None) -> Part | None:
    """Return inputs whose representation is a part: ``"model:FOLDER"`` names the features of a saved model."""
    if not isinstance(inputs, Inputs) or inputs.representation is None:
        return inputs
    spec: Any = inputs.representation
    name, colon, rest = spec.partition(":") if isinstance(spec, str) else (spec, "", "")
    where = "inputs.representation"
    part: Any = part_from_config(
        REPRESENTATIONS, {"name": name, "model": rest} if colon else spec, where
    )
    part.check(where)
    return dataclasses.replace(inputs, representation=part)


def replace_representation(inputs: Any, spec: Representation | None) -> Inputs:
    """Return the estimator's parameter with another representation."""
    part = make_part("inputs", inputs)
    assert isinstance(part, Inputs)
    return dataclasses.replace(part, representation=spec)


def make_part(name: str, value: Any) -> Part:
    """Return the part that a parameter names: a Part as it is, a name or a dict from the registry, None the default."""
    return part_from_config(PART_PARAMETERS[name], name if value is None else value, name)


def resolve_batch_size(batch_size: int | str, n_rows: int) -> int:
    """Return the samples a step: "auto" is 64 or, for few rows, what gives an epoch about 20 steps, at least 8."""
    return min(64, max(8, n_rows // 20)) if batch_size == "auto" else int(batch_size)


def resolve_device(name: str) -> torch.device:
    """Return the device that `name` asks for; "auto" is CUDA where there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ParameterError(f"`device` must be 'auto', 'cpu' or 'cuda'; got {name!r}.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ParameterError(
            f"`device` must be one of this machine; got {name!r}, and CUDA is not there. Use 'auto'."
        )
    return device
