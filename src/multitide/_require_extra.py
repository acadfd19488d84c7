"""Optional packages: which extra installs them, and one message where they are missing."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from multitide.errors import MissingDependencyError

# What is imported, by the extra of pyproject.toml that installs it; what an aggregator needs,
# TorchJD knows.
EXTRAS = {
    "balancing": (),
    "excel": ("openpyxl",),
    "explain": ("captum",),
    "mlflow": ("mlflow",),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "ray": ("ray",),
    "serve": ("fastapi", "uvicorn"),
    "tensorboard": ("tensorboard",),
    "tune": ("optuna",),
}


def require_extra(extra: str, what: str, or_else: str = "") -> None:
    """Raise :class:`MissingDependencyError` unless the packages of an extra are installed.

    Parameters
    ----------
    extra : str
        A key of ``EXTRAS``.
    what : str
        What needs the packages, as the start of a sentence.
    or_else : str
        What to do without them.
    """
    missing = []
    for package in EXTRAS[extra]:
        if find_spec(package) is None:
            missing.append(package)
    if missing:
        raise missing_extra(extra, what, missing, or_else)


def missing_extra(
    extra: str, what: str, missing: Sequence[str] = (), or_else: str = ""
) -> MissingDependencyError:
    """Return the error that names the packages, if known, and the line that installs them."""
    if not missing:
        needed = "packages that are"
    elif len(missing) == 1:
        needed = f"{missing[0]}, which is"
    else:
        needed = f"{' and '.join(missing)}, which are"
    return MissingDependencyError(
        f'{what} needs {needed} not installed. pip install "multitide[{extra}]"{or_else}'
    )
