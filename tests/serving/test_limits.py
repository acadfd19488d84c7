"""Whatever a client sends, it gets one sentence, and nothing of the server."""

from __future__ import annotations

import asyncio
import io
import json
import time
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from multitide import MultiTaskEstimator, Samples
from multitide.serving._limits import Limits
from multitide.serving._serve import check_host, listen
from refusals import refused
from serving_client import client_of

JSON = "application/json"
PARQUET = "application/vnd.apache.parquet"
STREAM = "application/vnd.apache.arrow.stream"
KEY = "a-long-secret-key"


def zeros(n_rows: int) -> bytes:
    stream = io.BytesIO()
    columns = {"time": np.arange(n_rows), "a": np.zeros(n_rows), "b": np.zeros(n_rows)}
    pq.write_table(pa.table(columns), stream, compression="zstd")
    return stream.getvalue()


def wide() -> bytes:
    stream = io.BytesIO()
    columns = {f"c{i}": np.zeros(1000) for i in range(1000)}
    pq.write_table(pa.table(columns), stream, compression="zstd", use_dictionary=False)
    return stream.getvalue()


def nested() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({"a": [[1.0]] * 20, "b": [1.0] * 20}), stream)
    return stream.getvalue()


HOSTILE: list[tuple[str, bytes, int]] = [
    ("text/plain", b"a", 415),
    ("", b"a", 415),
    ("text/csv", b"", 422),
    ("text/csv", b"\x00\x01\x02", 422),
    ("text/csv", b"/etc/passwd", 422),
    ("text/csv", b"a,b\n" + b"1,2\n" * 3000, 413),
    ("text/csv", b"a,b\n" + b"x" * 2_000_000, 413),
    ("text/csv", b"time,a\n2024-01-01,1\n", 422),
    (JSON, b"", 422),
    (JSON, b"{", 422),
    (JSON, b"[]", 422),
    (JSON, b"null", 422),
    (JSON, b"{}", 422),
    (JSON, b"[" * 200_000, 422),
    (JSON, b"\xff\xfe", 422),
    (JSON, b'{"rows": [], "windows": []}', 422),
    (JSON, b'{"rows": "/etc/passwd"}', 422),
    (JSON, b'{"rows": [{"a": {"b": 1}}]}', 422),
    (JSON, b'{"rows": [{"a": 1}], "path": "/etc/passwd"}', 422),
    (JSON, b'{"rows": [{"__proto__": null}]}', 422),
    (JSON, b'{"windows": [[[1], [2, 3]]]}', 422),
    (JSON, b'{"windows": [[[1, 2]]]}', 422),
    (JSON, b'{"windows": [[["x"], ["y"]]]}', 422),
    (JSON, b'{"windows": [[[true], [1]]]}', 422),
    (JSON, b'{"windows": [[[NaN], [1]]]}', 422),
    (JSON, b'{"windows": [[[1e999], [1]]]}', 422),
    (JSON, b'{"rows": [{"a": -1e999}]}', 422),
    (JSON, b'{"rows": [{"a": Infinity}]}', 422),
    (JSON, b'{"windows": [[[1], [2]]]}', 422),  # too short for the network
    (
        JSON,
        json.dumps({"rows": [{f"c{i}": 0 for i in range(900)}, *[{}] * 999]}).encode(),
        413,
    ),
    ("text/csv", b"," * 900 + b"\n" * 999, 413),
    ("text/csv", b"a,b\r" + b"1,2\r" * 3000, 413),
    ("text/csv", b"," * 20_000, 413),
    (JSON, b'{"windows": [[[1' + b"0" * 400 + b"], [2]]]}", 422),
    (JSON, json.dumps({"windows": [[[0] * 1900] * 2]}).encode(), 422),
    (JSON, json.dumps({"windows": [[[0] * 12] * 2] * 200}).encode(), 413),
    (PARQUET, b"PAR1" + b"\x00" * 100 + b"PAR1", 422),
    (PARQUET, zeros(1_000_000), 413),
    (PARQUET, wide(), 413),
    (PARQUET, nested(), 422),
    (STREAM, b"\xff\xff\xff\xff" + b"\x7f" * 100, 422),
    (STREAM, b"ARROW1", 422),
]


@pytest.mark.parametrize(("kind", "body", "status"), HOSTILE)
def test_a_hostile_request_is_refused_in_a_sentence(
    kind: str, body: bytes, status: int, client: TestClient
) -> None:
    response = client.post("/predict", content=body, headers={"Content-Type": kind})
    assert response.status_code == status, response.text
    message = response.json()["detail"]
    assert isinstance(message, str) and message
    for secret in ("Traceback", "/tmp", "multitide-", ".py", "site-packages"):
        assert secret not in message


def test_a_body_without_a_length_is_cut_off(client: TestClient) -> None:
    def endless() -> Any:
        for _ in range(100):
            yield b"x" * 100_000

    response = client.post(
        "/predict", content=endless(), headers={"Content-Type": "text/csv"}
    )
    assert response.status_code == 413


def test_a_client_that_leaves_is_no_fault_of_the_server(
    model: MultiTaskEstimator, caplog: pytest.LogCaptureFixture
) -> None:
    app = client_of(model).app
    answered: list[Any] = []
    messages = [{"type": "http.request", "body": b"time,a", "more_body": True}]

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        answered.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"text/csv")]
    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": headers}
    scope |= {
        "query_string": b"",
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
    }
    asyncio.run(app(scope, receive, send))
    assert not caplog.records
    assert all(message.get("status") != 500 for message in answered)


def test_a_fault_of_the_server_is_not_explained(model: MultiTaskEstimator) -> None:
    def engine(samples: Samples) -> dict[str, np.ndarray]:
        raise RuntimeError("/secret/path")

    response = client_of(model, engine=engine).post("/predict", json=some_windows())
    assert response.status_code == 500 and "secret" not in response.text


def test_a_request_that_takes_too_long_is_ended(model: MultiTaskEstimator) -> None:
    def engine(samples: Samples) -> dict[str, np.ndarray]:
        time.sleep(0.3)
        return {}

    client = client_of(model, engine=engine, limits=Limits(seconds=0.05))
    response = client.post("/predict", json=some_windows())
    assert response.status_code == 503 and response.headers["retry-after"]
    assert "0.05" in response.json()["detail"]


def test_more_requests_than_allowed_are_told_to_come_back(
    model: MultiTaskEstimator, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(model, limits=Limits(requests=1))
    from multitide.serving import _make_app

    real = _make_app.Service._answered

    async def while_another_is_in_work(service: Any, request: Any) -> Any:
        service.n_active += 1
        try:
            return await real(service, request)
        finally:
            service.n_active -= 1

    monkeypatch.setattr(_make_app.Service, "_answered", while_another_is_in_work)
    response = client.post("/predict", json=some_windows())
    assert response.status_code == 503 and "busy" in response.json()["detail"]


def some_windows() -> dict[str, Any]:
    return {"windows": [[[0.5] * 12] * 2]}


@pytest.mark.parametrize("path", ["/predict", "/schema", "/metrics"])
def test_without_the_key_nothing_of_the_model_is_told(
    path: str, model: MultiTaskEstimator
) -> None:
    client = client_of(model, key=KEY)
    for headers in ({}, {"X-API-Key": "wrong"}, {"X-API-Key": KEY + "x"}):
        response = client.request(
            "POST" if path == "/predict" else "GET", path, headers=headers
        )
        assert response.status_code == 401
        assert list(response.json()) == ["detail"]
    assert client.get("/schema", headers={"X-API-Key": KEY}).status_code == 200
    assert client.get("/health").status_code == 200


def test_another_host_is_refused_on_this_machine(client: TestClient) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example:8000", ""):
        response = client.get("/schema", headers={"Host": host})
        assert response.status_code == 421
    for host in ("localhost:8000", "127.0.0.1", "[::1]:80", "[::1]"):
        assert client.get("/schema", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/../../etc/passwd", "/static/..%2f..%2f", "/page.js/../x", "//etc/passwd"]
)
def test_no_path_leads_to_a_file(path: str, client: TestClient) -> None:
    response = client.get(path)
    assert response.status_code in (404, 421) and "root:" not in response.text


@pytest.mark.parametrize("value", ["1", "yes", "../", ""])
def test_a_wrong_query_is_refused(value: str, client: TestClient) -> None:
    response = client.post(f"/predict?series={value}", json=some_windows())
    assert response.status_code == 422 and "`series`" in response.json()["detail"]


def test_other_machines_need_a_key() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        assert check_host(host, None)
    with refused("`--host`", "0.0.0.0", "MULTITIDE_API_KEY"):
        check_host("0.0.0.0", None)
    with refused("MULTITIDE_API_KEY", "16 characters", "longer"):
        check_host("127.0.0.1", "short")
    assert not check_host("0.0.0.0", KEY)


def test_a_port_in_use_is_one_sentence() -> None:
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with refused("`--port`", port, "--port 0"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("name", ["megabytes", "rows", "requests", "seconds"])
def test_limits_are_positive(name: str) -> None:
    with refused(f"`{name}`", 0):
        Limits(**{name: 0})


def test_a_time_column_of_years_to_come_does_not_hang(client: TestClient) -> None:
    table = pd.DataFrame({"time": ["9999-12-31"] * 20, "a": 1.0, "b": 2.0})
    body = table.to_csv(index=False).encode()
    response = client.post(
        "/predict", content=body, headers={"Content-Type": "text/csv"}
    )
    assert response.status_code in (200, 422)
