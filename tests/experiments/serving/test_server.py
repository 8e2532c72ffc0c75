"""Addresses that cannot be listened to are told, and a missing package too."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from segloop.experiments.serving import server as server_module
from segloop.experiments.serving.server import make_server
from segloop.experiments.serving.service import Service
from segloop.utils.errors import MissingDependency, UserError
from tests.experiments.serving.stand_in import Bright


@pytest.fixture
def service() -> Service:
    """A service that nobody asks."""
    service = Service(Bright())
    service.batcher.close(seconds=60)
    return service


def test_a_port_that_is_taken_or_is_none_is_told(service: Service) -> None:
    for package in ("fastapi", "uvicorn"):
        pytest.importorskip(package, reason="needs: pip install -r requirements/dev.txt")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"--port {number}: Address already in use"):
            make_server(service, host="127.0.0.1", port=number)
    with pytest.raises(UserError, match="--port 70000: a port is a number"):
        make_server(service, host="127.0.0.1", port=70_000)
    with pytest.raises(UserError, match=r"--host 999\.1\.1\.1"):
        make_server(service, host="999.1.1.1", port=0)
    with pytest.raises(UserError, match=r"--host a\.\.b: no name"):
        make_server(service, host="a..b", port=0)


@contextmanager
def running(service: Service) -> Iterator[tuple[Any, tuple[str, int]]]:
    """Serve on a free port in a thread; give the server and its address."""
    server, listener = make_server(service, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield server, listener.getsockname()[:2]
    finally:
        server.should_exit = True
        thread.join(60)
        listener.close()


def test_half_a_head_does_not_hold_a_connection_for_ever(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("fastapi", "uvicorn"):
        pytest.importorskip(package, reason="needs: pip install -r requirements/dev.txt")
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 0.1)
    with running(service) as (_, address):
        with socket.create_connection(address, timeout=20) as sender:
            sender.sendall(b"GET /model HTTP/1.1\r\nHost: x\r\n\r\nGET /mod")
            heard = b""
            while part := sender.recv(4096):  # until it is closed
                heard += part
        assert heard.startswith(b"HTTP/1.1 200")


def test_an_answer_that_nobody_reads_does_not_hold_a_connection_for_ever(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("fastapi", "uvicorn"):
        pytest.importorskip(package, reason="needs: pip install -r requirements/dev.txt")
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(server_module, "UNREAD_SECONDS", 0.5)
    monkeypatch.setattr(service, "metrics", lambda: "x" * (32 << 20))  # more than the system takes at once
    with running(service) as (server, address), socket.create_connection(address, timeout=20) as sender:
        sender.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sender.recv(100).startswith(b"HTTP/1.1 200")
        until = time.monotonic() + 20
        while server.server_state.connections and time.monotonic() < until:
            time.sleep(0.05)
        assert not server.server_state.connections


def test_a_missing_server_is_told_with_its_command(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingDependency, match=r"pip install -e '\.\[serve\]'"):
        make_server(service, host="127.0.0.1", port=0)
