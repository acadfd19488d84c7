"""The script for a GPU: its part that runs on the CPU, and how it reports."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from multitide.errors import ParameterError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, ModuleType]]:
    """Return the script and its checks."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    import gpu
    import gpu_checks

    yield gpu, gpu_checks
    for name in set(sys.modules) - before:
        if name in ("gpu", "gpu_checks", "training_step"):
            del sys.modules[name]


def test_a_failed_check_does_not_stop_the_others(
    modules: tuple[ModuleType, ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, gpu_checks = modules

    def refused() -> str:
        raise ParameterError("no such pair")

    listed = [
        ("far", lambda: gpu_checks.must(0.5)),
        ("pair", refused),
        ("near", lambda: gpu_checks.must(1e-6)),
    ]
    monkeypatch.setattr(gpu_checks, "checks", lambda *_: iter(listed))
    assert gpu_checks.run_checks("cpu") == 1
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == ["FAILED", "refused", "ok"]
    assert "5.0e-01, above 1e-04" in printed[0]


@pytest.mark.slow
def test_the_part_of_the_cpu_runs(
    modules: tuple[ModuleType, ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    gpu, _ = modules
    assert gpu.main(["--device", "cpu", "--quick"]) == 0
    printed = capsys.readouterr().out
    assert "plain loop" in printed
    assert "fits on cpu, n_jobs=1" in printed
    assert "FAILED" not in printed
