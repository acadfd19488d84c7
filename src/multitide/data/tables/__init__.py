"""From a table in a file or in memory to Samples."""

from __future__ import annotations

from multitide.data.tables._column_roles import column_roles
from multitide.data.tables._read_like import read_like
from multitide.data.tables._read_parts import read_parts
from multitide.data.tables._read_table import read_table

__all__ = ["column_roles", "read_like", "read_parts", "read_table"]
