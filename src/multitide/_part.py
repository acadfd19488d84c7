"""A part: a dataclass of parameters that users set in Python, in TOML or in a parameter search.

``LSTMFCN(num_layers=2)``, ``[backbone] name = "lstm_fcn"`` and ``backbone__num_layers`` are the
same thing, so a part has scikit-learn's ``get_params`` and ``set_params``, is compared by value,
and is checked by its annotations: ``num_layers: Annotated[int, Field(ge=1)] = 1`` declares a
constraint and its message.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self, cast, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from multitide._checks import suggest
from multitide._known_arguments import refuse_unknown
from multitide._strict_numbers import strict_value
from multitide.errors import ParameterError


class Part:
    """Base class of all parts; subclasses are dataclasses, which only store parameters.

    Methods
    -------
    get_params, set_params : as in scikit-learn, so that ``clone`` and ``GridSearchCV`` work.
    check : raise a :class:`ParameterError` that lists every violated annotation.
    """

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        """Refuse unknown keywords with a suggestion, before `__init__` raises a TypeError."""
        if kwargs:
            names = [field.name for field in dataclasses.fields(cast(Any, cls))]
            refuse_unknown(cls.__name__, kwargs, names)
        return super().__new__(cls)

    # Any: parameters have many types, as in scikit-learn.
    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; with `deep`, also nested ones as ``outer__inner``."""
        params: dict[str, Any] = {}
        for field in _fields(self):
            params[field.name] = getattr(self, field.name)
        if deep:
            for name, value in list(params.items()):
                if isinstance(value, Part):
                    for inner, inner_value in value.get_params().items():
                        params[f"{name}__{inner}"] = inner_value
        return params

    def set_params(self, **params: object) -> Self:
        """Set parameters by name, nested ones by ``outer__inner``, and return self."""
        names = []
        for field in _fields(self):
            names.append(field.name)
        for key, value in params.items():
            name, _, inner = key.partition("__")
            refuse_unknown(type(self).__name__, [name], names)
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
    part: type[Part],
    values: Mapping[str, object],
    name: str,
    only: Collection[str] | None = None,
) -> list[str]:
    """Return one sentence for every value that violates the annotations of `part`.

    With `only`, check only these fields.
    """
    hints = annotations_of(part)
    strict = {}
    for key, value in values.items():
        strict[key] = strict_value(hints.get(key), value)
    try:
        _adapter(part).validate_python(strict)
    except ValidationError as error:
        details = []
        for d in error.errors():
            if only is None or d["loc"][0] in only:
                details.append(d)
        names = []
        for field in _fields(part):
            names.append(field.name)
        sentences = []
        for detail in _join_choices(details):
            sentences.append(_sentence(name, detail, names))
        return list(dict.fromkeys(sentences))
    return []


# To evaluate annotations is slow, and a fit checks every part.
_ANNOTATIONS: dict[type[Part], dict[str, Any]] = {}


def annotations_of(part: type[Part]) -> dict[str, Any]:
    """Return the evaluated annotations of a part."""
    if part not in _ANNOTATIONS:
        _ANNOTATIONS[part] = get_type_hints(part, include_extras=True)
    return _ANNOTATIONS[part]


def _join_choices(details: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Join the two errors of a field that takes a word or a number into one."""
    words: dict[int | str, ErrorDetails] = {}
    for detail in details:
        if len(detail["loc"]) > 1 and str(detail["loc"][1]).startswith("literal["):
            words[detail["loc"][0]] = detail
    numbers: dict[int | str, ErrorDetails] = {}
    for detail in details:
        field = _field_of(detail)
        if field in words and detail is not words[field]:
            numbers[field] = detail
    joined = []
    for detail in details:
        field = _field_of(detail)
        if field in numbers:
            word = words[field]
            message = f"{word['msg']}, or {_requirement(numbers[field])}"
            detail = {**word, "loc": (field,), "msg": message}
        joined.append(detail)
    return joined


def _field_of(detail: ErrorDetails) -> int | str:
    if detail["loc"]:
        return detail["loc"][0]
    return ""


def _fields(part: object) -> tuple[dataclasses.Field[Any], ...]:
    return tuple(field for field in dataclasses.fields(cast(Any, part)) if field.init)


_ADAPTERS: dict[type[Part], TypeAdapter[Any]] = {}


def _adapter(part: type[Part]) -> TypeAdapter[Any]:
    if part not in _ADAPTERS:
        config = ConfigDict(
            extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False
        )
        part.__pydantic_config__ = config  # type: ignore[attr-defined]
        _ADAPTERS[part] = TypeAdapter(part)
    return _ADAPTERS[part]


def _sentence(name: str, detail: ErrorDetails, names: Sequence[str]) -> str:
    where = ".".join(map(str, [name, *detail["loc"]])).strip(".")
    if detail["type"] == "unexpected_keyword_argument":
        unknown = str(detail["loc"][-1])
        return f"`{name}` has no parameter {unknown!r}.{suggest(unknown, names)}"
    if detail["type"].startswith("missing"):
        return f"`{where}` must be given."
    return f"`{where}` must be {_requirement(detail)}; got {detail['input']!r}."


def _requirement(detail: ErrorDetails) -> str:
    message = detail["msg"].replace("Input should be ", "").replace("Value error, ", "")
    return message.replace(", unable to parse string as an integer", "")
