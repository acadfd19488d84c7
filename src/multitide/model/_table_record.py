"""The data set of a model that a table belongs to, and how its training table was read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from multitide._checks import a_kind, one_of, suggest
from multitide.data._data_sets import DataSets
from multitide.errors import ParameterError
from multitide.model._schema import DataRecord


def table_record(
    known: Sequence[DataRecord], name: str | None, run: str | Path, option: str
) -> tuple[DataRecord, dict[str, Any]]:
    """Return the record of a data set, and how its table was read.

    Parameters
    ----------
    known : sequence of DataRecord
        The data sets of the model.
    name : str or None
        Name of the data set; None for the only one.
    run : path
        Folder of the model.
    option : str
        The parameter or option that gave the name, as messages call it.

    Raises
    ------
    ParameterError
        If the name is wrong or missing, or the model was fitted on arrays.
    """
    record = named_record(known, name, option)
    if not record.reading:
        raise ParameterError(
            "`run` must be a model that was fitted on a table; "
            f"{str(run)!r} was fitted on arrays, "
            "which have no column names. "
            "Use MultiTaskEstimator.load in Python."
        )
    return record, record.reading


def named_record(
    known: Sequence[DataRecord], name: str | None, option: str
) -> DataRecord:
    """Return the record of a data set, the only one by default; see :func:`table_record`."""
    names = [record.name for record in known]
    if name is not None and not isinstance(name, str):
        raise ParameterError(f"{option} must be a str or None; got {a_kind(name)}.")
    if name is None and len(known) == 1:
        return known[0]
    if name in names and name:
        return known[names.index(name)]
    if names == [DataSets.UNNAMED]:
        raise ParameterError(
            f"{option} must not be given: "
            f"the model was fitted on one data set; got {name!r}."
        )
    if name:
        got = f"got {name!r}.{suggest(name, names)}"
    else:
        got = "it is not given."
    raise ParameterError(
        f"{option} must name a data set of the model, {one_of(names)}; {got}"
    )
