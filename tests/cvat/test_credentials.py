"""Secrets come from the environment or a closed file, and are shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.cvat.credentials import find_credentials
from segloop.utils.errors import UserError
from tests.cvat.standin.server import AUTHORITY

ENVIRONMENT = {"CVAT_HOST": "cvat.example.org/", "CVAT_ACCESS_TOKEN": "hush"}


@pytest.fixture(autouse=True)
def no_habit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("segloop.cvat.credentials.HABIT", tmp_path / "none.env")


def file_with(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    file = tmp_path / "cvat.env"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def test_the_environment_is_enough_and_secrets_stay_hidden() -> None:
    found = find_credentials(ENVIRONMENT)
    assert (found.host, found.token) == ("https://cvat.example.org", "hush")
    assert "hush" not in repr(found)


@pytest.mark.parametrize("host", ["HTTP://localhost:8080/", " http://localhost:8080"])
def test_an_address_may_have_large_letters_and_blanks_around_it(host: str) -> None:
    assert find_credentials({**ENVIRONMENT, "CVAT_HOST": host}).host == "http://localhost:8080"


def test_a_closed_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    file = file_with(
        tmp_path, "# mine\nexport CVAT_HOST=http://localhost:8080\nCVAT_USERNAME='anna'\nCVAT_PASSWORD=a=b\n"
    )
    found = find_credentials({"CVAT_USERNAME": "bert"}, file=file)
    assert (found.username, found.password, found.in_clear) == ("bert", "a=b", False)
    assert find_credentials({"CVAT_CREDENTIALS": str(file)}).username == "anna"


def test_a_user_of_the_environment_is_not_outdone_by_a_token_of_the_file(tmp_path: Path) -> None:
    file = file_with(tmp_path, "CVAT_HOST=localhost\nCVAT_ACCESS_TOKEN=hush\nCVAT_PASSWORD=old\n")
    found = find_credentials({"CVAT_USERNAME": "bert", "CVAT_PASSWORD": "new"}, file=file)
    assert (found.token, found.username, found.password) == (None, "bert", "new")
    assert find_credentials({"CVAT_USERNAME": "bert"}, file=file).token == "hush"


def test_what_a_file_says_goes_to_no_other_server(tmp_path: Path) -> None:
    file = file_with(tmp_path, "CVAT_HOST=https://ours.example.org\nCVAT_ACCESS_TOKEN=hush\n")
    assert find_credentials({}, file=file, host="ours.example.org/").token == "hush"
    with pytest.raises(
        UserError, match=r"who you are on http://localhost.* is for https://ours\.example\.org"
    ):
        find_credentials({}, file=file, host="http://localhost:8080")
    with pytest.raises(UserError, match="for https://ours"):
        find_credentials({"CVAT_HOST": "theirs.example.org"}, file=file)
    assert find_credentials({**ENVIRONMENT, "CVAT_ACCESS_TOKEN": "own"}, file=file).token == "own"


@pytest.mark.parametrize(
    ("written", "meant"),
    [("'a b'", "a b"), ('"a"', "a"), ("it's'", "it's'"), ("""'a\"'""", 'a"'), ('"', '"')],
)
def test_quotes_around_a_value_go_and_those_in_it_stay(tmp_path: Path, written: str, meant: str) -> None:
    file = file_with(tmp_path, f"CVAT_HOST=localhost\nCVAT_USERNAME=anna\nCVAT_PASSWORD={written}\n")
    assert find_credentials({}, file=file).password == meant


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(UserError, match="chmod 600"):
        find_credentials({}, file=file_with(tmp_path, "", mode))


def test_a_line_end_behind_a_value_is_none_of_it() -> None:
    found = find_credentials(
        {"CVAT_HOST": "localhost\r", "CVAT_ACCESS_TOKEN": "hush\n", "CVAT_ORGANIZATION": "lab\r"}
    )
    assert (found.host, found.token, found.organization) == ("https://localhost", "hush", "lab")
    found = find_credentials(
        {"CVAT_HOST": "localhost", "CVAT_USERNAME": "anna\r\n", "CVAT_PASSWORD": " pw \n"}
    )
    assert (found.username, found.password) == ("anna", " pw ")


@pytest.mark.parametrize("token", ["hush\nhush", "hush…"])
def test_a_token_that_cannot_be_sent_is_refused_unseen(token: str) -> None:
    with pytest.raises(UserError, match="CVAT_ACCESS_TOKEN holds a letter that is not ASCII") as error:
        find_credentials({**ENVIRONMENT, "CVAT_ACCESS_TOKEN": token})
    assert "hush" not in str(error.value)
    with pytest.raises(UserError, match="The organization holds"):
        find_credentials(ENVIRONMENT, organization="Лаб")


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "CVAT_HOST"),
        ({"CVAT_HOST": "localhost"}, "Nobody said who you are"),
        ({"CVAT_HOST": "localhost", "CVAT_USERNAME": "anna"}, "Nobody said who you are"),
        ({**ENVIRONMENT, "CVAT_HOST": "ftp://x"}, "no server's address"),
        ({**ENVIRONMENT, "CVAT_HOST": "http://[::1"}, "no server's address"),
        ({**ENVIRONMENT, "CVAT_HOST": "localhost:port"}, "no server's address"),
        ({**ENVIRONMENT, "CVAT_HOST": "https://anna:pw@x"}, "holds a user or password"),
        ({**ENVIRONMENT, "CVAT_HOST": "ftp://anna:pw@x"}, "holds a user or password"),
        ({**ENVIRONMENT, "CVAT_CA_FILE": "/nowhere.pem"}, "does not exist"),
    ],
)
def test_what_is_missing_or_odd_is_told(environment: dict[str, str], told: str) -> None:
    with pytest.raises(UserError, match=told) as error:
        find_credentials(environment)
    assert "pw" not in str(error.value)


def test_whose_certificates_are_trusted(tmp_path: Path) -> None:
    def trusted(**more: str) -> Path | None:
        return find_credentials({**ENVIRONMENT, **more}).ca_file

    mine, others = str(AUTHORITY), tmp_path / "others.pem"
    others.write_bytes(AUTHORITY.read_bytes())
    assert trusted() is None
    assert trusted(CVAT_CA_FILE=mine, REQUESTS_CA_BUNDLE=str(others)) == AUTHORITY
    assert trusted(REQUESTS_CA_BUNDLE=str(others)) == others
    assert trusted(REQUESTS_CA_BUNDLE=str(others), SSL_CERT_FILE=mine) is None  # OpenSSL reads it itself
    with pytest.raises(UserError, match="is a folder"):
        trusted(REQUESTS_CA_BUNDLE=str(tmp_path))
    others.write_text("no certificate", encoding="utf-8")
    with pytest.raises(UserError, match=r"CVAT_CA_FILE names .*others\.pem, which holds no certificate"):
        trusted(CVAT_CA_FILE=str(others))


def test_a_line_that_is_none_is_told_without_its_value(tmp_path: Path) -> None:
    file = file_with(tmp_path, "CVAT_PASSWORT=hush\n")
    with pytest.raises(UserError, match=r"line 1 .*CVAT_PASSWORD") as error:
        find_credentials({}, file=file)
    assert "hush" not in str(error.value)
    with pytest.raises(UserError, match="cannot be read"):
        find_credentials({}, file=tmp_path / "gone.env")
