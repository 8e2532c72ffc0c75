"""Servers behind a proxy: it is asked as the environment says, known there, and told of where it fails."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from segloop.cvat.faults import CvatError
from segloop.cvat.proxies import Proxy, proxy_for
from segloop.utils.errors import UserError
from tests.cvat.conftest import Login
from tests.cvat.standin.server import StandIn


@pytest.mark.parametrize(
    ("environment", "host", "found"),
    [
        ({}, "https://cvat.example.org", None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "https://cvat.example.org", "http://proxy:3128"),
        ({"https_proxy": "proxy:3128"}, "https://cvat.example.org", "http://proxy:3128"),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "http://cvat.example.org", None),
        ({"ALL_PROXY": "https://proxy"}, "http://cvat.example.org", "https://proxy"),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": ".example.org"}, "https://cvat.example.org", None),
        ({"HTTP_PROXY": "http://proxy"}, "http://localhost:8080", None),
    ],
)
def test_the_environment_says_which_proxy(
    environment: dict[str, str], host: str, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    proxy = proxy_for(host)
    assert (proxy.url if proxy else None) == found


def test_a_password_for_the_proxy_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://anna:se%3Acret@proxy:3128")
    proxy = proxy_for("https://cvat.example.org")
    assert proxy == Proxy("http://proxy:3128", {"proxy-authorization": "Basic YW5uYTpzZTpjcmV0"})
    assert "YW5u" not in repr(proxy)


def test_a_proxy_of_another_kind_is_refused_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://anna:secret@proxy:1080")
    with pytest.raises(UserError, match=r"ALL_PROXY names socks5://proxy:1080") as error:
        proxy_for("https://cvat.example.org")
    assert "secret" not in str(error.value)


@pytest.fixture
def passed(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Put a proxy into the environment that passes everything to the stand-in; return what it was asked."""
    asked: list[str] = []
    target = urlsplit(stand_in.url)

    class Passing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            inner = urlsplit(self.path)
            link = http.client.HTTPConnection(target.hostname or "", target.port)
            path = inner._replace(scheme="", netloc="").geturl()
            link.request("GET", path, headers={**self.headers, "Connection": "close"})
            answer = link.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            link.close()

        def log_message(self, format: str, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Passing) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.server_port}")
        yield asked
        proxy.shutdown()
        thread.join()


def test_a_session_goes_through_the_proxy(passed: list[str], stand_in: StandIn, login: Login) -> None:
    with login(host="http://cvat.invalid") as server:  # a name that the proxy alone knows
        assert server.version == stand_in.version
    assert passed[0] == "http://cvat.invalid/api/server/about"
    assert "http://cvat.invalid/api/users/self" in passed


def test_a_proxy_that_does_not_answer_is_told_of(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with (
        pytest.raises(CvatError, match="the proxy that the environment names"),
        login(host="http://cvat.invalid"),
    ):
        pass
