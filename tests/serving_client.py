"""A client of the server of a model, in this process."""

from __future__ import annotations

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
