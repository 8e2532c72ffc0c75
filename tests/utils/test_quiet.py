"""Chatter is held back, unless the import that made it fails or the user wants to hear it."""

from __future__ import annotations

import os
import warnings

import pytest

from segloop.utils.quiet import REPORTS, quiet, report_nothing, silent_imports


def fail(reason: str) -> None:
    """Fail as an import does."""
    print(reason)
    raise ImportError(reason)


def test_holds_back_what_imports_print(capsys: pytest.CaptureFixture) -> None:
    with silent_imports():
        print("Could not import OneDL")
    assert capsys.readouterr().out == ""


def test_shows_it_when_the_import_fails(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(ImportError), silent_imports():
        fail("libfoo is missing")
    assert "libfoo is missing" in capsys.readouterr().err


def test_libraries_report_nothing_unless_the_user_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in REPORTS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    report_nothing()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "false"


def test_noise_on_request(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGLOOP_NOISY", "1")
    with silent_imports():
        print("chatter")
    assert capsys.readouterr().out == "chatter\n"


def test_silences_only_what_a_user_can_do_nothing_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.warnoptions", [])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        quiet()
        warnings.warn("old name", DeprecationWarning, stacklevel=1)
        warnings.warn("your mask is odd", UserWarning, stacklevel=1)
    assert [str(item.message) for item in caught] == ["your mask is odd"]
