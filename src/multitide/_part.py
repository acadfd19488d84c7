"""A part: a small dataclass of parameters that a user names in Python, in TOML or in a parameter search.

``LSTMFCN(num_layers=2)``, ``[backbone] name = "lstm_fcn"`` and ``backbone__num_layers`` are the
same thing, so a part speaks scikit-learn's ``get_params`` / ``set_params``, is compared by value,
and checks itself from its annotations: ``num_layers: Annotated[int, Field(ge=1)] = 1`` is the whole
declaration of a constraint and of its message.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError

from multitide._checks import suggest
from multitide.errors import ParameterError


class Part:
    """Parent of every part; subclasses are dataclasses (``@dataclass``), which store and do nothing else.

    Methods
    -------
    get_params, set_params : as in scikit-learn, so that ``clone`` and ``GridSearchCV`` reach into a part.
    check : raise :class:`ParameterError` that lists every violated annotation.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; with `deep`, those of nested parts as ``outer__inner`` too."""
        params: dict[str, Any] = {field.name: getattr(self, field.name) for field in _fields(self)}
        if deep:
            for name, value in list(params.items()):
                if isinstance(value, Part):
                    params |= {f"{name}__{inner}": v for inner, v in value.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, ``outer__inner`` for those of nested parts, and return self."""
        names = [field.name for field in _fields(self)]
        for key, value in params.items():
            name, _, inner = key.partition("__")
            if name not in names:
                raise ParameterError(
                    f"`{type(self).__name__}` has no parameter {name!r}.{suggest(name, names)}"
                )
            if inner:
                getattr(self, name).set_params(**{inner: value})
            else:
                setattr(self, name, value)
        return self

    def check(self, name: str = "") -> None:
        """Raise one error that lists every parameter outside its annotation.

        Parameters
        ----------
        name : str
            How messages call this part, e.g. ``"backbone"``; the class name when empty.
        """
        problems = annotation_problems(
            type(self), self.get_params(deep=False), name or type(self).__name__
        )
        if problems:
            raise ParameterError("\n".join(problems))


def annotation_problems(
    part: type[Part], values: Mapping[str, Any], name: str, only: Collection[str] | None = None
) -> list[str]:
    """Return one sentence for every value that violates the annotations of `part`; with `only`, of these fields."""
    try:
        _adapter(part).validate_python(dict(values))
    except ValidationError as error:
        details = _one_a_choice([d for d in error.errors() if only is None or d["loc"][0] in only])
        return list(
            dict.fromkeys(
                _sentence(name, detail, [f.name for f in _fields(part)]) for detail in details
            )
        )
    return []


def _one_a_choice(details: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return one error for a field that may hold a word or a number, instead of one for each of them."""
    words = {
        d["loc"][0]: d
        for d in details
        if len(d["loc"]) > 1 and str(d["loc"][1]).startswith("literal[")
    }
    numbers = {
        d["loc"][0]: d for d in details if d["loc"][0] in words and d is not words[d["loc"][0]]
    }
    joined = {
        field: {**word, "loc": (field,), "msg": f"{word['msg']}, or {_requirement(numbers[field])}"}
        for field, word in words.items()
        if field in numbers
    }
    return [joined.get(d["loc"][0] if d["loc"] else "", d) for d in details]


def _fields(part: object) -> tuple[dataclasses.Field[Any], ...]:
    return tuple(field for field in dataclasses.fields(cast(Any, part)) if field.init)


_ADAPTERS: dict[type[Part], TypeAdapter[Any]] = {}


def _adapter(part: type[Part]) -> TypeAdapter[Any]:
    if part not in _ADAPTERS:
        part.__pydantic_config__ = ConfigDict(extra="forbid", arbitrary_types_allowed=True)  # type: ignore[attr-defined]
        _ADAPTERS[part] = TypeAdapter(part)
    return _ADAPTERS[part]


def _sentence(name: str, detail: Mapping[str, Any], names: list[str]) -> str:
    where = ".".join(str(step) for step in [name, *detail["loc"]] if step != "")
    if detail["type"] == "unexpected_keyword_argument":
        return f"`{name}` has no parameter {detail['loc'][-1]!r}.{suggest(str(detail['loc'][-1]), names)}"
    if detail["type"].startswith("missing"):
        return f"`{where}` must be given."
    return f"`{where}` must be {_requirement(detail)}; got {detail['input']!r}."


def _requirement(detail: Mapping[str, Any]) -> str:
    said = str(detail["msg"]).replace("Input should be ", "").replace("Value error, ", "")
    return said.replace(", unable to parse string as an integer", "")
