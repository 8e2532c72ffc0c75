"""What went wrong on the way to CVAT's server, in one line with a way on, and whether to try again."""

from __future__ import annotations

import contextlib
import errno
import json
import re
import ssl
import time
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from typing import Any

from urllib3 import exceptions as http

from segloop.utils.errors import UserError

MOST_WAIT_S = 600.0  # that a server's Retry-After is heeded
MOST_TEXT = 300
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what writing into an open file ends with


class CvatError(UserError):
    """What CVAT's server, or the way to it, did not let happen."""


@dataclass(frozen=True)
class Fault:
    """A failed call: what to tell, whether another try may help and after how long, and whether it may have
    been done all the same.
    """

    told: str
    again: bool = False
    wait_s: float | None = None
    uncertain: bool = False
    status: int | None = None


def fault_of(error: BaseException, *, host: str, version: str = "unknown") -> Fault | None:
    """Return what an exception of the SDK, of urllib3 or of the system means; None for one of neither."""
    from cvat_sdk.api_client.exceptions import ApiException, OpenApiException
    from cvat_sdk.core.exceptions import BackgroundRequestException, CvatSdkException

    if isinstance(error, ApiException):
        return _of_status(error, host)
    if isinstance(error, BackgroundRequestException):
        return Fault(f"CVAT refused it: {short(error)}")
    if isinstance(error, CvatSdkException):
        return Fault(f"the upload did not get through ({short(error)})", again=True, uncertain=True)
    if isinstance(error, http.HTTPError):
        return _of_connection(error, host)
    if isinstance(error, OSError) and (error.filename is not None or error.errno in DISK):
        return Fault(f"a file of this machine cannot be read or written ({error})")
    if isinstance(error, OSError):
        return Fault(f"the connection to {host} failed ({error})", again=True, uncertain=True)
    if isinstance(
        error, OpenApiException | TypeError | ValueError | KeyError | AttributeError | AssertionError
    ):
        return _unreadable(error, version)
    return None


def _of_status(error: Any, host: str) -> Fault:
    status = int(error.status or 0)
    said = said_by(error)
    if status == 0:
        return _certificate(host, str(error.reason))
    if status == 401:
        return Fault(
            f"{host} does not know you (401): the token or password is wrong or has run out", status=401
        )
    if status == 403:
        told = (
            "you may not do this (403). Ask the owner, or name the organization: --org or CVAT_ORGANIZATION"
        )
        return Fault(f"{told}{said}", status=403)
    if status == 404:
        told = "there is no such thing on the server any more (404), or not in this organization"
        return Fault(f"{told}{said}", status=404)
    if status == 409:
        return Fault(f"the server is busy with the same thing (409){said}", again=True, status=409)
    if status == 429:
        return Fault("the server asks for patience (429)", again=True, wait_s=_retry_after(error), status=429)
    if status >= 500:
        told = f"the server failed ({status}); its administrator finds why in its logs{said}"
        return Fault(told, again=True, wait_s=_retry_after(error), uncertain=True, status=status)
    if status in (200, 201, 202):  # SDKs up to 2.31 tell of failed requests so
        return Fault(f"CVAT refused it{said}", status=status)
    return Fault(f"the server refused it ({status}){said}", status=status)


def _of_connection(error: http.HTTPError, host: str) -> Fault:
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, http.ProxyError):
        return Fault(
            f"the proxy that the environment names (HTTPS_PROXY, HTTP_PROXY) does not let {host} through "
            f"({short(reason.original_error)}). Is it right? NO_PROXY names servers that need none",
            again=True,
        )
    if isinstance(reason, http.SSLError | ssl.SSLError):
        return _certificate(host, str(reason))
    if isinstance(reason, http.NameResolutionError):
        return Fault(f"nobody knows the name of {host}; is the address right?")
    if isinstance(reason, http.NewConnectionError):  # before the next one, whose kind it is too
        return Fault(f"no server listens at {host}; is it up, and is the address right?", again=True)
    if isinstance(reason, http.ConnectTimeoutError):
        return Fault(f"{host} does not answer; is it up, and can you reach it from here?", again=True)
    if isinstance(reason, http.ReadTimeoutError):
        return Fault(f"{host} took too long to answer", again=True, uncertain=True)
    if isinstance(reason, http.LocationParseError | http.LocationValueError):
        return Fault(f"{host!r} is no address")
    return Fault(f"the connection to {host} was lost", again=True, uncertain=True)


# What the reason says, in small letters: what that means, and the way on.
_CERTIFICATES = (
    ("mismatch", "{host} shows a certificate for another name; is the address right?"),
    ("has expired", "the certificate of {host} has run out; its administrator can renew it"),
    ("not yet valid", "the certificate of {host} is not valid yet; is the clock of this machine right?"),
    ("wrong_version_number", "{host} does not speak TLS; is it http:// and not https://?"),
    ("record_layer_failure", "{host} does not speak TLS; is it http:// and not https://?"),
)


def _certificate(host: str, reason: str) -> Fault:
    """Tell what is wrong with an encrypted connection; there is no switch that turns the check off."""
    plain = re.sub(r"[ _]+", " ", reason.lower())
    for sign, told in _CERTIFICATES:
        if sign.replace("_", " ") in plain:
            return Fault(told.format(host=host))
    told = (
        f"the certificate of {host} is not trusted. If it is your company's own, name a PEM file with the "
        "certificate of its authority: CVAT_CA_FILE=company.pem"
    )
    return Fault(f"{told} ({short(reason)})")


def _unreadable(error: BaseException, version: str) -> Fault:
    told = (
        f"this cvat-sdk could not read what the server ({version}) answered "
        f"({type(error).__name__}: {short(error)}). Install another: "
        "pip install 'cvat-sdk>=2.59', or the one of "
        "the server's version"
    )
    return Fault(told, uncertain=True)


def said_by(error: Any) -> str:
    """Return what the server says of itself, in brackets; a page of HTML says nothing."""
    raw = error.body
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw or "")
    if not text or text.lstrip().startswith("<"):
        return ""
    with contextlib.suppress(ValueError):
        text = "; ".join(_leaves(json.loads(text))) or text
    return f": {short(text)}"


def _leaves(value: Any, name: str = "") -> list[str]:
    if isinstance(value, dict):
        return [each for key, inner in value.items() for each in _leaves(inner, str(key))]
    if isinstance(value, list):
        return [each for inner in value for each in _leaves(inner, name)]
    plain = name in ("", "detail", "message", "non_field_errors")
    return [str(value) if plain else f"{name}: {value}"]


def _retry_after(error: Any) -> float | None:
    headers = error.headers or {}
    text = str(headers.get("Retry-After") or "").strip()
    if text.isdecimal():
        return min(float(text), MOST_WAIT_S)
    until = _moment(text)
    if until is None:
        return None
    now = _moment(str(headers.get("Date") or "")) or time.time()  # the server's clock may not be ours
    return min(max(until - now, 0.0), MOST_WAIT_S)


def _moment(text: str) -> float | None:
    """Return the seconds since the epoch of a date as HTTP writes them; None for what is none."""
    date = parsedate_tz(text)
    return None if date is None else float(mktime_tz(date))


def short(error: object) -> str:
    """Return a text on one line, cut where it gets long."""
    text = re.sub(r"\s+", " ", str(error)).strip()
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]} …"
