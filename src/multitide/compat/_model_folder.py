"""Where a configuration of the reference system keeps its model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from multitide.errors import ParameterError


def model_folder(config: Mapping[str, object]) -> Path:
    """Return the folder that replaces ``best_model_path``: the path without ``.pt``.

    ``estimator.save(model_folder(config))`` writes it, and ``fit(X, y,
    start=model_folder(config))`` reads it.

    Parameters
    ----------
    config : mapping
        As in :func:`from_reference_config`.

    Raises
    ------
    ParameterError
        If ``best_model_path`` is missing or not a path.
    """
    path = config.get("best_model_path")
    if not isinstance(path, str | Path) or not Path(path).name:
        raise ParameterError(
            f"`best_model_path` must be a path such as './ckpt/lstm.pt'; got {path!r}."
        )
    folder = Path(path)
    if folder.suffix in (".pt", ".pth"):
        return folder.with_suffix("")
    return folder
