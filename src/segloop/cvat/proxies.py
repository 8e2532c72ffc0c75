"""The proxy on the way to CVAT's server: the environment's, which the SDK does not look at."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from segloop.cvat.credentials import HERE
from segloop.utils.errors import UserError


@dataclass(frozen=True)
class Proxy:
    """Where requests are sent instead, and as whom; the password is never shown."""

    url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)


def proxy_for(host: str) -> Proxy | None:
    """Return the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY name for a server, unless NO_PROXY does.

    What listens on this machine is asked directly: whoever sets HTTP_PROXY rarely thinks of it.
    """
    from urllib3.util import make_headers

    parts = urlsplit(host)
    name = parts.hostname or ""
    if name in HERE or proxy_bypass(name):
        return None
    named = getproxies()
    said = named.get(parts.scheme) or named.get("all")
    if not said:
        return None
    proxy = urlsplit(said if "://" in said else f"http://{said}")
    where = proxy.netloc.rpartition("@")[2]
    if proxy.scheme not in ("http", "https") or not proxy.hostname:
        variable = _variable(said)
        raise UserError(
            f"{variable} names {proxy.scheme}://{where}; the way to CVAT takes http:// and https://."
        )
    user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}" if proxy.username else None
    return Proxy(f"{proxy.scheme}://{where}", make_headers(proxy_basic_auth=user) if user else {})


def _variable(said: str) -> str:
    """Return the name of the environment variable that says so, never its value: that may hold a password."""
    return next((name for name, value in os.environ.items() if value == said), "The proxy of this system")
