"""Configurations and weights of the reference system, for its users.

The reference system is KUDataMultitasklearning
(https://github.com/ClustProject/KUDataMultitasklearning); "the page" is its README.
``docs/guide/reference-system.md`` lists what replaces each line of it in multitide.
"""

from __future__ import annotations

from multitide.compat._from_reference_config import from_reference_config
from multitide.compat._load_reference_weights import load_reference_weights
from multitide.compat._model_folder import model_folder

__all__ = ["from_reference_config", "load_reference_weights", "model_folder"]
