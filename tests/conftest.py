"""Fixtures that several tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import sklearn.ensemble  # noqa: F401  # the limit below holds for libraries that are loaded
import torch
import typer.testing
from hypothesis import Phase, settings
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from makers import FEW_BOOSTED
from multitide.backbones import Trees
from multitide.fitting import _auto_backbone, _cross_fit

# One process a core runs the tests, so that further threads would only wait for each other.
torch.set_num_threads(1)
threadpool_limits(1)
# To explain failures, the lowest version traces every line of tests that pass: minutes for one.
settings.register_profile(
    "unexplained", phases=[phase for phase in Phase if phase is not Phase.explain]
)
settings.load_profile("unexplained")
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data next to the repository; tests that need it skip without it."""
    if not SHARED_DATA.exists():
        pytest.skip(f"real data not found at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def without_fsync() -> Iterator[None]:
    """Let no test wait for the disk: only a power cut could lose what a process has written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_command() -> Iterator[None]:
    """Build the command once: typer's runner builds it for every call, which takes 50 ms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", cache(typer.main.get_command))
        yield


@pytest.fixture(scope="session", autouse=True)
def without_folds(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fit the default without the folds of few rows, which take two thirds of its time.

    They have tests of their own, and `make test-all` fits them everywhere.
    """
    with pytest.MonkeyPatch.context() as patch:
        if request.config.option.markexpr == "not slow":
            patch.setattr(_cross_fit, "MOST_ROWS", 0)
        yield


@pytest.fixture
def quick_learners(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the learners beside the network of the default be small."""
    forest = Trees(n_trees=9, n_levels=0)
    monkeypatch.setattr(_auto_backbone, "boosted_trees", lambda *sizes: FEW_BOOSTED)
    monkeypatch.setattr(_auto_backbone, "forest_for_many", lambda *sizes: forest)
    monkeypatch.setattr(_auto_backbone, "QUANTILE_TREES", 9)
    monkeypatch.setattr(_auto_backbone, "KERNEL_FEATURES", 168)


@pytest.fixture
def blank_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill figures with their data but leave them blank: drawing takes longer than a small fit."""
    monkeypatch.setattr(Figure, "draw", lambda *_: None)
