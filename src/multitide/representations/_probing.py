"""Recognise a user's transformer, which is not stored, by its vectors for some training series."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from multitide._result_folder import write_file
from multitide.data._samples import Samples
from multitide.errors import DataError, ParameterError, StoreError
from multitide.representations._features import TransformedEncoder

KEY = "multitide.probe"
TOLERANCE = 1e-4  # of differences between vectors, relative to the largest entry


class ProbeRecord(TypedDict):
    """What is needed besides the arrays and the transformer itself."""

    transformer: str
    flat: bool
    channels: list[str]
    n_steps: int


def save_probe(encoder: TransformedEncoder, path: Path) -> None:
    """Write some raw training series and their vectors."""
    probe = encoder.probe
    record: ProbeRecord = {
        "transformer": type(encoder.transformer).__name__,
        "flat": encoder.flat,
        "channels": list(probe.channels),
        "n_steps": encoder.n_steps,
    }
    arrays = {
        "lengths": np.ascontiguousarray(probe.lengths),
        "series": np.ascontiguousarray(probe.gather(slice(None))),
        "vectors": np.ascontiguousarray(encoder.transform(probe)),
    }
    content = safetensors.numpy.save(arrays, metadata={KEY: json.dumps(record)})
    write_file(path, content)


def encoder_of(transformer: object, path: Path) -> TransformedEncoder:
    """Return the encoder of a fitted transformer if it reproduces the stored vectors.

    Parameters
    ----------
    transformer : object or None
        Fitted, as it was when the model was saved.
    path : path
        The file that `save_probe` wrote.

    Raises
    ------
    ParameterError
        If it is None, fails on the stored series, or gives other vectors.
    StoreError
        If the file cannot be read.
    """
    record, arrays = _read_probe(path)
    if transformer is None:
        raise ParameterError(
            "`representation` must be given: "
            "this model uses vectors of your own "
            f"{record['transformer']}, which is not stored. "
            "Pass the fitted transformer to "
            "MultiTaskEstimator.load(folder, "
            "representation=TRANSFORMER)."
        )
    series = []
    for padded, length in zip(arrays["series"], arrays["lengths"], strict=True):
        series.append(padded[:, :length])
    probe = Samples.from_arrays(series, channels=record["channels"])
    own: Any = transformer  # whatever the user passed; the next check tries it
    encoder = TransformedEncoder(own, record["flat"], probe, record["n_steps"])
    _check_vectors(encoder, arrays["vectors"], record["transformer"])
    return encoder


def _read_probe(path: Path) -> tuple[ProbeRecord, dict[str, np.ndarray]]:
    try:
        with safe_open(str(path), framework="numpy") as file:
            record: ProbeRecord = json.loads(file.metadata()[KEY])
            names = ("lengths", "series", "vectors")
            return record, {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{str(path)!r} must hold a complete probe; it cannot be read ({error})."
        ) from error


def _check_vectors(
    encoder: TransformedEncoder, expected: np.ndarray, kind: str
) -> None:
    """Raise unless the encoder gives the expected vectors for its probe."""
    try:
        vectors = encoder.transform(encoder.probe)
    except Exception as error:  # whatever a user's transformer raises
        if isinstance(error, DataError):
            problem = str(error)
        else:
            problem = f"{type(error).__name__}: {error}"
        raise ParameterError(
            f"`representation` must be the fitted {kind}; "
            f"it fails on a stored series. {problem}"
        ) from error
    difference = _difference(vectors, expected)
    if difference:
        raise ParameterError(
            f"`representation` must be the {kind} "
            "that the model was fitted with; "
            f"for the stored series it gives {difference}. "
            "Pass the transformer that was "
            "`estimator.representation_.transformer`."
        )


def _difference(vectors: np.ndarray, expected: np.ndarray) -> str:
    """Describe how vectors differ; "" if they agree up to `TOLERANCE`."""
    if vectors.shape != expected.shape:
        return f"vectors of {vectors.shape[1]} entries instead of {expected.shape[1]}"
    off = np.abs(np.nan_to_num(vectors - expected)).max(initial=0.0)
    same_missing = bool((np.isnan(vectors) == np.isnan(expected)).all())
    largest = max(1.0, np.nanmax(np.abs(expected), initial=0.0))
    if same_missing and off <= TOLERANCE * largest:
        return ""
    return f"vectors that differ by up to {off:.3g}"
