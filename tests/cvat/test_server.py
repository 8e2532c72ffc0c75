"""Sessions with a server: who may log in, what is tried again, what never is, and what a user reads."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from segloop.cvat.credentials import Credentials
from segloop.cvat.faults import CvatError
from segloop.cvat.server import Server, connect
from tests.cvat.conftest import Login
from tests.cvat.standin.server import StandIn
from tests.cvat.standin.wire import Fault


def test_tokens_passwords_and_organizations_are_taken(stand_in: StandIn, login: Login) -> None:
    with login() as server:
        assert server.version == stand_in.version
    with login(token=None, username="anna", password="secret", organization="lab") as server:
        assert server.client.organization_slug == server.organization == "lab"


def test_a_server_of_2024_is_spoken_to(stand_in: StandIn, login: Login) -> None:
    stand_in.reset("2.23.1")
    with login(token=None, username="anna", password="secret") as server:
        assert server.version == "2.23.1"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"token": "wrong"}, "does not know you"),
        ({"token": None, "username": "anna", "password": "wrong"}, "does not know this user"),
        ({"organization": "elsewhere"}, "not in this organization"),
        ({"host": "http://127.0.0.1:9"}, "no server listens"),
        ({"host": "http://nowhere.invalid"}, "nobody knows the name"),
    ],
)
def test_who_cannot_log_in_reads_why(login: Login, given: dict[str, object], told: str) -> None:
    with pytest.raises(CvatError, match=told) as error, login(**given):
        pass
    assert "\n" not in str(error.value)
    assert "wrong'" not in str(error.value)


def test_what_the_server_says_of_a_user_that_it_does_not_let_in_is_told(
    stand_in: StandIn, login: Login
) -> None:
    said = Fault(status=400, garbage=b'{"non_field_errors": ["E-mail is not verified."]}')
    stand_in.plan = lambda number, method, path: said if path == "/api/auth/login" else None
    told = r"does not know this user and password: E-mail is not verified\.$"
    with pytest.raises(CvatError, match=told), login(token=None, username="anna", password="secret"):
        pass


def test_what_is_no_cvat_is_told(stand_in: StandIn, login: Login) -> None:
    stand_in.plan = lambda number, method, path: Fault(garbage=b"<html>")
    with pytest.raises(CvatError, match="no CVAT server"), login():
        pass


@pytest.mark.parametrize(
    ("fault", "naps_of"),
    [
        (Fault(status=429, headers={"Retry-After": "7"}), [7.0, 7.0]),
        (Fault(status=503), [1.0, 2.0]),
        (Fault(drop=True), [1.0, 2.0]),
        (Fault(status=409), [1.0, 2.0]),
    ],
)
def test_what_passes_is_tried_again(
    stand_in: StandIn, server: Server, naps: list[float], fault: Fault, naps_of: list[float]
) -> None:
    first = len(stand_in.calls)
    stand_in.plan = lambda number, method, path: fault if number < first + 2 else None
    assert server.find_task(5) is None
    assert naps == naps_of


@pytest.mark.parametrize(
    ("fault", "told", "calls"),
    [
        (Fault(status=403), "may not do this", 1),
        (Fault(status=400, garbage=b'{"name": ["too odd"]}'), "name: too odd", 1),
        (Fault(status=500), "the server failed", 5),
        (Fault(drop=True), "was lost", 5),
        (Fault(garbage=b'{"id": "none"}'), "could not read", 1),
    ],
)
def test_what_does_not_pass_is_one_line(
    stand_in: StandIn, server: Server, fault: Fault, told: str, calls: int
) -> None:
    first = len(stand_in.calls)
    stand_in.plan = lambda number, method, path: fault
    with pytest.raises(CvatError, match=told) as error:
        server.find_task(5)
    assert "\n" not in str(error.value)
    assert len(stand_in.calls) - first == calls


def test_a_server_that_does_not_answer_is_not_waited_for_forever(
    stand_in: StandIn, login: Login, naps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segloop.cvat.server.TIMEOUT_S", (1.0, 0.01))
    stand_in.plan = lambda number, method, path: Fault(silent=True)
    with pytest.raises(CvatError, match="took too long to answer"), login():
        pass
    assert naps == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize(
    "fault", [Fault(drop=True, late=True), Fault(garbage=b"{}", late=True), Fault(status=502, late=True)]
)
def test_what_was_made_although_nobody_heard_is_found_and_not_made_twice(
    stand_in: StandIn, server: Server, fault: Fault
) -> None:
    from cvat_sdk import models

    stand_in.plan = lambda number, method, path: fault if method == "POST" else None
    made = server.create(
        "a project",
        lambda: server.client.projects.create(models.ProjectWriteRequest(name="p", labels=[])),
        lambda: server.find_named("projects", "p"),
    )
    assert [each.name for each in stand_in.state.projects.values()] == ["p"]
    assert made.id in stand_in.state.projects


def test_a_field_that_is_missing_is_told_when_it_is_asked_for(stand_in: StandIn, login: Login) -> None:
    stand_in.plan = lambda number, method, path: (
        Fault(garbage=b'{"id": 5}') if path == "/api/tasks/5" else None
    )
    with pytest.raises(CvatError, match="could not read") as error, login() as server:
        assert server.find_task(5).name
    assert "\n" not in str(error.value)


def test_an_unencrypted_server_elsewhere_is_warned_of(stand_in: StandIn) -> None:
    said: list[str] = []
    with (
        pytest.raises(CvatError),
        connect(Credentials("http://nowhere.invalid", token="t"), sleep=said.append, say=said.append),  # type: ignore[arg-type]
    ):
        pass
    assert "not encrypted" in said[0]


def test_two_exports_to_one_place_do_not_meet(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "pulled.zip"

    def task(meanwhile: Callable[[], None]) -> Any:
        def export_dataset(form: str, file: Path, *, include_images: bool) -> None:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("annotations.xml", "<annotations/>")
            meanwhile()

        return SimpleNamespace(id=5, export_dataset=export_dataset)

    other = task(lambda: None)
    server.export(task(lambda: server.export(other, target)), target)
    assert zipfile.is_zipfile(target)
    assert list(tmp_path.iterdir()) == [target]
