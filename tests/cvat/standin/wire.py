"""HTTP as the stand-in for CVAT speaks it: calls, answers, uploads in parts, failures on demand."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """How a call is to fail: `status` with `headers`, a `garbage` body, or a connection that is dropped.

    `late` lets the call do its work first, so that only the answer is lost; `midway` is a connection that
    is dropped while the call is still being sent, `silent` one that stays open without an answer.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    garbage: bytes | None = None
    drop: bool = False
    late: bool = False
    midway: bool = False
    silent: bool = False


Plan = Callable[[int, str, str], Fault | None]


@dataclass
class Answer:
    """What goes back."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """What came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: Any
    body: bytes

    @property
    def json(self) -> Json:
        return json.loads(self.body or b"{}")


class Owner(Protocol):
    """What answers calls."""

    _lock: Any
    calls: list[tuple[str, str]]
    plan: Plan

    def answer(self, call: Call) -> Answer: ...


def files_of(call: Call) -> list[tuple[str, bytes]]:
    """Return the files of a form, by their base names; Python's e-mail parser takes seconds for images."""
    boundary = b"--" + call.headers["Content-Type"].partition("boundary=")[2].encode()
    found = []
    for part in call.body.split(b"\r\n" + boundary):
        head, _, data = part.partition(b"\r\n\r\n")
        if name := re.search(rb'filename="([^"]*)"', head):
            found.append((name[1].decode().rpartition("/")[2], data))
    return found


class Handler(BaseHTTPRequestHandler):
    owner: Owner
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for a delayed ACK
    wbufsize = -1  # headers and body go in one

    def _any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        owner = self.owner
        with owner._lock:
            number = len(owner.calls)
            owner.calls.append((self.command, parts.path))
        fault = owner.plan(number, self.command, parts.path)
        body = self.rfile.read(length // 2 if fault is not None and fault.midway else length)
        if fault is not None and fault.silent:
            self.close_connection = True
            self.connection.recv(1)  # until whoever asked gives up
            return
        if fault is None or (fault.late and not fault.midway):
            answer = owner.answer(Call(self.command, parts.path, query, self.headers, body))
        if fault is not None:
            if fault.drop or fault.midway:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            answer = Answer(fault.status or 200, fault.garbage or b"{}", fault.headers)
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else b""
        if answer.body is not None and not isinstance(answer.body, bytes):
            body = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            for each in value.split(", ") if name == "Set-Cookie" else [value]:
                self.send_header(name, each)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _any

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
