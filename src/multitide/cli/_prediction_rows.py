"""Predictions as a table with one row per sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from multitide.data._samples import Samples
    from multitide.model._fitted_model import FittedModel


def prediction_rows(
    model: FittedModel,
    samples: Samples,
    data_set: str = "",
    interval: float | None = None,
) -> pd.DataFrame:
    """Return one row per sample: its origin, predictions, probabilities and quantiles.

    The columns of the latter are ``p(task=class)``, ``p(label)`` and ``q(task=level)``; the risk of
    a survival task is ``risk(task)``. With the level of an interval, the intervals and sets follow.
    """
    import pandas as pd

    from multitide.cli._origin import origin_of
    from multitide.data._data_sets import DataSets
    from multitide.model._intervals import check_level, interval_table
    from multitide.model._prediction import (
        prediction_table,
        probability_tables,
        quantile_tables,
        risk_table,
    )

    if interval is not None:
        interval = check_level(interval, model.scores_)
    decoded = model.decode_data_sets(DataSets({data_set: samples}))[data_set]
    tables = [origin_of(samples), prediction_table(model.targets_, decoded)]
    for table in probability_tables(model.targets_, decoded).values():
        task = table.columns.name
        names = []
        for value in table:
            names.append(f"p({task}={value})" if task else f"p({value})")
        tables.append(table.set_axis(names, axis=1))
    for task, table in quantile_tables(model.targets_, decoded).items():
        names = []
        for level in table:
            names.append(f"q({task}={level:g})")
        tables.append(table.set_axis(names, axis=1))
    risks = risk_table(model.targets_, decoded)
    tables.append(risks.set_axis([f"risk({task})" for task in risks], axis=1))
    if interval is not None:
        table = interval_table(model.targets_, model.scores_, decoded, interval)
        tables.append(table.map(_as_text))
    return pd.concat(tables, axis=1)


def _as_text(value: object) -> object:
    """Return a set as one text, and any other value as it is."""
    if isinstance(value, tuple):
        return " | ".join(map(str, value))
    return value
