"""Encrypted servers: what is not trusted hears no secret, and each way to trust an authority works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from segloop.cvat.credentials import find_credentials
from segloop.cvat.faults import CvatError
from segloop.cvat.server import connect
from segloop.data.annotations import Instance
from tests.cvat.loops import pull_all, push
from tests.cvat.sets import LABELS, box, image, set_of
from tests.cvat.standin.server import AUTHORITY, StandIn, running

TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CVAT_CA_FILE")


@pytest.fixture(scope="module")
def encrypted() -> Iterator[StandIn]:
    with running(tls=True) as server:
        yield server


@pytest.fixture
def named(encrypted: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StandIn:
    """Return the server, named in an environment that trusts nobody in particular."""
    encrypted.reset()
    monkeypatch.setattr("segloop.cvat.credentials.HABIT", tmp_path / "none.env")
    monkeypatch.setattr("cvat_sdk.core.client.sleep", lambda _: None)
    for name in TRUST:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CVAT_HOST", encrypted.url)
    monkeypatch.setenv("CVAT_ACCESS_TOKEN", "token-of-anna")
    return encrypted


def test_what_is_not_trusted_is_told_in_a_line_and_hears_nothing(named: StandIn) -> None:
    naps: list[float] = []
    with (
        pytest.raises(CvatError, match="CVAT_CA_FILE") as error,
        connect(find_credentials(), sleep=naps.append),
    ):
        pass
    assert "\n" not in str(error.value)
    assert "company" in str(error.value)
    assert (naps, named.calls) == ([], [])


@pytest.mark.parametrize("name", ["CVAT_CA_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_company_is_trusted_by_each_of_the_ways(
    named: StandIn, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, str(AUTHORITY))
    with connect(find_credentials()) as server:
        assert server.version == named.version
        assert server.client.api_client.configuration.verify_ssl


def test_a_certificate_for_another_name_is_no_matter_of_trust(
    named: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVAT_CA_FILE", str(AUTHORITY))
    monkeypatch.setenv("CVAT_HOST", named.url.replace("localhost", "127.0.0.1"))
    with pytest.raises(CvatError, match="another name"), connect(find_credentials()):
        pass
    assert named.calls == []


def test_a_server_without_tls_is_told(
    stand_in: StandIn, named: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVAT_HOST", stand_in.url.replace("http:", "https:"))
    with (
        pytest.raises(CvatError, match="does not speak TLS"),
        connect(find_credentials(), sleep=lambda _: None),
    ):
        pass


def test_the_loop_goes_over_tls(named: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CVAT_CA_FILE", str(AUTHORITY))
    images = set_of([image(tmp_path, "a.png", [Instance(label="0", shape=box(1, 1, 5, 5))])], LABELS)
    with connect(find_credentials()) as server:
        push(server, tmp_path / "loop", images)
        assert not pull_all(server, tmp_path / "loop").changes
