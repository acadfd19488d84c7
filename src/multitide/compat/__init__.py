"""What the reference system's users bring along: its configurations and its weights.

The reference system is KUDataMultitasklearning
(https://github.com/ClustProject/KUDataMultitasklearning); "the page" is its README.
``docs/guide/reference-system.md`` sets every line of it beside what stands for it here.
"""

from __future__ import annotations

from multitide.compat._from_reference_config import from_reference_config
from multitide.compat._load_reference_weights import load_reference_weights
from multitide.compat._model_folder import model_folder

__all__ = ["from_reference_config", "load_reference_weights", "model_folder"]
