"""The method with which a fitted model exports itself."""

from __future__ import annotations

from pathlib import Path

from multitide.exporting._export import export
from multitide.model._fitted_model import FittedModel


class ExportableModel(FittedModel):
    """A fitted model that can be written as an ONNX file."""

    def export(
        self, path: str | Path, *, data_set: str | None = None, int8: bool = False
    ) -> Path:
        """Write the model as an ONNX file; see :func:`multitide.export`."""
        return export(self, path, data_set=data_set, int8=int8)
