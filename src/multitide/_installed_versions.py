"""The versions of the packages that influence results."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("multitide", "torch", "numpy", "pandas", "scikit-learn")


def installed_versions() -> dict[str, str]:
    """Return the version of each package that influences results."""
    return {name: _version(name) for name in PACKAGES}


@cache  # looking them up is slow
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
