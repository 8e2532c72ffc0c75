"""The service over HTTP: answers, limits, loads of 1 to 64 at once, and an end that cuts nobody off."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segloop.experiments.serving.service import Service, create_app
from segloop.experiments.serving.uploads import Limits
from segloop.utils.errors import MissingDependency
from tests.experiments.serving.stand_in import Bright, as_png, half_bright

httpx = pytest.importorskip("httpx", reason="needs: pip install -r requirements/dev.txt")
for package in ("fastapi", "uvicorn", "python_multipart"):
    pytest.importorskip(package, reason="needs: pip install -r requirements/dev.txt")

LIMITS = Limits(size=100_000, pixels=50_000, seconds=60)
Started = tuple[Any, Bright, Service]  # the first is an httpx.Client


@contextmanager
def serving(**options: Any) -> Iterator[Started]:
    """Run a service on a port that the system chooses; it is ended as SIGTERM ends it."""
    from segloop.experiments.serving.server import make_server

    model = Bright()
    service = Service(model, **{"limits": LIMITS, **options})
    server, listener = make_server(service, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()  # the socket listens already: a request waits until the server takes it
    pool = httpx.Limits(max_connections=80)
    client = httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60, limits=pool)
    try:
        with client:
            yield client, model, service
    finally:
        model.go.set()
        server.should_exit = True
        thread.join(60)
        listener.close()
    assert not thread.is_alive()
    assert not service.batcher.alive


@pytest.fixture(scope="module")
def shared() -> Iterator[Started]:
    """One service for the tests that leave it as it was."""
    with serving() as started:
        yield started


def mask(response: Any) -> np.ndarray:
    """Return the mask that was answered."""
    assert response.status_code == 200, response.text
    return np.array(Image.open(io.BytesIO(response.content)))


def told(response: Any, status: int) -> str:
    """Return the message of a refusal of that status."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["status"] == status
    return error["message"]


def test_an_image_is_answered_in_each_form(shared: Started) -> None:
    client, _, _ = shared
    image = half_bright()
    wanted = (image[..., 0] > 0).astype(np.uint8)
    assert np.array_equal(mask(client.post("/predict", content=as_png(image))), wanted)
    sent = client.post("/predict", files={"image": ("../../x.png", as_png(image), "image/png")})
    assert np.array_equal(mask(sent), wanted)
    assert mask(client.post("/predict?to=overlay", content=as_png(image))).shape == (20, 30, 3)
    found = client.post("/predict?to=coco", content=as_png(image)).json()
    assert [each["bbox"] for each in found["annotations"]] == [[15, 0, 15, 20]]
    assert client.post("/predict?to=rle", content=as_png(image)).json()["size"] == [20, 30]


def test_the_service_says_what_it_is(shared: Started) -> None:
    client, _, _ = shared
    model = client.get("/model").json()
    assert [each["name"] for each in model["classes"]] == ["dark", "bright"]
    assert model["limits"] == {"bytes": 100_000, "pixels": 50_000, "seconds": 60}
    assert client.get("/health").json() == {"status": "ok"}
    assert "/predict" in client.get("/openapi.json").json()["paths"]
    client.post("/predict", content=as_png(half_bright()))
    assert 'segloop_requests_total{status="200"}' in client.get("/metrics").text
    for path in ("/model", "/health", "/metrics"):  # as load balancers ask
        asked = client.head(path)
        assert (asked.status_code, asked.content) == (200, b"")
    told(client.get("/nothing"), 404)
    told(client.get("/predict"), 405)


def test_broken_and_huge_uploads_are_refused_with_a_reason(shared: Started) -> None:
    client, _, _ = shared
    large = np.random.default_rng(0).integers(0, 256, (200, 250, 3), dtype=np.uint8)
    assert "larger than the limit" in told(client.post("/predict", content=as_png(large)), 413)
    assert "larger than the limit" in told(client.post("/predict", content=bytes(20_000_000)), 413)
    parts = (bytes(60_000) for _ in range(100))
    assert "larger than the limit" in told(client.post("/predict", content=parts), 413)
    assert "300x200 pixels" in told(
        client.post("/predict", content=as_png(np.zeros((200, 300, 3), np.uint8))), 413
    )
    assert "no whole image" in told(client.post("/predict", content=b"hello"), 400)
    assert "no whole image" in told(client.post("/predict", content=as_png(half_bright())[:-9]), 400)
    assert "no body" in told(client.post("/predict"), 400)
    assert "choose png" in told(client.post("/predict?to=gif", content=as_png(half_bright())), 400)
    thin = client.post("/predict", content=as_png(half_bright((1, 30))))
    assert told(thin, 400) == "The image cannot be predicted: it is too thin."
    assert client.get("/health").status_code == 200


def test_a_fault_of_the_model_is_told_without_its_inside(shared: Started) -> None:
    client, _, _ = shared
    sent = client.post("/predict", content=as_png(half_bright((13, 13))))
    assert told(sent, 500) == "A fault of the service; see its log."
    assert mask(client.post("/predict", content=as_png(half_bright()))).shape == (20, 30)


@pytest.mark.parametrize("load", [1, 8, 64])
def test_each_of_many_at_once_gets_its_own_answer(shared: Started, load: int) -> None:
    client, model, _ = shared
    model.batches.clear()
    images = [half_bright((20, 30 + 2 * (number % 7))) for number in range(load)]

    def ask(image: np.ndarray) -> bool:
        return np.array_equal(mask(client.post("/predict", content=as_png(image))), image[..., 0] > 0)

    with ThreadPoolExecutor(load) as pool:
        assert all(pool.map(ask, images))
    assert sum(model.batches) == load
    assert max(model.batches) <= 8


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that another thread makes true."""
    waiting = threading.Event()
    for _ in range(6000):
        if condition():
            return
        waiting.wait(0.01)
    raise AssertionError("it did not come true")


def test_a_full_queue_answers_at_once_and_takes_images_again() -> None:
    with serving(queue_size=2, batch_size=1) as (client, model, service), ThreadPoolExecutor(3) as pool:
        model.go.clear()
        png = as_png(half_bright())
        first = pool.submit(client.post, "/predict", content=png)
        assert model.begun.wait(60)
        others = [pool.submit(client.post, "/predict", content=png) for _ in range(2)]
        until(lambda: service.batcher.waiting == 2)
        refused = client.post("/predict", content=png)
        assert "try again" in told(refused, 503)
        assert refused.headers["retry-after"] == "1"
        model.go.set()
        for each in [first, *others]:
            assert mask(each.result(60)).shape == (20, 30)
        assert mask(client.post("/predict", content=png)).shape == (20, 30)
        assert 'segloop_requests_total{status="503"} 1' in client.get("/metrics").text


def test_slow_models_and_slow_senders_are_given_up() -> None:
    with serving(limits=Limits(seconds=0.2)) as (client, model, service):
        model.go.clear()
        assert "no answer within 0.2 seconds" in told(
            client.post("/predict", content=as_png(half_bright())), 503
        )
        model.go.set()
        with socket.create_connection((client.base_url.host, client.base_url.port), timeout=60) as sender:
            sender.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nsome")
            answer = b""
            while b"seconds" not in answer and (part := sender.recv(4096)):  # head and body may come apart
                answer += part
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"did not arrive within 0.2 seconds" in answer
        assert service.open == 0


def test_a_sender_who_goes_away_leaves_nothing_open(caplog: pytest.LogCaptureFixture) -> None:
    with serving() as (client, _, service):
        address = (client.base_url.host, client.base_url.port)
        with socket.create_connection(address, timeout=60) as sender:
            sender.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nsome")
            until(lambda: service.open == 1)
        until(lambda: service.counters.answers == {400: 1})
        assert service.open == 0
        assert mask(client.post("/predict", content=as_png(half_bright()))).shape == (20, 30)
    assert "request failed" not in caplog.text


def test_those_who_were_heard_are_answered_at_the_end() -> None:
    with ThreadPoolExecutor(1) as pool:
        with serving() as (client, model, _):
            model.go.clear()
            answer = pool.submit(
                httpx.post, f"{client.base_url}/predict", content=as_png(half_bright()), timeout=60
            )
            assert model.begun.wait(60)
        assert mask(answer.result(60)).shape == (20, 30)


def test_nothing_is_written(shared: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    client, _, _ = shared
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "_get_candidate_names", None)  # whoever wants a temporary file fails
    noise = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    files = {"image": ("../../evil.png", as_png(noise), "image/png")}
    assert mask(client.post("/predict", files=files)).shape == (120, 200)
    told(client.post("/predict", files={"image": ("/evil.png", b"no", "image/png")}), 400)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_told_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "fastapi", None)
    service = Service(Bright())
    with pytest.raises(MissingDependency, match=r"pip install -e '\.\[serve\]'"):
        create_app(service)
    service.batcher.close(seconds=60)
    assert json.dumps(service.metrics())
