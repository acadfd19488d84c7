"""Where a sample comes from: the columns that identify its row of a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from multitide.data._samples import Samples


def origin_of(samples: Samples) -> pd.DataFrame:
    """Return the series of each sample and the time of its last row, named as in the table.

    The names are ``series`` and ``time`` if the table has no such column, or several.
    """
    import pandas as pd

    reading = samples.reading or {}
    origin = pd.DataFrame({reading.get("series") or "series": samples.series})
    if samples.time is None:
        return origin
    columns: Sequence[str] = reading.get("time") or ()
    name = "time"
    if len(columns) == 1:
        name = columns[0]
    return origin.assign(**{name: samples.time})
