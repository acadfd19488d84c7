"""What the server says about the model and about its requests."""

from __future__ import annotations

from typing import Any

from multitide._installed_versions import installed_versions
from multitide.exporting._description import describe_task
from multitide.model._fitted_model import FittedModel
from multitide.model._schema import DataRecord
from multitide.serving._limits import Limits
from multitide.serving._read_request import JSON, KINDS

A_ROW = {"time": "2024-01-01 00:00", "pressure": 1.5, "flow": None}
A_WINDOW = [[1.5, 1.7, 1.6], [0.2, None, 0.4]]
COLUMNS = {"type": "object", "additionalProperties": {"type": "array", "items": {}}}


def describe_model(
    model: FittedModel, record: DataRecord, limits: Limits
) -> dict[str, object]:
    """Return what the model reads and predicts, as JSON values.

    Parameters
    ----------
    model : FittedModel
        The model.
    record : DataRecord
        Its data set.
    limits : Limits
        Of the server.
    """
    tasks = []
    for name in record.tasks:
        tasks.append(describe_task(model.targets_.target(name)))
    table = None
    if record.reading:
        table = {
            "series": record.reading.get("series"),
            "time": record.reading.get("time"),
            "static": record.reading.get("static"),
            "window": record.reading.get("window"),
        }
    return {
        "tasks": tasks,
        "channels": record.channels,
        "categories": record.categories,
        "n_timepoints": record.n_timepoints,
        "table": table,
        "limits": {
            "megabytes": limits.megabytes,
            "rows": limits.rows,
            "seconds": limits.seconds,
        },
        "versions": installed_versions(),
    }


def _problem(what: str) -> dict[str, object]:
    schema = {
        "type": "object",
        "properties": {"detail": {"type": "string"}},
        "required": ["detail"],
    }
    return {"description": what, "content": {JSON: {"schema": schema}}}


def _request_bodies() -> dict[str, object]:
    """Return the schema of the body, by its content type."""
    row = {
        "type": "object",
        "additionalProperties": {"type": ["number", "string", "boolean", "null"]},
    }
    rows = {"type": "array", "minItems": 1, "items": row}
    channel = {"type": "array", "minItems": 1, "items": {"type": ["number", "null"]}}
    windows = {
        "type": "array",
        "minItems": 1,
        "items": {"type": "array", "items": channel},
    }
    bodies: dict[str, object] = {}
    for kind in KINDS:
        bodies[kind] = {"schema": {"type": "string", "format": "binary"}}
    bodies[JSON] = {
        "schema": {
            "oneOf": [
                _object({"rows": rows, "labels": rows}, "rows", A_ROW),
                _object({"windows": windows, "static": rows}, "windows", A_WINDOW),
            ]
        }
    }
    return bodies


def _object(
    properties: dict[str, object], needed: str, example: object
) -> dict[str, object]:
    return {
        "example": {needed: [example]},
        "type": "object",
        "properties": properties,
        "required": [needed],
        "additionalProperties": False,
    }


def _answer_schema() -> dict[str, object]:
    task = {
        "type": "object",
        "properties": {
            "kind": {"type": "string"},
            "predictions": COLUMNS,
            "probabilities": COLUMNS,
            "chosen": COLUMNS,
            "quantiles": COLUMNS,
            "interval": {
                "type": "object",
                "properties": {"level": {"type": "number"}, "columns": COLUMNS},
            },
        },
        "required": ["kind", "predictions"],
    }
    return {
        "type": "object",
        "properties": {
            "n_samples": {"type": "integer"},
            "origin": COLUMNS,
            "tasks": {"type": "object", "additionalProperties": task},
            "notes": {"type": "array", "items": {"type": "string"}},
            "recordings": {"type": "array", "items": {"type": "object"}},
        },
        "required": ["n_samples", "origin", "tasks"],
    }


# Any: the keyword arguments of FastAPI's routes.
PREDICT: dict[str, Any] = {
    "summary": "Predict every task for every sample of a table, or for series.",
    "openapi_extra": {
        "requestBody": {"required": True, "content": _request_bodies()},
        "parameters": [
            {
                "name": "series",
                "in": "query",
                "description": "Whether the answer holds the series too.",
                "schema": {"type": "boolean", "default": False},
            }
        ],
    },
    "responses": {
        200: {
            "description": "Predictions",
            "content": {JSON: {"schema": _answer_schema()}},
        },
        401: _problem("The key is missing or wrong."),
        413: _problem("There is too much data."),
        415: _problem("The content type is none of those listed."),
        421: _problem("The host is another machine."),
        422: _problem("The data cannot be read as the training data were."),
        500: _problem("The server failed."),
        503: _problem("The server is busy, or was too slow."),
    },
}
