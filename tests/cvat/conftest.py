"""A stand-in for CVAT's server, and a session with it that never sleeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from segloop.cvat.credentials import Credentials
from segloop.cvat.server import Server, connect
from tests.cvat.standin.server import StandIn, running

Login = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the proxy of whoever runs the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def one_stand_in() -> Iterator[StandIn]:
    """Start the server once: a start costs a poll."""
    with running() as server:
        yield server


@pytest.fixture
def stand_in(one_stand_in: StandIn) -> StandIn:
    """Return a server that knows nothing yet."""
    one_stand_in.reset()
    return one_stand_in


@pytest.fixture
def naps() -> list[float]:
    """Return how long the session would have slept."""
    return []


@pytest.fixture
def login(stand_in: StandIn, naps: list[float], monkeypatch: pytest.MonkeyPatch) -> Login:
    """Return what opens a session, with whatever credentials are given."""
    monkeypatch.setattr("cvat_sdk.core.client.sleep", naps.append)

    def log_in(**given: object) -> AbstractContextManager[Server]:
        known = {"host": stand_in.url, "token": "token-of-anna", **given}
        said: list[str] = []
        return connect(Credentials(**known), sleep=naps.append, say=said.append)  # type: ignore[arg-type]

    return log_in


@pytest.fixture
def server(login: Login) -> Iterator[Server]:
    """Return an open session."""
    with login() as session:
        yield session
