"""How long before the end of each series a predicted remaining life raised the alarm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real

import numpy as np
import pandas as pd

from multitide._checks import a_kind, check_type
from multitide.data._samples import Samples
from multitide.errors import DataError, ParameterError


def alarm_lead_times(
    samples: Samples, predicted: Sequence[float] | pd.Series | np.ndarray, limit: float
) -> pd.DataFrame:
    """Return for each series when the prediction first fell below a limit, and how long was left.

    Parameters
    ----------
    samples : Samples
        Windows of series that ran to their end, such as machines until they failed.
    predicted : sequence of n_samples numbers
        The predicted remaining life of each sample.
    limit : float
        The alarm is raised below it, in the unit of the predictions.

    Returns
    -------
    DataFrame
        One row per series: ``series``, ``end`` (the time of its last sample), ``alarm`` (the time
        of the first sample below the limit; missing if there is none), ``lead`` (the time between
        them) and ``share`` (of the samples from the alarm on that are below the limit, too; a
        steady alarm has 1). Without times, they are counted in samples.

    Raises
    ------
    DataError
        If there is not one prediction per sample.
    ParameterError
        If `limit` is no finite number.

    Examples
    --------
    >>> import numpy as np
    >>> import multitide as mt
    >>> samples = mt.Samples.from_arrays(np.zeros((6, 1, 4)), series=[1, 1, 1, 2, 2, 2])
    >>> mt.alarm_lead_times(samples, [90, 40, 20, 80, 70, 60], limit=50)["lead"].tolist()
    [1.0, nan]
    """
    check_type("samples", samples, Samples)
    is_number = isinstance(limit, Real) and not isinstance(limit, bool)
    if not is_number or not math.isfinite(limit):
        raise ParameterError(f"`limit` must be a finite number; got {limit!r}.")
    try:
        numbers = np.asarray(predicted, dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"`predicted` must be numbers, one per sample; got {a_kind(predicted)} ({error})."
        ) from error
    if numbers.shape != (len(samples),):
        raise DataError(
            f"`predicted` must have one number for each of {len(samples)} samples; "
            f"got shape {numbers.shape}."
        )
    table = pd.DataFrame({"series": samples.series, "low": numbers < limit})
    if samples.time is None:
        table["time"] = table.groupby("series", sort=False).cumcount().astype(float)
    else:
        table["time"] = samples.time
        table = table.sort_values("time", kind="stable")
    rows = []
    for series, group in table.groupby("series", sort=True):
        rows.append(_of_series(series, group))
    return pd.DataFrame(rows)


def _of_series(series: object, group: pd.DataFrame) -> dict[str, object]:
    """Return the row of a series, whose samples are in the order of time."""
    end = group["time"].iloc[-1]
    low = group["low"].to_numpy()
    if not low.any():
        nothing = group["time"].iloc[:1].where(pd.Series([False], group.index[:1]))
        alarm = nothing.iloc[0]
        share = np.nan
    else:
        alarm = group["time"].iloc[low.argmax()]
        share = float(low[low.argmax() :].mean())
    return {
        "series": series,
        "end": end,
        "alarm": alarm,
        "lead": end - alarm,
        "share": share,
    }
