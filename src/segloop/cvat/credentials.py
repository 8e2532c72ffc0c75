"""Who asks CVAT's server: host and secrets from the environment or a file that nobody else may read."""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from segloop.utils.errors import UserError, nearest

KEYS = (
    "CVAT_HOST",
    "CVAT_ACCESS_TOKEN",
    "CVAT_USERNAME",
    "CVAT_PASSWORD",
    "CVAT_ORGANIZATION",
    "CVAT_CA_FILE",
)
HABIT = Path("~/.config/segloop/cvat.env")
HOSTED = "https://app.cvat.ai"
HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Credentials:
    """A server and how to be known there; what is secret is never shown, by no `repr` either.

    `organization` is None where nobody said: the server then decides by the user.
    """

    host: str
    token: str | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    organization: str | None = None
    ca_file: Path | None = None

    @property
    def in_clear(self) -> bool:
        """Whether what is secret would travel unencrypted to another machine."""
        parts = urlsplit(self.host)
        return parts.scheme == "http" and parts.hostname not in HERE


def find_credentials(
    environment: Mapping[str, str] | None = None,
    *,
    file: Path | None = None,
    host: str | None = None,
    organization: str | None = None,
    otherwise: str | None = None,
) -> Credentials:
    """Return who asks: `host` and `organization` as given, the rest from the environment, then from a file.

    `otherwise` is the server where neither names one. (Secrets are for the server that they stand beside.)
    The file holds lines of KEY=VALUE; it is `file`, else the one that CVAT_CREDENTIALS names, else
    `~/.config/segloop/cvat.env` if there is one. One that others may read is refused, and one that names
    another server than is asked for says nothing.
    """
    environment = os.environ if environment is None else environment
    named = file or (Path(environment["CVAT_CREDENTIALS"]) if environment.get("CVAT_CREDENTIALS") else None)
    place = (named or HABIT).expanduser()
    known = _read(place) if named is not None or place.is_file() else {}
    # A line end behind a value is one of the file that it came out of.
    nearer = {key: value for key in KEYS if (value := environment.get(key, "").strip("\r\n"))}
    asked, theirs = host or nearer.get("CVAT_HOST"), known.get("CVAT_HOST")
    strange = ""
    if asked and theirs and _checked_host(asked) != _checked_host(theirs):
        known, strange = {}, f" What stands in {place} is for {theirs}."
    if "CVAT_USERNAME" in nearer and "CVAT_PASSWORD" in nearer:
        known.pop("CVAT_ACCESS_TOKEN", None)
    known |= nearer
    server = _checked_host(host or known.get("CVAT_HOST") or otherwise)
    if organization is None:
        organization = known.get("CVAT_ORGANIZATION")
    organization = _sendable("The organization", organization)
    name, password = known.get("CVAT_USERNAME"), known.get("CVAT_PASSWORD")
    token = _sendable("CVAT_ACCESS_TOKEN", known.get("CVAT_ACCESS_TOKEN"))
    if token is None and (name is None or password is None):
        raise UserError(
            f"Nobody said who you are on {server}. Set CVAT_ACCESS_TOKEN, or CVAT_USERNAME and "
            f"CVAT_PASSWORD, in the environment, or write them as KEY=VALUE lines into {HABIT} (chmod 600)."
            f"{strange}"
        )
    return Credentials(server, token, name, password, organization, _ca_file(known, environment))


def _sendable(what: str, text: str | None) -> str | None:
    """Return what goes along with each request; what HTTP cannot send is refused, without being shown."""
    if text is not None and not (text.isascii() and text.isprintable()):
        raise UserError(f"{what} holds a letter that is not ASCII, or a line end, which it cannot have.")
    return text


def _ca_file(known: Mapping[str, str], environment: Mapping[str, str]) -> Path | None:
    """Return whose certificates to trust: CVAT_CA_FILE, else as other programs are told; None: the system.

    SSL_CERT_FILE is no affair of ours: OpenSSL reads it itself, where nothing else is named.
    """
    key, text = "CVAT_CA_FILE", known.get("CVAT_CA_FILE")
    if not text and not environment.get("SSL_CERT_FILE"):
        key, text = "REQUESTS_CA_BUNDLE", environment.get("REQUESTS_CA_BUNDLE")
    if not text:
        return None
    file = Path(text).expanduser()
    if not file.is_file():
        what = "is a folder; CVAT_CA_FILE names one file" if file.is_dir() else "does not exist"
        raise UserError(f"{key} names {file}, which {what}.")
    try:
        ssl.create_default_context(cafile=str(file))
    except (ssl.SSLError, OSError) as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"{key} names {file}, which holds no certificate (a PEM file with BEGIN CERTIFICATE is wanted): "
            f"{reason}"
        ) from None
    return file


def _checked_host(host: str | None) -> str:
    if not host:
        raise UserError(f"No server was named. Give --host, or set CVAT_HOST, for example {HOSTED}.")
    scheme, sign, place = host.strip().partition("://")
    scheme, place = (scheme.lower(), place) if sign else ("https", scheme)
    if "@" in place:
        raise UserError("The address holds a user or password; set CVAT_USERNAME and CVAT_PASSWORD instead.")
    try:
        parts = urlsplit(f"{scheme}://{place}")
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets or a port that are none
        whole = False
    if not whole or scheme not in ("http", "https"):
        told = f"{scheme}://{place}"
        raise UserError(f"{told!r} is no server's address, such as {HOSTED} or http://localhost:8080.")
    return f"{scheme}://{place}".rstrip("/")


def _read(file: Path) -> dict[str, str]:
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UserError(f"The credentials in {file} cannot be read: {reason}.") from None
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise UserError(
            f"Others may read {file} (mode {stat.S_IMODE(mode):04o}). Close it first: chmod 600 {file}"
        )
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, sign, value = line.removeprefix("export ").partition("=")
        if not sign or key.strip() not in KEYS:  # never the value: it may be a secret
            hint = nearest(key.strip(), KEYS) if sign else ""
            raise UserError(f"{file}: line {number} is none of {', '.join(KEYS)} with = and a value.{hint}")
        found[key.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    """Return a value without the quotes around it; one that stands in a password is a part of it."""
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
