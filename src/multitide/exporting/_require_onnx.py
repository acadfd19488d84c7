"""The packages that write and run ONNX files."""

from __future__ import annotations

from importlib.util import find_spec

from multitide.errors import MissingDependencyError

PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def require_onnx() -> None:
    """Raise :class:`MissingDependencyError` unless ONNX files can be written and run."""
    missing = []
    for package in PACKAGES:
        if find_spec(package) is None:
            missing.append(package)
    if missing:
        raise MissingDependencyError(
            f"ONNX files need {' and '.join(missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not installed. "
            'pip install "multitide[onnx]"'
        )
