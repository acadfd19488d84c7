"""How many requests per second a server answers, and how long they take.

A model is trained on simulated runs and served on one core; several connections ask for one window
again and again, on the loopback address only.

    python benchmarks/serve_load.py [--seconds 60] [--connections 8] [--engine auto]
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

import multitide as mt

WARM_UP = 50  # requests


def fit_model(folder: Path) -> int:
    """Train the reference network on the rig, and return its number of channels."""
    samples = mt.simulate_rig(n_runs=200, n_timepoints=(24, 24), random_state=0)
    samples = samples.replace(static=None)
    model = mt.MultiTaskEstimator(
        backbone="lstm_fcn", max_epochs=1, random_state=0, verbose=0
    )
    model.fit(samples).save(folder)
    return samples.n_channels


def start(folder: Path, engine: str) -> tuple[subprocess.Popen[str], int]:
    """Start the server on one core, and return it with its port."""
    command = [sys.executable, "-m", "multitide", "serve", str(folder)]
    if hasattr(os, "sched_setaffinity"):
        core = min(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {core})
    server = subprocess.Popen(
        [*command, "--port", "0", "--engine", engine],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    assert server.stdout is not None
    for line in server.stdout:
        print(line.strip())
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if found:
            return server, int(found[1])
    raise SystemExit("the server did not start")


def cpu_seconds(pid: int) -> float:
    """Return the time of the processor that a process has taken, on Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(port: int, body: bytes, end: float, took: list[float]) -> None:
    """Send one request after the other until the time is over."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/json"}
    while time.perf_counter() < end:
        begin = time.perf_counter()
        connection.request("POST", "/predict", body, headers)
        response = connection.getresponse()
        response.read()
        assert response.status == 200, response.status
        took.append(time.perf_counter() - begin)
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--engine", default="auto")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        n_channels = fit_model(Path(place) / "model")
        window = np.random.default_rng(0).normal(size=(1, n_channels, 24)).round(3)
        body = json.dumps({"windows": window.tolist()}).encode()
        server, port = start(Path(place) / "model", arguments.engine)
        try:
            for _ in range(WARM_UP):
                ask(port, body, time.perf_counter() + 1e-9, [])
            took: list[float] = []
            before = cpu_seconds(server.pid)
            end = time.perf_counter() + arguments.seconds
            threads = []
            for _ in range(arguments.connections):
                thread = threading.Thread(target=ask, args=(port, body, end, took))
                thread.start()
                threads.append(thread)
            for thread in threads:
                thread.join()
            spent = cpu_seconds(server.pid) - before
        finally:
            server.terminate()
            server.wait()
    p50, p99 = np.percentile(took, [50, 99]) * 1e3
    print(f"{spent / len(took) * 1e3:.1f} ms of the processor per request")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(
        f"{len(took) / arguments.seconds:.0f} requests/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        f" ({arguments.connections} connections, {arguments.seconds:g} s)"
    )


if __name__ == "__main__":
    main()
