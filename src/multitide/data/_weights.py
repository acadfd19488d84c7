"""Weights of samples: how much each counts, for all tasks or for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from multitide._checks import a_kind
from multitide.data._to_pandas import to_pandas
from multitide.errors import DataError

if TYPE_CHECKING:
    from multitide.data._samples import Samples

ALL = ""  # the column of weights that hold for all tasks without their own


def as_weights(given: object, n_samples: int, name: str) -> pd.DataFrame:
    """Return weights as a table of numbers, one row per sample.

    Parameters
    ----------
    given : DataFrame, or sequence of numbers
        One column per task, or one number per sample for all tasks.
    n_samples : int
    name : str
        The parameter, for messages.

    Raises
    ------
    DataError
        If they are no numbers, or not one per sample.
    """
    given = to_pandas(given, name)
    if isinstance(given, pd.DataFrame):
        table = given.set_axis(given.columns.map(str), axis=1)
    else:
        values = _array(given, name)
        if values.ndim != 1:
            raise DataError(
                f"`{name}` must have one number per sample, or be a DataFrame with a column "
                f"per task; got {a_kind(given)} of shape {values.shape}."
            )
        table = pd.DataFrame({ALL: values})
    if len(table) != n_samples:
        raise DataError(
            f"`{name}` must have one row per sample, {n_samples}; got {len(table)}."
        )
    columns = {}
    for column in table:
        columns[column] = _numbers(table[column], name)
    return pd.DataFrame(columns, index=pd.RangeIndex(n_samples))


def _array(given: object, name: str) -> np.ndarray:
    try:
        values: np.ndarray = np.asarray(given)
    # NumPy reads a sequence of sequences, such as Samples, as deep as it can.
    except (TypeError, ValueError) as error:
        raise DataError(
            f"`{name}` must have one number per sample, or be a DataFrame with a column per task; "
            f"got {a_kind(given)}."
        ) from error
    return values


def _numbers(column: pd.Series, name: str) -> np.ndarray:
    try:
        numbers: np.ndarray = pd.Series(column).to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"`{name}` must be numbers; {error}. Use 0 for rows that do not count."
        ) from error
    return numbers


def weights_of(samples: Samples, task: str) -> np.ndarray | None:
    """Return the weight of each sample for a task, by its name; None if all count alike."""
    if samples.weights is None:
        return None
    for column in (task, ALL):
        if column in samples.weights:
            weights: np.ndarray = samples.weights[column].to_numpy()
            return weights
    return None


def joined_weights(parts: Sequence[Samples]) -> pd.DataFrame | None:
    """Return the weights of several samples, one after the other; 1 where a part has none."""
    columns: dict[str, None] = {}
    for part in parts:
        if part.weights is not None:
            columns.update(dict.fromkeys(part.weights))
    if not columns:
        return None
    joined = {}
    for column in columns:
        joined[column] = joined_weights_of(parts, column)
    return pd.DataFrame(joined)


def joined_weights_of(parts: Sequence[Samples], task: str) -> np.ndarray | None:
    """Return the weights for a task of several samples, one after the other; None without any."""
    weights = [weights_of(part, task) for part in parts]
    if all(own is None for own in weights):
        return None
    filled = []
    for part, own in zip(parts, weights, strict=True):
        filled.append(np.ones(len(part)) if own is None else own)
    joined: np.ndarray = np.concatenate(filled)
    return joined
