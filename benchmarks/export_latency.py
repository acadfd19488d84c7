"""How long one prediction takes: an exported file in ONNX Runtime beside the model in torch.

The reference network (lstm_fcn) on one series of 24 steps, on one thread. The ways take turns, so
that what else the machine does meets all of them. Printed are the median and the fastest tenth,
and the median time of the processor, in which waiting for other processes does not count.

    python benchmarks/export_latency.py [--repeats 2000]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime import InferenceSession, SessionOptions

import multitide as mt
from multitide.exporting._quantised import quantised


def time_in_turns(
    ways: Mapping[str, Callable[[], object]], repeats: int, n_first: int = 50
) -> dict[str, np.ndarray]:
    """Return the milliseconds of every call, and those of the processor, by way.

    The `n_first` calls before them warm up.
    """
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for repeat in range(repeats + n_first):
        for name, way in ways.items():
            begin, computing = time.perf_counter(), time.thread_time()
            way()
            computing = time.thread_time() - computing
            if repeat >= n_first:
                took[name].append((time.perf_counter() - begin, computing))
    return {name: np.array(values) * 1e3 for name, values in took.items()}


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
        graph = onnx.load(model.export(Path(folder) / "model.onnx"))
    feed = {"series": series, "lengths": lengths}
    for name, each in (("float32", graph), ("int8", quantised(graph))):
        session = InferenceSession(each.SerializeToString(), options)
        ways[f"ONNX Runtime, {name}"] = partial(session.run, None, feed)
    module = model.model_.eval()
    tensors = torch.from_numpy(series), torch.from_numpy(lengths)

    def eager() -> object:
        with torch.no_grad():
            return module(*tensors)

    ways["torch, the module"] = eager
    ways["estimator.predict"] = lambda: model.predict(samples[:1])
    for name, took in time_in_turns(ways, repeats).items():
        median, fast = np.percentile(took[:, 0], [50, 10])
        computing = np.median(took[:, 1])
        print(
            f"{name:24} median {median:8.3f} ms   fastest tenth {fast:8.3f} ms   "
            f"processor {computing:8.3f} ms"
        )
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
