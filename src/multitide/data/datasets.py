"""Public data sets, ready to fit: downloaded once from their publishers, or read from a path.

Tables are compared with the published ones. The publishers' archives could not be reached from the
machine where this was written: addresses and file names are as published, and the fingerprints were
measured on copies of the same tables. Where an archive has changed, ``path=`` reads your copy.
"""

from __future__ import annotations

from multitide.data._beijing import load_beijing_pm25
from multitide.data._hydraulic import load_hydraulic

__all__ = ["load_beijing_pm25", "load_hydraulic"]
