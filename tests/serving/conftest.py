"""A model of a table and a client of its server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from makers import SMALL, small
from multitide import MultiTaskEstimator, read_table

pytest.importorskip("fastapi")

from starlette.testclient import TestClient

from serving_client import client_of


def make_table(n_rows: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"time": pd.date_range("2024-01-01", periods=n_rows, freq="h")}
    )
    table["a"], table["b"] = rng.normal(size=n_rows), rng.normal(size=n_rows)
    table["state"] = np.where(table["a"] > 0, "<b>high</b>", "low")
    table["load"] = table["b"] * 10 + 100
    return table


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    return make_table()


@pytest.fixture(scope="session")
def model(table: pd.DataFrame) -> MultiTaskEstimator:
    samples = read_table(table, tasks=["state", "load"], time="time", window=12)
    return small(backbone=SMALL, max_epochs=1, verbose=0).fit(samples)


@pytest.fixture(scope="session")
def folder(model: MultiTaskEstimator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model.save(tmp_path_factory.mktemp("served") / "model")


@pytest.fixture(scope="session")
def client(model: MultiTaskEstimator) -> TestClient:
    return client_of(model)
