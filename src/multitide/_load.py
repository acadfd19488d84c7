"""Load a fitted model: an estimator or an ensemble."""

from __future__ import annotations

from pathlib import Path

from multitide._estimator import MultiTaskEstimator
from multitide._folder_kinds import is_ensemble
from multitide._local_copy import local_folder
from multitide.ensemble._ensemble import Ensemble
from multitide.errors import ParameterError


def load(
    folder: str | Path, *, device: str | None = None, representation: object = None
) -> MultiTaskEstimator | Ensemble:
    """Load a fitted model from its model or run folder; no pickle is read.

    Parameters
    ----------
    folder : path or URL
        What :meth:`MultiTaskEstimator.save`, :meth:`Ensemble.save`, :func:`run_fit` or
        ``multitide fit`` wrote; a URL such as ``s3://bucket/run`` if fsspec
        has a driver for it.
    device, representation : optional
        As in :meth:`MultiTaskEstimator.load`.

    Returns
    -------
    MultiTaskEstimator or Ensemble
        Ready to predict.

    Raises
    ------
    StoreError
        If it is not such a folder (the message says what it is instead, and what reads it), was
        altered or damaged, or was written by a newer multitide.
    ParameterError
        If `representation` is missing or a different one.
    MissingDependencyError
        If the driver of a URL is not installed.

    Examples
    --------
    >>> import tempfile
    >>> import multitide as mt
    >>> samples = mt.simulate_rig(n_runs=40, random_state=0)
    >>> estimator = mt.MultiTaskEstimator(max_epochs=1, random_state=0, verbose=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     saved = estimator.fit(samples).save(f"{folder}/model")
    ...     loaded = mt.load(saved)
    >>> loaded.predict(samples).equals(estimator.predict(samples))
    True
    """
    with local_folder("folder", folder) as place:
        if not is_ensemble(place):
            return MultiTaskEstimator.load(
                place, device=device, representation=representation
            )
        if representation is not None:
            raise ParameterError(
                "`representation` must be left out for an ensemble, whose members store "
                f"theirs; got {representation!r}."
            )
        return Ensemble.load(place, device=device)
