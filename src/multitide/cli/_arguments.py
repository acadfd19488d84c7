"""Arguments that several commands take, and how they are read and written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

    from multitide._estimator import MultiTaskEstimator
    from multitide.data._samples import Samples
    from multitide.model._schema import DataRecord


Run = Annotated[Path, typer.Argument(help="A run folder or a model folder.")]


Data = Annotated[Path, typer.Argument(help="A data file like the one that was learned from.")]


Name = Annotated[
    str | None,
    typer.Option("--data", help="Which of the model's data sets it is, if it has several."),
]


Labels = Annotated[
    Path | None, typer.Option(help="A second table with the labels, one row a series.")
]


def read_model_and_data(
    run: Path, data: Path, labels: Path | None, name: str | None, *, need_labels: bool
) -> tuple[MultiTaskEstimator, str, Samples]:
    """Return the model, which of its data sets is meant ("": it has one, without a name), and the samples."""
    from multitide._estimator import MultiTaskEstimator
    from multitide.data.tables._read_like import read_like
    from multitide.errors import ParameterError

    estimator = MultiTaskEstimator.load(run)
    seen = _chosen(estimator.stored_.data, name)
    if not seen.reading:
        raise ParameterError(
            f"`run` must be a model that was fitted on a table; {str(run)!r} was fitted on arrays and knows no columns."
            " Use MultiTaskEstimator.load in Python."
        )
    return (
        estimator,
        seen.name,
        read_like(seen.reading, data, labels=labels, need_labels=need_labels),
    )


def _chosen(known: list[DataRecord], name: str | None) -> DataRecord:
    """Return the data set of the model that is asked about."""
    from multitide._checks import one_of, suggest
    from multitide.errors import ParameterError

    names = [data.name for data in known]
    if name is None and len(known) == 1:
        return known[0]
    if name in names and name:
        return known[names.index(name)]
    if names == [""]:
        raise ParameterError(
            f"`--data` must not be given: the model was fitted on one data set; got {name!r}."
        )
    got = f"got {name!r}.{suggest(name, names)}" if name else "it is not given."
    raise ParameterError(f"`--data` must say which data set it is, {one_of(names)}; {got}")


def check_output(output: Path) -> None:
    """Raise unless a table can be written there, before any work is done."""
    from multitide._checks import check_choice
    from multitide.errors import StoreError

    check_choice("output", output.suffix.lower(), (".csv", ".parquet"))
    if output.exists():
        raise StoreError(
            f"`output` must not exist yet; {str(output)!r} does. Choose another name with --output."
        )
    if not output.parent.is_dir():
        raise StoreError(
            f"`output` must lie in an existing folder; {str(output.parent)!r} is none."
        )


def write_output(table: pd.DataFrame, output: Path) -> None:
    """Write a table as the file's name says."""
    from multitide.errors import StoreError

    try:
        if output.suffix.lower() == ".csv":
            table.to_csv(output, index=False)
        else:
            table.to_parquet(output, index=False)
    except OSError as error:
        raise StoreError(
            f"`output` must be a place that can be written; got {str(output)!r} ({error})."
        ) from error
