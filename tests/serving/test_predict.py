"""A request gets what the model predicts, in whatever form its data come."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from multitide import MultiTaskEstimator, Samples, read_like
from multitide.serving._batcher import Batcher
from serving_client import client_of

INPUTS = ["time", "a", "b"]


def as_csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def as_parquet(table: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    table.to_parquet(stream)
    return stream.getvalue()


def as_stream(table: pd.DataFrame) -> bytes:
    stream, content = io.BytesIO(), pa.Table.from_pandas(table)
    with pa.ipc.new_stream(stream, content.schema) as writer:
        writer.write_table(content)
    return stream.getvalue()


def as_file(table: pd.DataFrame) -> bytes:
    stream, content = io.BytesIO(), pa.Table.from_pandas(table)
    with pa.ipc.new_file(stream, content.schema) as writer:
        writer.write_table(content)
    return stream.getvalue()


def as_rows(table: pd.DataFrame) -> bytes:
    rows = table.assign(time=table["time"].astype(str)).to_json(orient="records")
    return f'{{"rows": {rows}}}'.encode()


FORMS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "text/csv; charset=utf-8": as_csv,
    "application/vnd.apache.parquet": as_parquet,
    "application/vnd.apache.arrow.stream": as_stream,
    "application/vnd.apache.arrow.file": as_file,
    "application/json": as_rows,
}


def post(client: TestClient, body: bytes, kind: str, query: str = "") -> Any:
    return client.post(f"/predict{query}", content=body, headers={"Content-Type": kind})


@pytest.mark.parametrize("kind", FORMS)
def test_a_table_gets_the_predictions_of_the_model(
    kind: str, client: TestClient, model: MultiTaskEstimator, table: pd.DataFrame
) -> None:
    data = table[INPUTS].iloc[:40]
    assert model.data_[0].reading is not None
    samples = read_like(model.data_[0].reading, data, need_labels=False)
    expected, shares = model.predict(samples), model.predict_proba(samples)["state"]
    response = post(client, FORMS[kind](data), kind)
    assert response.status_code == 200, response.text
    found = response.json()
    assert found["n_samples"] == len(samples) == 29
    state, load = found["tasks"]["state"], found["tasks"]["load"]
    assert state["predictions"]["state"] == expected["state"].tolist()
    np.testing.assert_allclose(load["predictions"]["load"], expected["load"], rtol=1e-6)
    np.testing.assert_allclose(state["probabilities"]["low"], shares["low"], rtol=1e-5)
    assert found["origin"]["time"][0].startswith("2024-01-01T11:00")


def test_windows_get_the_predictions_of_the_model(
    client: TestClient, model: MultiTaskEstimator
) -> None:
    X = np.random.default_rng(0).normal(size=(3, 2, 12)).round(3)
    windows = X.tolist()
    windows[1][0][4] = None
    X[1, 0, 4] = np.nan
    response = client.post("/predict", json={"windows": windows})
    assert response.status_code == 200, response.text
    expected = model.predict(Samples.from_arrays(X, channels=["a", "b"]))
    found = response.json()["tasks"]
    assert found["state"]["predictions"]["state"] == expected["state"].tolist()
    np.testing.assert_allclose(
        found["load"]["predictions"]["load"], expected["load"], rtol=1e-6
    )


def test_the_series_are_there_if_asked_for(
    client: TestClient, table: pd.DataFrame
) -> None:
    response = post(client, as_csv(table[INPUTS].iloc[:14]), "text/csv", "?series=true")
    (recording,) = response.json()["recordings"]
    assert recording["steps"] == list(range(14))
    assert recording["ends"] == [11, 12, 13] and recording["samples"] == [0, 1, 2]
    np.testing.assert_allclose(recording["channels"]["a"], table["a"][:14], rtol=1e-6)


def test_the_schema_says_what_the_model_reads(client: TestClient) -> None:
    about = client.get("/schema").json()
    assert about["channels"] == ["a", "b"] and about["table"]["window"] == 12
    assert [task["name"] for task in about["tasks"]] == ["state", "load"]
    assert about["tasks"][0]["classes"] == ["<b>high</b>", "low"]


def test_health_and_metrics(model: MultiTaskEstimator, table: pd.DataFrame) -> None:
    client = client_of(model)
    assert client.get("/health").json() == {"status": "ok"}
    post(client, as_csv(table[INPUTS].iloc[:13]), "text/csv")
    post(client, b"no", "text/plain")
    lines = client.get("/metrics").text.splitlines()
    assert 'multitide_requests_total{status="200"} 1' in lines
    assert 'multitide_requests_total{status="415"} 1' in lines
    assert "multitide_samples_total 2" in lines
    assert "multitide_request_seconds_count 2" in lines


def test_the_pages_load_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/", "/docs", "/page.js", "/page.css", "/docs.js"):
        response = client.get(path)
        assert response.status_code == 200
        assert "default-src 'none'" in response.headers["content-security-policy"]
        outside = response.text.replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in outside and "https://" not in outside
    assert "/predict" in client.get("/openapi.json").json()["paths"]


def test_what_waits_is_predicted_together_and_handed_out_in_order() -> None:
    sizes = []

    def engine(samples: Samples) -> dict[str, np.ndarray]:
        sizes.append(len(samples))
        return {"mean": samples.gather(slice(None)).mean(axis=(1, 2))}

    async def ask() -> list[dict[str, np.ndarray]]:
        batcher = Batcher(engine)
        requests = []
        for value in range(5):
            X = np.full((value + 1, 1, 4), float(value))
            requests.append(batcher.decode(Samples.from_arrays(X)))
        return await asyncio.gather(*requests)

    answers = asyncio.run(ask())
    assert [each["mean"].tolist() for each in answers] == [
        [float(value)] * (value + 1) for value in range(5)
    ]
    assert sizes == [15]


def test_a_request_that_fails_does_not_fail_others() -> None:
    def engine(samples: Samples) -> dict[str, np.ndarray]:
        values = samples.gather(slice(None))
        if (values == 1).any():
            raise ValueError("one")
        return {"mean": values.mean(axis=(1, 2))}

    async def ask() -> list[Any]:
        batcher = Batcher(engine)
        requests = []
        for value in range(3):
            X = np.full((1, 1, 4), float(value))
            requests.append(batcher.decode(Samples.from_arrays(X)))
        return await asyncio.gather(*requests, return_exceptions=True)

    first, second, third = asyncio.run(ask())
    assert isinstance(second, ValueError)
    assert first["mean"].tolist() == [0.0] and third["mean"].tolist() == [2.0]
