"""The web application of a model."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.resources import files

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.requests import ClientDisconnect

import multitide
from multitide.data._samples import Samples
from multitide.errors import MultitideError
from multitide.model._fitted_model import FittedModel
from multitide.model._prediction import check_like_training
from multitide.model._schema import DataRecord
from multitide.serving._answer import Json, answer, recordings
from multitide.serving._batcher import Batcher
from multitide.serving._counters import Counters
from multitide.serving._describe_model import PREDICT, describe_model
from multitide.serving._engine import Engine
from multitide.serving._limits import Limits
from multitide.serving._read_request import KINDS, read_request
from multitide.serving._refusal import Refusal

logger = logging.getLogger("multitide")

READERS = 2  # threads that parse bodies
# What is longer than a few times the training series would only warn, and take memory.
MOST_TIMES_LONGER = 4
# No other site may frame the page, and the page loads nothing from elsewhere.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
LOCAL = ("localhost", "127.0.0.1", "[::1]", "testserver")


@dataclass
class Service:
    """What answers the requests.

    Attributes
    ----------
    model : FittedModel
        The model.
    record : DataRecord
        The data set that requests belong to.
    engine : callable
        Predicts samples.
    limits : Limits
        What requests may take.
    key : str or None
        What a client must know; None: nothing.
    any_host : bool
        Whether requests may name the server in any way; otherwise only as this machine, so that no
        site on the web can reach it through the browser of a user.
    """

    model: FittedModel
    record: DataRecord
    engine: Engine
    limits: Limits = field(default_factory=Limits)
    key: str | None = None
    any_host: bool = False

    def __post_init__(self) -> None:
        self.batcher = Batcher(self.engine)
        self.counters = Counters()
        self.readers = ThreadPoolExecutor(READERS, thread_name_prefix="read")
        self.n_active = 0
        self.predictors = [fit.stored.predictor for fit in self.model.weighted_fits]
        self.longest = self.record.n_timepoints
        self.scores = getattr(self.model, "scores_", {})

    async def predict(self, request: Request) -> Json:
        """Return the predictions for a request."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in KINDS:
            raise Refusal(415, f"The content type must be one of {', '.join(KINDS)}.")
        wants_series = _flag(request, "series")
        body = await self._body(request)
        loop = asyncio.get_running_loop()
        samples = await loop.run_in_executor(
            self.readers, read_request, body, kind, self.record, self.limits
        )
        self._check(samples)
        decoded = await self.batcher.decode(samples)
        self.counters.n_samples += len(samples)
        content = answer(self.model.targets_, self.scores, samples, decoded)
        if wants_series:
            content["recordings"] = recordings(samples)
        return content

    def _check(self, samples: Samples) -> None:
        """Refuse samples that cannot be predicted, before they meet others in a batch."""
        if len(samples) and samples.n_timepoints > MOST_TIMES_LONGER * self.longest:
            raise Refusal(
                422,
                f"Series must have at most {MOST_TIMES_LONGER * self.longest} steps.",
            )
        try:
            for predictor in self.predictors:
                check_like_training(predictor, samples, self.record)
        except MultitideError as error:
            raise Refusal(422, str(error)) from error

    async def _body(self, request: Request) -> bytes:
        """Return the body; refuse it as soon as it is too large."""
        too_large = Refusal(
            413, f"The body must have at most {self.limits.megabytes} MiB."
        )
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self.limits.n_bytes:
            raise too_large
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > self.limits.n_bytes:
                raise too_large
        if not body:
            raise Refusal(422, "The body must hold data; it is empty.")
        return bytes(body)

    async def in_time(self, request: Request) -> Response:
        """Answer a request to predict within the limits."""
        begin = time.perf_counter()
        response = await self._answered(request)
        self.counters.count(response.status_code, time.perf_counter() - begin)
        return response

    async def _answered(self, request: Request) -> Response:
        if self.n_active >= self.limits.requests:
            return problem(503, "The server is busy.", {"Retry-After": "1"})
        self.n_active += 1
        try:
            content = await asyncio.wait_for(self.predict(request), self.limits.seconds)
            return JSONResponse(content)
        except Refusal as error:
            return problem(error.status, str(error))
        except ClientDisconnect:
            return problem(400, "The client left before its data were there.")
        except TimeoutError:
            message = f"There was no answer within {self.limits.seconds:g} seconds."
            return problem(503, message, {"Retry-After": "10"})
        except Exception:
            logger.exception("A request to predict failed.")
            return problem(500, "The server failed; its log says why.")
        finally:
            self.n_active -= 1

    def may(self, request: Request) -> bool:
        """Return whether a client knows the key, in a time that does not tell how nearly."""
        if self.key is None:
            return True
        given = request.headers.get("x-api-key", "")
        return hmac.compare_digest(given.encode(), self.key.encode())

    def is_local(self, request: Request) -> bool:
        """Return whether the request names this machine, or may name any."""
        host = request.headers.get("host", "")
        name, _, port = host.rpartition(":")
        if not port.isdecimal():
            name = host
        return self.any_host or name.lower() in LOCAL


def make_app(service: Service) -> FastAPI:
    """Return the application that answers with a service."""
    app = FastAPI(
        title="multitide",
        version=multitide.__version__,
        description="Predictions of a model of multitide.",
        docs_url=None,  # these pages would load scripts from elsewhere
        redoc_url=None,
    )

    @app.middleware("http")
    async def guard(
        request: Request, go_on: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if not service.is_local(request):
            response: Response = problem(421, "The host must be this machine.")
        elif request.url.path in KEYED and not service.may(request):
            response = problem(401, "The header X-API-Key must hold the key.")
        else:
            response = await go_on(request)
        response.headers.update(HEADERS)
        return response

    @app.post("/predict", **PREDICT)
    async def predict(request: Request) -> Response:
        return await service.in_time(request)

    @app.get("/health", summary="Say that the server works.")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/schema", summary="Say what the model reads and predicts.")
    async def schema() -> dict[str, object]:
        return describe_model(service.model, service.record, service.limits)

    @app.get(
        "/metrics",
        summary="Count what was done, for Prometheus.",
        response_class=PlainTextResponse,
    )
    async def metrics() -> PlainTextResponse:
        text = service.counters.text(service.batcher.n_batches, service.n_active)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    _add_pages(app)
    return app


# Those that need the key. The pages hold nothing of the model, and ask for the key themselves.
KEYED = ("/predict", "/schema", "/metrics")
PAGES = {
    "/": ("page.html", "text/html"),
    "/docs": ("docs.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/docs.js": ("docs.js", "text/javascript"),
}


def _add_pages(app: FastAPI) -> None:
    folder = files("multitide.serving") / "static"
    for path, (name, kind) in PAGES.items():
        response = Response(
            (folder / name).read_bytes(), media_type=f"{kind}; charset=utf-8"
        )
        app.add_api_route(
            path,
            _always(response),
            include_in_schema=False,
            response_class=HTMLResponse,
        )


def _always(response: Response) -> Callable[[], Awaitable[Response]]:
    async def page() -> Response:
        return Response(response.body, media_type=response.media_type)

    return page


def problem(
    status: int, message: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return an answer that says what is wrong."""
    return JSONResponse({"detail": message}, status, headers)


def _flag(request: Request, name: str) -> bool:
    """Return whether a query asks for something."""
    value = request.query_params.get(name, "false")
    if value not in ("true", "false"):
        raise Refusal(422, f"`{name}` must be true or false; got {value[:20]!r}.")
    return value == "true"
