"""Follow three values through the package: which files they enter, and how often they turn back.

``python tools/walks.py`` traces a table that becomes Samples, a batch that becomes a step, and an
arm that becomes a verdict. Of each function only the first call counts, so loops count once. A walk
turns back when it leaves a room (a package or a file of the root) for one that is built higher.
"""

from __future__ import annotations

import ast
import sys
import tempfile
from collections.abc import Callable
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path
from types import FrameType

import numpy as np
import pandas as pd

import multitide as mt

PACKAGE = Path(mt.__file__).parent


def room_of(path: Path) -> str:
    """`study/runs/_jobs.py` lies in `study`; a file of the root is a room of its own."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def levels() -> dict[str, int]:
    """Return the height of every room: one more than that of the rooms that it imports."""
    below: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        if path.parent == PACKAGE and path.name == "__init__.py":
            continue
        room = room_of(path)
        below.setdefault(room, set())
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                below[room] |= set(rooms_of_import(node.module))
        below[room].discard(room)
    heights: dict[str, int] = {}
    for room in TopologicalSorter(below).static_order():
        heights[room] = 1 + max((heights[other] for other in below[room]), default=-1)
    return heights


def rooms_of_import(module: str) -> list[str]:
    if not module.startswith("multitide."):
        return []
    place = PACKAGE.joinpath(*module.split(".")[1:])
    if place.is_dir():
        return [room_of(place / "__init__.py")]
    return [room_of(place.with_suffix(".py"))]


def walk(task: Callable[[], object]) -> list[Path]:
    """Return the files that a call enters, in order, from the first call of each function."""
    seen = set()
    files: list[Path] = []

    def note(frame: FrameType, event: str, argument: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event != "call" or PACKAGE not in path.parents or frame.f_code in seen:
            return
        if frame.f_code.co_name == "<module>" or path == PACKAGE / "__init__.py":
            return
        seen.add(frame.f_code)
        if not files or files[-1] != path:
            files.append(path)

    sys.setprofile(note)
    try:
        task()
    finally:
        sys.setprofile(None)
    return files


def report(name: str, task: Callable[[], object], heights: dict[str, int]) -> None:
    files = walk(task)
    turns = 0
    for before, after in pairwise(files):
        turns += heights[room_of(after)] > heights[room_of(before)]
    names = list(dict.fromkeys(str(path.relative_to(PACKAGE)) for path in files))
    rooms = list(dict.fromkeys(room_of(path) for path in files))
    print(f"{name}: {len(names)} files of {len(rooms)} rooms, {turns} turns back")
    print("  " + "\n  ".join(names))


def main() -> None:
    heights = levels()
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "time": pd.date_range("2025-01-01", periods=160, freq="h"),
            "heat": rng.normal(size=160),
            "flow": rng.normal(size=160),
            "state": rng.choice(["on", "off"], 160),
            "load": rng.normal(size=160),
        }
    )
    # Once before, so that imports are not part of the walk.
    samples = mt.read_table(table, tasks=["state", "load"], window=16, stride=4)
    report(
        "table to Samples",
        lambda: mt.read_table(table, tasks=["state", "load"], window=16, stride=4),
        heights,
    )
    estimator = mt.MultiTaskEstimator(backbone="cnn1d", max_epochs=1)

    # Imported here, so that the bodies of its classes are not part of the walk.
    from multitide.study import compare

    # The first batch of a fit: what is called between `step` and its return.
    from multitide.training._trainer import Trainer

    step = Trainer.step
    walked = []

    def first_step(trainer: Trainer, *batch: object) -> object:
        if walked:
            return step(trainer, *batch)
        walked.append(True)
        outcome = []
        report("batch to step", lambda: outcome.append(step(trainer, *batch)), heights)
        return outcome[0]

    Trainer.step = first_step  # type: ignore[method-assign]
    estimator.fit(samples)
    Trainer.step = step  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        report(
            "one arm from configuration to verdict",
            lambda: str(
                compare(
                    samples,
                    estimator=estimator,
                    arms=["alone", "hard"],
                    n_seeds=1,
                    n_jobs=1,
                    verbose=0,
                    folder=Path(folder) / "study",
                )
            ),
            heights,
        )


if __name__ == "__main__":
    main()
