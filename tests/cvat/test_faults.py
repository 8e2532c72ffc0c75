"""Each way to fail has one line that says what to do."""

from __future__ import annotations

import errno

import pytest
import urllib3
from cvat_sdk.api_client.exceptions import ApiException, ApiTypeError
from cvat_sdk.core.exceptions import BackgroundRequestException, CvatSdkException

from segloop.cvat.faults import MOST_WAIT_S, Fault, fault_of, short


def fault(error: Exception) -> Fault:
    found = fault_of(error, host="https://x", version="2.23.1")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("error", "told", "again", "uncertain"),
    [
        (ApiException(status=0, reason="SSLError\nself-signed"), "CVAT_CA_FILE", False, False),
        (ApiException(status=200, reason="OK"), "CVAT refused it", False, False),
        (BackgroundRequestException("ValueError: Label 'X' is not registered"), "Label 'X'", False, False),
        (CvatSdkException("Too many upload errors"), "upload", True, True),
        (ApiTypeError("Invalid type for variable 'data'"), "pip install 'cvat-sdk", False, True),
        (TypeError("missing 'logo_url'"), "2.23.1", False, True),
        (urllib3.exceptions.ReadTimeoutError(None, "/", "slow"), "too long", True, True),  # type: ignore[arg-type]
        (urllib3.exceptions.ProtocolError("gone"), "was lost", True, True),
        (urllib3.exceptions.ConnectTimeoutError(None, "slow"), "does not answer", True, False),
        (ConnectionResetError("reset"), "connection to https://x failed", True, True),
        (OSError(errno.ENOSPC, "No space left on device"), "this machine", False, False),
        (PermissionError(errno.EACCES, "Permission denied", "/x.zip"), "/x.zip", False, False),
    ],
)
def test_what_is_told_and_whether_to_try_again(
    error: Exception, told: str, again: bool, uncertain: bool
) -> None:
    found = fault(error)
    assert told in found.told
    assert "\n" not in found.told
    assert (found.again, found.uncertain) == (again, uncertain)


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("7", 7.0),
        ("100000", MOST_WAIT_S),
        ("Fri, 20 Nov 2026 10:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 09:00:00 GMT", 0.0),
        ("soon", None),
    ],
)
def test_a_date_to_wait_for_is_by_the_clock_of_the_server(text: str, wait_s: float | None) -> None:
    error = ApiException(status=429, reason="Too Many Requests")
    error.headers = {"Retry-After": text, "Date": "Fri, 20 Nov 2026 10:00:00 GMT"}
    assert fault(error).wait_s == wait_s


def test_certificates_are_told_of_also_when_urllib3_tells(  # its reason is inside
) -> None:
    error = urllib3.exceptions.MaxRetryError(None, "/", urllib3.exceptions.SSLError("self-signed"))  # type: ignore[arg-type]
    assert "CVAT_CA_FILE" in fault(error).told


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("certificate verify failed: Hostname mismatch, certificate is not valid for 'x'", "another name"),
        ("certificate verify failed: IP address mismatch", "another name"),
        ("certificate verify failed: certificate has expired", "renew"),
        ("certificate verify failed: certificate is not yet valid", "clock"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "http://"),
        ("[SSL: RECORD_LAYER_FAILURE] record layer failure", "http://"),
        ("certificate verify failed: self-signed certificate in certificate chain", "CVAT_CA_FILE"),
    ],
)
def test_each_fault_of_a_certificate_has_its_way_on(reason: str, told: str) -> None:
    found = fault(ApiException(status=0, reason=f"SSLError\n[SSL: X] {reason} (_ssl.c:1006)"))
    assert told in found.told
    assert not found.again


def test_what_is_no_fault_of_the_road_keeps_its_traceback() -> None:
    assert fault_of(ZeroDivisionError(), host="x") is None


def test_long_texts_are_cut() -> None:
    assert len(short("x\n" * 1000)) < 310
