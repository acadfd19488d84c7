"""A transformer of the user's is not stored; what it makes of some training series is, so that it is known again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from multitide.data._samples import Samples
from multitide.errors import DataError, ParameterError, StoreError
from multitide.representations._features import TransformedEncoder

KEY = "multitide.probe"
TOLERANCE = 1e-4


def save_probe(encoder: TransformedEncoder, path: Path) -> None:
    """Write some raw training series, their vectors, and what else is needed but the transformer itself."""
    probe = encoder.probe
    kind = type(encoder.transformer).__name__
    record = {
        "transformer": kind,
        "flat": encoder.flat,
        "channels": list(probe.channels),
        "n_steps": encoder.n_steps,
    }
    arrays = {
        "lengths": probe.lengths,
        "series": probe.gather(slice(None)),
        "vectors": encoder.transform(probe),
    }
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    safetensors.numpy.save_file(arrays, path, metadata={KEY: json.dumps(record)})


def encoder_of(transformer: Any, path: Path) -> TransformedEncoder:
    """Return the encoder of a fitted transformer, if it makes of the stored series what it made of them.

    Parameters
    ----------
    transformer : object or None
        Fitted, as it was when the model was saved.
    path : path
        What `save_probe` wrote.

    Raises
    ------
    ParameterError
        If it is missing, fails on the stored series, or makes something else of them.
    StoreError
        If the file cannot be read.
    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            record = json.loads(file.metadata()[KEY])
            lengths, series, expected = (
                file.get_tensor(name) for name in ("lengths", "series", "vectors")
            )
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{str(path)!r} must hold a whole probe; it cannot be read ({error})."
        ) from error
    if transformer is None:
        raise ParameterError(
            f"`representation` must be given: this model reads vectors of a {record['transformer']} of your own, which "
            "is not stored. MultiTaskEstimator.load(folder, representation=TRANSFORMER) takes the fitted one again."
        )
    whole = [x[:, :length] for x, length in zip(series, lengths, strict=True)]
    probe = Samples.from_arrays(whole, channels=record["channels"])
    encoder = TransformedEncoder(transformer, record["flat"], probe, record["n_steps"])
    _check(encoder, expected, record["transformer"])
    return encoder


def _check(encoder: TransformedEncoder, expected: np.ndarray, kind: str) -> None:
    """Raise unless the encoder makes the expected vectors of its probe."""
    try:
        vectors = encoder.transform(encoder.probe)
    except Exception as error:  # whatever a user's transformer raises
        problem = error if isinstance(error, DataError) else f"{type(error).__name__}: {error}"
        wanted = f"`representation` must be the fitted {kind}"
        raise ParameterError(f"{wanted}; it fails on a stored series. {problem}") from error
    if vectors.shape != expected.shape:
        found = f"vectors of {vectors.shape[1]} entries instead of {expected.shape[1]}"
    else:
        off = np.abs(np.nan_to_num(vectors - expected)).max(initial=0.0)
        same_holes = (np.isnan(vectors) == np.isnan(expected)).all()
        if same_holes and off <= TOLERANCE * max(1.0, np.nanmax(np.abs(expected), initial=0.0)):
            return
        found = f"vectors that differ by up to {off:.3g}"
    raise ParameterError(
        f"`representation` must be the {kind} that the model was fitted with; of stored series it makes {found}. "
        "Give the one that was `estimator.representation_.transformer`."
    )
