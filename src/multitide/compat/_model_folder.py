"""Where a configuration of the reference system keeps its model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multitide.errors import ParameterError


def model_folder(config: Mapping[str, Any]) -> Path:
    """Return the folder that stands for a configuration's ``best_model_path``: its path without ``.pt``.

    ``estimator.save(model_folder(config))`` writes it, and ``fit(X, y,
    start=model_folder(config))`` reads it.

    Parameters
    ----------
    config : mapping
        As in :func:`from_reference_config`.

    Raises
    ------
    ParameterError
        If ``best_model_path`` is not given or no path.
    """
    path = config.get("best_model_path")
    if not isinstance(path, (str, Path)) or not Path(path).name:
        raise ParameterError(
            f"`best_model_path` must be a path such as './ckpt/lstm.pt'; got {path!r}."
        )
    return Path(path).with_suffix("") if Path(path).suffix in (".pt", ".pth") else Path(path)
