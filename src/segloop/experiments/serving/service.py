"""The HTTP service: an image in, its prediction out, with limits on everything that a sender chooses."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from segloop.experiments.serving.answers import FORMATS, answer
from segloop.experiments.serving.batching import Batcher, Model
from segloop.experiments.serving.counters import Counters
from segloop.experiments.serving.refusals import Refusal
from segloop.experiments.serving.uploads import FORM, Limits, decode, read_body, uploaded_file
from segloop.utils.errors import DataError, MissingDependency

INSTALL = "pip install -e '.[serve]'"
FAULT = "A fault of the service; see its log."
LOG = logging.getLogger("uvicorn.error")
PLAIN = "text/plain; version=0.0.4"  # Prometheus' own


@dataclass
class Service:
    """A model, its queue, and what is counted. `requests` is how many may be read or answered at once."""

    model: Model
    limits: Limits = field(default_factory=Limits)
    batch_size: int = 8
    queue_size: int = 64
    counters: Counters = field(default_factory=Counters)

    def __post_init__(self) -> None:
        self.batcher = Batcher(
            self.model, batch_size=self.batch_size, queue_size=self.queue_size, seen=self.counters.batch
        )
        # Uploads are in memory before they are in the queue: as many as it holds, and a batch.
        self.most = self.queue_size + self.batch_size
        self.open = 0

    async def predict(self, request: Any, *, to: str) -> Any:
        """Answer one request."""
        if to not in FORMATS:  # before an image is computed for nothing
            answer_formats = ", ".join(FORMATS)
            raise Refusal(400, f"to={to!r} is not known; choose {answer_formats}.")
        if self.open >= self.most:
            raise Refusal(503, f"{self.open} requests are being answered; try again.")
        self.open += 1
        try:
            until = time.monotonic() + self.limits.seconds
            try:
                body = await asyncio.wait_for(
                    read_body(request.stream(), request.headers, limits=self.limits), self.limits.seconds
                )
            except (TimeoutError, asyncio.TimeoutError):
                raise Refusal(
                    408, f"The upload did not arrive within {self.limits.seconds:g} seconds."
                ) from None
            except Refusal:
                raise
            except Exception as error:  # the sender has gone
                raise Refusal(400, "The upload broke off.") from error
            kind = request.headers.get("content-type", "")
            rest = max(until - time.monotonic(), 0.001)
            try:
                return await asyncio.wait_for(self._answer(body, kind, to=to), rest)
            except (TimeoutError, asyncio.TimeoutError):
                raise Refusal(
                    503, f"There is no answer within {self.limits.seconds:g} seconds; try again."
                ) from None
        finally:
            self.open -= 1

    async def _answer(self, body: bytes, content_type: str, *, to: str) -> Any:
        # parsing and decoding are the processor's work, and other requests must be heard meanwhile
        file = await asyncio.to_thread(uploaded_file, body, content_type)
        image = await asyncio.to_thread(decode, file, limits=self.limits)
        try:
            prediction = await asyncio.wrap_future(self.batcher.submit(image))
        except DataError as error:
            raise Refusal(400, f"The image cannot be predicted: {error}.") from error
        return await asyncio.to_thread(answer, prediction, to=to)

    def metrics(self) -> str:
        """Return what is counted, as Prometheus reads it."""
        return self.counters.text(
            {
                "segloop_queue_images": ("Images that wait for a batch", lambda: self.batcher.waiting),
                "segloop_requests_open": ("Requests that are being read or answered", lambda: self.open),
            }
        )


def create_app(service: Service) -> Any:
    """Return the ASGI application: /predict, /model, /health, /metrics."""
    try:
        from fastapi import FastAPI, Request
        from fastapi.responses import JSONResponse, Response
    except ImportError as error:
        raise MissingDependency("fastapi", why="the service needs it", command=INSTALL) from error

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.batcher.close)

    # The usual pages of documentation load their scripts from elsewhere; /openapi.json needs nobody.
    app = FastAPI(title="SegLoop", lifespan=lifespan, docs_url=None, redoc_url=None)

    async def predict(request: Request, to: str = "png") -> Response:
        """Predict one image: the body, or a form's file `image`. `to`: png, overlay, coco or rle."""
        begin = time.perf_counter()
        status = 500
        try:
            found = await service.predict(request, to=to)
            status = 200
            return Response(found.body, media_type=found.media_type)
        except Refusal as refusal:
            status = refusal.status
            return _refused(refusal)
        except Exception:  # a bug: the sender hears of it on a connection that goes on, the log has it all
            LOG.exception("a request failed")
            return _refused(Refusal(status, FAULT))
        finally:
            service.counters.answered(status, time.perf_counter() - begin)

    def _refused(refusal: Refusal) -> Response:
        return JSONResponse(refusal.body(), status_code=refusal.status, headers=refusal.headers)

    async def model() -> dict[str, Any]:
        """The classes and their colours, and the limits of a request."""
        classes = service.model.classes
        limits = service.limits
        return {
            "classes": [{"name": each.name, "color": each.color} for each in classes.labels],
            "background": classes.background,
            "to": list(FORMATS),
            "limits": {"bytes": limits.size, "pixels": limits.pixels, "seconds": limits.seconds},
        }

    async def health() -> Response:
        """200 while images are taken, 503 when the service ends."""
        alive = service.batcher.alive
        return JSONResponse({"status": "ok" if alive else "ending"}, status_code=200 if alive else 503)

    async def metrics() -> Response:
        """Counters in Prometheus' format."""
        return Response(service.metrics(), media_type=PLAIN)

    async def http_error(_: Request, error: Any) -> Response:
        return _refused(Refusal(error.status_code, str(error.detail)))

    # With `from __future__ import annotations` FastAPI looks types up in the module, and these are local.
    predict.__annotations__.update(request=Request)
    body = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/*", FORM)}
    app.add_api_route(
        "/predict",
        predict,
        methods=["POST"],
        response_class=Response,
        response_model=None,
        openapi_extra={"requestBody": {"required": True, "content": body}},
    )
    for path, told in {"/model": model, "/health": health, "/metrics": metrics}.items():
        app.add_api_route(path, told, methods=["GET"], response_model=None)
        app.add_api_route(path, told, methods=["HEAD"], response_model=None, include_in_schema=False)
    for status in (404, 405):
        app.add_exception_handler(status, http_error)
    return app
