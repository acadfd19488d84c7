"""The configuration file: TOML in, arguments of the Python API out."""

from __future__ import annotations

from multitide.config._config import Config
from multitide.config._config_problems import config_problems
from multitide.config._data_section import DataSection
from multitide.config._load_config import load_config

__all__ = ["Config", "DataSection", "config_problems", "load_config"]
