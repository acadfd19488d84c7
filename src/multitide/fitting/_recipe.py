"""The recipe: an estimator's constructor parameters, checked and resolved to parts."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, cast

import torch
from pydantic import Field, InstanceOf

from multitide._checks import check_type, gathering, one_of, raise_problems
from multitide._part import Part, annotation_problems
from multitide._registries import part_from_config, part_to_config
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
from multitide.fitting._validation_split import check_validation
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
# The backbone "auto" is this network, with trees beside it; see fitting/_auto_backbone.py.
AUTO = "auto"
NETWORK = "lstm_fcn"
NUMBERS = ("keep", "max_epochs", "batch_size", "lr", "device")
# The defaults of the parameters that only networks have.
NETWORK_DEFAULTS: dict[str, object] = {
    "keep": "joint",
    "max_epochs": "auto",
    "batch_size": "auto",
    "lr": 0.002,
    "weighting": "uniform",
    "aggregator": None,
}


@dataclass
class Recipe(Part):
    """The resolved parameters of an estimator: everything that decides how a model is fitted."""

    backbone: Backbone
    inputs: Inputs
    sharing: Sharing
    weighting: Weighting
    training: Training
    keep: Keep
    aggregator: InstanceOf[Aggregator] | None
    max_epochs: Annotated[int, Field(ge=1, le=1_000_000)] | Literal["auto"]
    batch_size: Annotated[int, Field(ge=1, le=100_000_000)] | Literal["auto"]
    lr: Annotated[float, Field(gt=0)]
    device: str
    seed: Annotated[int, Field(ge=0, lt=2**32)]

    @property
    def n_epochs(self) -> int:
        """The number of epochs of a full run, where it has been resolved."""
        if isinstance(self.max_epochs, str):
            raise TypeError("`max_epochs` depends on the number of rows")
        return self.max_epochs


def make_recipe(params: Mapping[str, object]) -> Recipe:
    """Resolve an estimator's parameters, or raise one error with everything that is wrong.

    Parameters
    ----------
    params : mapping
        ``estimator.get_params(deep=False)``; ``random_state=None`` draws a seed.

    Raises
    ------
    ParameterError
        One sentence per problem.
    """
    problems: list[str] = []
    parts = _make_parts(params, problems)
    numbers = {}
    for name in NUMBERS:
        numbers[name] = params[name]
    numbers["seed"] = params["random_state"]
    if numbers["seed"] is None:
        numbers["seed"] = draw_seed()
    problems += annotation_problems(Recipe, numbers, "", only=list(numbers))
    with gathering(problems):
        check_validation(params["validation"])
    with gathering(problems):
        parts["inputs"] = with_representation(parts.get("inputs"))
    if is_auto(params["backbone"]) and _reads_vectors(parts.get("inputs")):
        parts["backbone"] = Linear()
    problems = problems or combination_problems(parts)
    if problems:
        raise ParameterError("\n".join(problems).replace("`seed`", "`random_state`"))
    resolve_device(str(numbers["device"]))
    recipe = Recipe(**parts, **numbers)  # type: ignore[arg-type]  # both were checked above
    return dataclasses.replace(recipe, backbone=recipe.backbone.with_seed(recipe.seed))


def _make_parts(
    params: Mapping[str, object], problems: list[str]
) -> dict[str, Part | None]:
    """Return the parts by parameter, without those that have a problem, which is added."""
    parts: dict[str, Part | None] = {"aggregator": None}
    for name in PART_PARAMETERS:
        if name in OPTIONAL and params[name] is None:
            continue
        with gathering(problems):
            part = make_part(name, params[name])
            part.check(name)
            parts[name] = part
    return parts


def draw_seed() -> int:
    """Return a new seed."""
    return int.from_bytes(os.urandom(4), "little")


def resolve_seed(random_state: object) -> int:
    """Return a seed; None draws one.

    Raises
    ------
    ParameterError
        If it is not an integer from 0 to 2**32 - 1.
    """
    if random_state is None:
        return draw_seed()
    raise_problems(
        [
            problem.replace("`seed`", "`random_state`")
            for problem in annotation_problems(
                Recipe, {"seed": random_state}, "", only=["seed"]
            )
        ]
    )
    return cast(int, random_state)


def combination_problems(parts: Mapping[str, Part | None]) -> list[str]:
    """Return one sentence for every pair of parts that cannot be combined."""
    problems = [*_vector_problems(parts), *_untrained_problems(parts)]
    aggregator, weighting, sharing = (
        parts["aggregator"],
        parts["weighting"],
        parts["sharing"],
    )
    if not isinstance(aggregator, Aggregator) or not isinstance(sharing, Sharing):
        return problems
    if not isinstance(weighting, Uniform):
        problems.append(
            "`weighting` must be 'uniform' with an "
            "aggregator, which weights the tasks itself; "
            f"got {weighting!r}."
        )
    places = sharing.gradients_meet
    if not places:
        problems.append(
            f"`aggregator` must be None with {sharing!r}, "
            "where no parameter gets gradients of several tasks."
        )
    elif aggregator.at not in places:
        problems.append(
            "`aggregator.at` must be "
            f"{one_of(places)} with {sharing!r}; "
            f"got {aggregator.at!r}."
        )
    return problems


def _reads_vectors(inputs: Part | None) -> bool:
    return isinstance(inputs, Inputs) and inputs.representation is not None


def _vector_problems(parts: Mapping[str, Part | None]) -> list[str]:
    """Return the parameters that do not work on the vectors of a representation."""
    inputs, backbone = parts.get("inputs"), parts.get("backbone")
    if not isinstance(inputs, Inputs) or inputs.representation is None:
        return []
    if not isinstance(backbone, Backbone):
        return []
    problems = []
    if not backbone.reads_vectors:
        problems.append(
            "`backbone` must be one for vectors, 'fc', 'linear' "
            "or 'trees', with `inputs.representation`; "
            f"got {type(backbone).__name__}. "
            "(A backbone of your own sets `reads_vectors = True`.)"
        )
    if inputs.n_channels is not None or inputs.n_timepoints is not None:
        problems.append(
            "`inputs.n_channels` and `n_timepoints` must "
            "be left out with `inputs.representation`."
        )
    return problems


def _untrained_problems(parts: Mapping[str, Part | None]) -> list[str]:
    """Return the parameters that do not work with a backbone that has nothing to train."""
    sharing, backbone, inputs = map(parts.get, ("sharing", "backbone", "inputs"))
    if not isinstance(backbone, Backbone) or backbone.is_trained:
        return []
    name = backbone_name(backbone)
    problems = []
    if not isinstance(sharing, (Hard, NoSharing)) or sharing.head_units is not None:
        problems.append(
            "`sharing` must be 'hard' or 'none', without "
            f"`head_units`, with backbone {name!r}; "
            f"got {sharing!r}."
        )
    if parts["aggregator"] is not None:
        problems.append(
            f"`aggregator` must be None with backbone {name!r}, "
            "where no parameter gets gradients of several tasks."
        )
    imputes = isinstance(inputs, Inputs) and inputs.impute != Inputs.impute
    if backbone.reads_missing and imputes:
        problems.append(
            "`inputs.impute` must be left out with backbone "
            f"{name!r}, which reads missing values; "
            f"got {inputs!r}."
        )
    return problems


def backbone_name(backbone: Backbone) -> str:
    """Return the name by which a registered backbone is given."""
    return str(part_to_config(BACKBONES, backbone)["name"])


def with_representation(inputs: Part | None) -> Part | None:
    """Return inputs whose representation is a part.

    ``"model:FOLDER"`` stands for the features of a saved model.
    """
    if not isinstance(inputs, Inputs) or inputs.representation is None:
        return inputs
    spec: object = inputs.representation
    if isinstance(spec, str) and ":" in spec:
        name, _, rest = spec.partition(":")
        spec = {"name": name, "model": rest}
    part = part_from_config(REPRESENTATIONS, spec, "inputs.representation")
    part.check("inputs.representation")
    return dataclasses.replace(inputs, representation=cast(Representation, part))


def replace_representation(inputs: object, spec: Representation | None) -> Inputs:
    """Return the estimator's parameter `inputs` with another representation."""
    part = cast(Inputs, make_part("inputs", inputs))
    return dataclasses.replace(part, representation=spec)


def is_auto(backbone: object) -> bool:
    """Return whether the estimator's `backbone` is "auto", by name or as a table."""
    return backbone == AUTO or backbone == {"name": AUTO}


def make_part(name: str, value: object) -> Part:
    """Return the part that a parameter stands for.

    Parameters
    ----------
    name : str
        The estimator's parameter.
    value : Part, str, mapping or None
        The part itself, its name, a table of its parameters, or None for the default. For the
        backbone "auto" it is the network.
    """
    if name == "backbone" and is_auto(value):
        value = NETWORK
    return part_from_config(
        PART_PARAMETERS[name], name if value is None else value, name
    )


def resolve_device(name: str) -> torch.device:
    """Return the device of that name; "auto" is CUDA if available, otherwise the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise ParameterError(
            "`device` must be 'auto', 'cpu' or 'cuda', or a card such as 'cuda:1'; "
            f"got {name!r}."
        )
    if not _is_here(device):
        raise ParameterError(
            "`device` must be available on this machine; "
            f"got {name!r}, but there is {_what_is_here()}. Use 'auto'."
        )
    return device


def available_device(name: str) -> str:
    """Return the device that a model was fitted on, or "auto" if it is a card that is not here."""
    try:
        resolve_device(name)
    except ParameterError:
        if name.startswith("cuda"):
            return "auto"
    return name


def device_of_loaded(given: str | None, fitted: str) -> str:
    """Return the device that a user asks for, by default the one that a model was fitted on."""
    if given is None:
        return available_device(fitted)
    check_type("device", given, str)
    return given


def _is_here(device: torch.device) -> bool:
    if device.type != "cuda":
        return True
    return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()


def _what_is_here() -> str:
    if not torch.cuda.is_available():
        return "no CUDA"
    return f"{torch.cuda.device_count()} CUDA card(s), numbered from 0"
