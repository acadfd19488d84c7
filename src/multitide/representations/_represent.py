"""Samples whose series are vectors, ready for a linear head or for ``MultiTaskEstimator(backbone="fc")``."""

from __future__ import annotations

import dataclasses

import numpy as np

from multitide.data._samples import Samples
from multitide.encodings._representation import Encoder
from multitide.errors import DataError


def represent(samples: Samples, encoder: Encoder | np.ndarray) -> Samples:
    """Return the samples with one vector each instead of a series; labels, static inputs and times stay.

    Parameters
    ----------
    samples : Samples
        Raw series.
    encoder : Encoder or ndarray of shape (n_samples, n_features)
        A fitted representation, ``MiniRocket().fit(samples[split.train])``, or vectors that come
        from elsewhere.

    Returns
    -------
    Samples
        One step each, with channels "f0", "f1", ...; `values` is the array of vectors, float32
        (n_samples, n_features).

    Raises
    ------
    DataError
        If there is not one vector a sample, or a vector has infinite entries.
    """
    vectors = np.asarray(
        encoder.transform(samples) if isinstance(encoder, Encoder) else encoder, dtype=np.float32
    )
    if (
        vectors.ndim != 2
        or len(vectors) != len(samples)
        or not vectors.shape[1]
        or np.isinf(vectors).any()
    ):
        raise DataError(
            f"`encoder` must give {len(samples)} vectors of finite numbers; got shape {vectors.shape}"
            + (", with infinite values." if np.isinf(vectors).any() else ".")
        )
    return dataclasses.replace(
        samples,
        values=np.ascontiguousarray(vectors),
        starts=np.arange(len(vectors), dtype=np.int64),
        lengths=np.ones(len(vectors), dtype=np.int64),
        channels=entry_names(vectors.shape[1]),
        categories={},
        reading=None,
    )


def entry_names(n_features: int) -> tuple[str, ...]:
    """Return the names of a vector's entries, as channels: "f0", "f1", ..."""
    return tuple(f"f{i}" for i in range(n_features))
