"""From a model folder to the application that serves it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from multitide._checks import check_choice
from multitide._load import load
from multitide.model._table_record import named_record
from multitide.serving._engine import ENGINES, make_engine
from multitide.serving._limits import Limits
from multitide.serving._make_app import Service, make_app


@dataclass(frozen=True)
class OpenService:
    """What serves a model.

    Attributes
    ----------
    app : FastAPI
        The application.
    computed_by : str
        What computes the predictions.
    """

    app: FastAPI
    computed_by: str


def open_service(
    run: str | Path,
    *,
    name: str | None = None,
    engine: str = "auto",
    limits: Limits,
    key: str | None = None,
    any_host: bool = False,
) -> OpenService:
    """Load a model and return what serves it.

    Parameters
    ----------
    run : path or URL
        The model's folder.
    name : str, optional
        Its data set, if it has several.
    engine : {"auto", "onnx", "torch"}, default="auto"
        What computes the predictions; see :func:`make_engine`.
    limits, key, any_host
        As in :class:`Service`.
    """
    check_choice("engine", engine, ENGINES)
    model = load(run, device="cpu")
    record = named_record(model.data_, name, "`--data`")
    computing, computed_by = make_engine(model, record, engine)
    service = Service(model, record, computing, limits, key, any_host)
    return OpenService(make_app(service), computed_by)
