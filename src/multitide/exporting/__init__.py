"""Export fitted models to files that other programs run without torch."""

from __future__ import annotations

from multitide.exporting._export import export

__all__ = ["export"]
