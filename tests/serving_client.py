"""A server of a model: a client in this process, or the command in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from multitide import MultiTaskEstimator
from multitide.serving._engine import make_engine
from multitide.serving._limits import Limits
from multitide.serving._make_app import Service, make_app


def client_of(model: MultiTaskEstimator, **options: Any) -> TestClient:
    """Return a client of a server with small limits; `options` are those of `Service`."""
    record = model.data_[0]
    engine, _ = make_engine(model, record, "torch")
    options.setdefault("limits", Limits(megabytes=1, rows=2000))
    service = Service(model, record, options.pop("engine", engine), **options)
    return TestClient(make_app(service), raise_server_exceptions=False)


@contextmanager
def server(
    folder: Path, *options: str, key: str = ""
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start the command on a free port; stop it at the end."""
    command = [sys.executable, "-m", "multitide", "serve", str(folder), "--port", "0"]
    environment = {**os.environ, "MULTITIDE_API_KEY": key}
    process = subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if found:
                yield process, int(found[1])
                break
        else:
            raise AssertionError("the server did not start")
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
