"""Whatever fits the published schema, or nearly does, gets an answer that fits it too."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from multitide import MultiTaskEstimator
from serving_client import client_of

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        [1e308, 5e-324, "", "1,5", "nan", "\x00", "2024-01-01", "=1+1", "한글"]
    ),
    st.text(max_size=5),
)
NAMES = st.sampled_from(["time", "a", "b", "state", "load", "x", "", "__proto__"])
ROWS = st.lists(st.dictionaries(NAMES, VALUES, max_size=5), max_size=30)
NUMBERS = st.one_of(
    st.none(), st.floats(-1e6, 1e6), st.sampled_from([1e308, 3.4e39, -0.0])
)
CHANNELS = st.lists(st.lists(NUMBERS, min_size=1, max_size=14), max_size=3)


@st.composite
def windows(draw: st.DrawFn) -> list[Any]:
    """Return windows of the right form, with any numbers."""
    n_steps = draw(st.integers(8, 14))
    channel = st.lists(NUMBERS, min_size=n_steps, max_size=n_steps)
    window = st.lists(channel, min_size=2, max_size=2)
    return draw(st.lists(window, min_size=1, max_size=3))


@st.composite
def regular_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return rows with the columns of the training data, and any values."""
    n_rows = draw(st.integers(10, 20))
    rows = []
    for hour in range(n_rows):
        time = f"2024-01-01 {hour:02}:00"
        rows.append({"time": time, "a": draw(NUMBERS), "b": draw(VALUES)})
    return rows


BODIES = st.one_of(
    st.fixed_dictionaries({"windows": windows()}),
    st.fixed_dictionaries({"rows": regular_rows()}),
    st.fixed_dictionaries({"rows": ROWS}, optional={"labels": ROWS}),
    st.fixed_dictionaries(
        {"windows": st.lists(CHANNELS, max_size=3)}, optional={"static": ROWS}
    ),
    st.dictionaries(st.sampled_from(["rows", "windows", "x"]), VALUES),
)


def fits(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> bool:
    """Return whether a value has the types, keys and items that a schema names."""
    if "$ref" in schema:
        return fits(value, schemas[schema["$ref"].rpartition("/")[2]], schemas)
    kinds = {
        "object": dict, "array": list, "string": str, "integer": int, "number": (int, float)
    }  # fmt: skip
    if not isinstance(value, kinds.get(schema.get("type", ""), object)):
        return False
    if isinstance(value, list):
        return all(fits(item, schema.get("items", {}), schemas) for item in value)
    if not isinstance(value, dict):
        return True
    known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    if not set(schema.get("required", ())) <= set(value):
        return False
    for name, inner in value.items():
        own = known.get(name, others)
        if isinstance(own, dict) and not fits(inner, own, schemas):
            return False
    return True


def check(response: Any, published: dict[str, Any]) -> None:
    """Assert that an answer has a status and content that the schema names."""
    known = published["paths"]["/predict"]["post"]["responses"]
    assert str(response.status_code) in known, response.text
    assert response.status_code != 500, response.text
    content = known[str(response.status_code)]["content"]
    assert response.headers["content-type"].partition(";")[0] in content
    schema = content["application/json"]["schema"]
    found = json.loads(response.text, parse_constant=lambda name: pytest.fail(name))
    assert fits(found, schema, published.get("components", {}).get("schemas", {}))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=BODIES, series=st.sampled_from(["", "?series=true", "?series=2", "?x=1"]))
def test_json_gets_an_answer_of_the_schema(
    client: TestClient, body: Any, series: str
) -> None:
    published = client.get("/openapi.json").json()
    check(client.post(f"/predict{series}", json=body), published)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.one_of(
        st.binary(max_size=60),
        st.text("time,a;b\n\t\"'1.5-\r\x00é ", max_size=80).map(str.encode),
    ),
    kind=st.sampled_from(
        ["text/csv", "application/json", "text/plain", "TEXT/CSV; x=y"]
    ),
)
def test_any_bytes_get_an_answer_of_the_schema(
    client: TestClient, body: bytes, kind: str
) -> None:
    published = client.get("/openapi.json").json()
    headers = {"Content-Type": kind}
    check(client.post("/predict", content=body, headers=headers), published)


def test_the_other_addresses_are_in_the_schema(client: TestClient) -> None:
    published = client.get("/openapi.json").json()
    assert set(published["paths"]) == {"/predict", "/health", "/schema", "/metrics"}
    for path in ("/health", "/schema", "/metrics"):
        assert client.get(path).status_code == 200
        assert client.post(path).status_code == 405


def test_prometheus_reads_the_metrics(model: MultiTaskEstimator) -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    client = client_of(model)
    for windows in ([[[0.5] * 12] * 2], []):
        client.post("/predict", json={"windows": windows})
    response = client.get("/metrics")
    families = {}
    for family in parser.text_string_to_metric_families(response.text):
        families[family.name] = family
        assert family.documentation
    requests = {}
    for sample in families["multitide_requests"].samples:
        requests[sample.labels["status"]] = sample.value
    assert requests == {"200": 1, "422": 1}
    seconds = families["multitide_request_seconds"]
    assert seconds.type == "histogram"
    buckets = [s.value for s in seconds.samples if s.name.endswith("_bucket")]
    assert buckets == sorted(buckets) and buckets[-1] == 2
    assert families["multitide_samples"].samples[0].value == 1
