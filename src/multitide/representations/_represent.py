"""Replace the series of samples by vectors, for a linear head or the backbone "fc"."""

from __future__ import annotations

import dataclasses

import numpy as np

from multitide.data._samples import Samples
from multitide.encodings._representation import Encoder
from multitide.errors import DataError


def represent(samples: Samples, encoder: Encoder | np.ndarray) -> Samples:
    """Return the samples with one vector each instead of a series.

    Labels, static inputs and times stay the same.

    Parameters
    ----------
    samples : Samples
        Raw series.
    encoder : Encoder or ndarray of shape (n_samples, n_features)
        A fitted representation, ``MiniRocket().fit(samples[split.train])``, or vectors from
        elsewhere.

    Returns
    -------
    Samples
        One step each, with the channels "f0", "f1", and so on. `values` holds the vectors, float32
        (n_samples, n_features).

    Raises
    ------
    DataError
        Unless there is one vector per sample, with finite or missing entries.
    """
    if isinstance(encoder, Encoder):
        encoder = encoder.transform(samples)
    vectors = np.asarray(encoder, dtype=np.float32)
    infinite = bool(np.isinf(vectors).any())
    if (
        vectors.ndim != 2
        or len(vectors) != len(samples)
        or not vectors.shape[1]
        or infinite
    ):
        problem = f"shape {vectors.shape}"
        if infinite:
            problem += ", with infinite values"
        raise DataError(
            f"`encoder` must give {len(samples)} "
            "vectors of finite numbers; "
            f"got {problem}."
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
    """Return the names of the entries of a vector, as channels: "f0", "f1", and so on."""
    return tuple(f"f{i}" for i in range(n_features))
