"""The configuration file: TOML in, arguments of the API out."""

from __future__ import annotations

from multitide.config._config import Config
from multitide.config._config_problems import config_problems
from multitide.config._load_config import load_config

__all__ = ["Config", "config_problems", "load_config"]
