"""The configuration that a run folder holds."""

from __future__ import annotations

from pathlib import Path

from multitide._folder_kinds import RUN_CONFIG
from multitide.config._config import Config
from multitide.config._load_config import load_config
from multitide.errors import MultitideError


def config_of_run(run: Path) -> Config | None:
    """Return the configuration of a run; None if the folder has none that can be read.

    A model folder has none, and anybody may have edited that of a run.
    """
    path = run / RUN_CONFIG
    if not path.is_file():
        return None
    try:
        return load_config(path)
    except (MultitideError, OSError):
        return None
