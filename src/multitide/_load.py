"""Load a fitted model: the short form of `MultiTaskEstimator.load`."""

from __future__ import annotations

from pathlib import Path

from multitide._estimator import MultiTaskEstimator


def load(
    folder: str | Path, *, device: str | None = None, representation: object = None
) -> MultiTaskEstimator:
    """Load a fitted model from its model or run folder; no pickle is read.

    Parameters
    ----------
    folder : path
        What :meth:`MultiTaskEstimator.save`, :func:`run_fit` or ``multitide fit`` wrote.
    device, representation : optional
        As in :meth:`MultiTaskEstimator.load`.

    Returns
    -------
    MultiTaskEstimator
        Ready to predict.

    Raises
    ------
    StoreError
        If it is not such a folder (the message says what it is instead, and what reads it), was
        altered or damaged, or was written by a newer multitide.
    ParameterError
        If `representation` is missing or a different one.

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
    return MultiTaskEstimator.load(folder, device=device, representation=representation)
