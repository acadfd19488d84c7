"""Parts that name a class of TorchJD: one function makes the dataclass of each."""

from __future__ import annotations

from dataclasses import make_dataclass
from typing import Annotated, Any, TypeVar

from pydantic import Field

from multitide._part import Part

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveInt = Annotated[int, Field(ge=1)]

# The annotation of a parameter and, unless it is required, its default.
Parameter = tuple[object] | tuple[object, object]
P = TypeVar("P", bound=Part)


def adapt(
    parent: type[P], torchjd: str, what: str, *papers: str, **parameters: Parameter
) -> type[P]:
    """Return a dataclass that names a class of TorchJD and has its parameters.

    Parameters
    ----------
    parent : type
        The adapter to derive from; its own fields come first.
    torchjd : str
        Name of TorchJD's class and of the dataclass.
    what : str
        What the method does; the first paragraph of the docstring.
    *papers : str
        References for the docstring.
    **parameters : tuple
        The parameters, in the order of TorchJD's constructor.
    """
    lines = [
        what,
        "",
        f"TorchJD's documentation of `{torchjd}` describes the parameters.",
    ]
    if papers:
        lines += ["", "References", "----------"]
    for number, paper in enumerate(papers, start=1):
        lines.append(f".. [{number}] {paper}")
    fields: list[Any] = []
    for name, parameter in parameters.items():
        fields.append((name, *parameter))
    namespace = {
        "__doc__": "\n".join(lines),
        "__module__": parent.__module__,
        "torchjd": torchjd,
    }
    return make_dataclass(torchjd, fields, bases=(parent,), namespace=namespace)
