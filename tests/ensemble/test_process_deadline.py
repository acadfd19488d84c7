"""A worker process ends when its block takes too long, but not before it may."""

from __future__ import annotations

import subprocess
import sys

import pytest

from multitide.ensemble import _process_deadline
from multitide.ensemble._process_deadline import EXIT_CODE, process_ends_after

# The file by itself: to import the package takes seconds.
PROGRAM = """
import runpy
import time
process_ends_after = runpy.run_path({path!r})["process_ends_after"]

began = time.perf_counter()
with process_ends_after({seconds}, lambda: time.perf_counter() - began > {earliest}):
    time.sleep({work})
print("ended by itself")
"""


def run(
    seconds: float, earliest: float, work: float
) -> subprocess.CompletedProcess[str]:
    path = _process_deadline.__file__
    program = PROGRAM.format(path=path, seconds=seconds, earliest=earliest, work=work)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("seconds", "earliest", "work", "is_ended"),
    [
        pytest.param(0.2, 0.0, 30, True, marks=pytest.mark.slow),
        pytest.param(0.0, 0.0, 30, True, marks=pytest.mark.slow),
        (0.2, 1.0, 30, True),
        pytest.param(0.2, 100.0, 1, False, marks=pytest.mark.slow),
        pytest.param(100.0, 0.0, 1, False, marks=pytest.mark.slow),
    ],
)
def test_the_process_ends_after_the_time_if_it_may(
    seconds: float, earliest: float, work: float, is_ended: bool
) -> None:
    done = run(seconds, earliest, work)
    if is_ended:
        assert (done.returncode, done.stdout) == (EXIT_CODE, "")
    else:
        assert (done.returncode, done.stdout) == (0, "ended by itself\n")


def test_without_a_limit_nothing_is_watched() -> None:
    def never() -> bool:
        raise AssertionError("asked without a limit")

    with process_ends_after(float("inf"), never):
        pass
