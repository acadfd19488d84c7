"""The series of samples as a lazy array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

if TYPE_CHECKING:
    from multitide.data._samples import Samples


Rows: TypeAlias = "int | slice | Sequence[int] | Sequence[bool] | np.ndarray"


class SeriesView:
    """The series of :class:`Samples` as a lazy array: it copies only what is indexed."""

    ndim = 3

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The type of the values: float32, or float64 if a channel needs it."""
        return self._samples.values.dtype

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_samples, n_channels, n_timepoints)."""
        return self._samples.shape

    def __repr__(self) -> str:
        return f"<series of shape {self.shape}, {self.dtype}; np.asarray copies them>"

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: Rows | tuple[Rows, ...]) -> np.ndarray:
        if isinstance(index, tuple):
            rows, rest = index[0], index[1:]
        else:
            rows, rest = index, ()
        block = self._samples.gather(rows)
        if np.ndim(np.arange(len(self))[rows]) == 0:
            block = block[0]
        if not rest:
            return block
        if block.ndim == 3:
            return block[(slice(None), *rest)]
        return block[rest]

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> np.ndarray:
        series = self._samples.gather(slice(None))
        return series.astype(dtype or self.dtype, copy=False)
