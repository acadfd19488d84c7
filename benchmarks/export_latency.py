"""How long one prediction takes: an exported file in ONNX Runtime beside the model in torch.

The reference network (lstm_fcn) on one series of 24 steps, on one thread. The ways take turns, so
that what else the machine does meets all of them; the median and the fastest tenth are printed.

    python benchmarks/export_latency.py [--repeats 2000]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from onnxruntime import InferenceSession, SessionOptions

import multitide as mt


def time_in_turns(
    ways: dict[str, Callable[[], object]], repeats: int
) -> dict[str, np.ndarray]:
    """Return the milliseconds of every call, by way."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats + 50):
        for name, way in ways.items():
            begin = time.perf_counter()
            way()
            if repeat >= 50:  # the first ones warm up
                took[name].append((time.perf_counter() - begin) * 1e3)
    return {name: np.array(values) for name, values in took.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=2000)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    samples = mt.simulate_rig(n_runs=200, n_timepoints=(24, 24), random_state=0)
    samples = samples.replace(static=None)
    model = mt.MultiTaskEstimator(
        backbone="lstm_fcn", max_epochs=1, random_state=0, verbose=0
    ).fit(samples)
    series = samples[:1].gather(slice(None))
    lengths = np.array([24])
    options = SessionOptions()
    options.intra_op_num_threads = 1
    ways: dict[str, Callable[[], object]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("float32", "int8"):
            path = model.export(Path(folder) / f"{name}.onnx", int8=name == "int8")
            session = InferenceSession(path.read_bytes(), options)
            feed = {"series": series, "lengths": lengths}
            ways[f"ONNX Runtime, {name}"] = lambda s=session, f=feed: s.run(None, f)  # type: ignore[misc]
    module = model.model_.eval()
    tensors = torch.from_numpy(series), torch.from_numpy(lengths)

    def eager() -> object:
        with torch.no_grad():
            return module(*tensors)

    ways["torch, the module"] = eager
    ways["estimator.predict"] = lambda: model.predict(samples[:1])
    for name, took in time_in_turns(ways, repeats).items():
        median, fast = np.percentile(took, [50, 10])
        print(f"{name:24} median {median:7.3f} ms   fastest tenth {fast:7.3f} ms")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
