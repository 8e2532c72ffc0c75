"""Runs the service on a socket until it is told to end, and lets those be answered who were heard."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from segloop.experiments.serving.service import INSTALL, Service, create_app
from segloop.utils.errors import MissingDependency, UserError

GRACE_SECONDS = 10  # for the answers that are due when the service ends
IDLE_SECONDS = 5  # a connection may say nothing
UNREAD_SECONDS = 60  # nothing of an answer may be taken: the system's own buffers empty in large steps
HEADER_BYTES = 16 << 10


def serve(
    service: Service, *, host: str = "127.0.0.1", port: int = 8000, say: Callable[[str], None] = print
) -> None:
    """Answer requests until SIGINT or SIGTERM; port 0 takes any that is free, and its number is told."""
    server, listener = make_server(service, host=host, port=port)
    with listener:
        address, number = listener.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        say(f"http://{shown}:{number}/predict answers; Ctrl-C or SIGTERM ends it.")
        server.run(sockets=[listener])


def make_server(service: Service, *, host: str, port: int) -> tuple[Any, socket.socket]:
    """Return a server and the socket that it is to listen on, bound already."""
    try:
        import uvicorn
    except ImportError as error:
        raise MissingDependency("uvicorn", why="the service needs it", command=INSTALL) from error
    config = uvicorn.Config(
        create_app(service),
        log_level="warning",
        access_log=False,
        server_header=False,
        # answers that refuse cost little: room for them, and an end to it
        limit_concurrency=4 * service.most + 64,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=HEADER_BYTES,
        http=_impatient(),
        ws="none",
    )
    return uvicorn.Server(config), _listen(host, port)


def _impatient() -> type[Any]:
    """Return uvicorn's protocol with an end to connections that say nothing, half a head, or do not listen.

    uvicorn waits for the rest of a head for ever, and for whoever does not read an answer; such connections
    count for its limit.
    """
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Impatient(H11Protocol):
        _idle: Any = ...  # the request after which nothing was heard at the last look
        _unread: tuple[Any, int] = (None, 0)  # the request, and bytes of answers that wait to be taken
        _since = 0.0  # when these changed last

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.loop.call_later(IDLE_SECONDS, self._look)

        def _look(self) -> None:
            unread = self.cycle, self.transport.get_write_buffer_size()
            if unread != self._unread:
                self._unread, self._since = unread, self.loop.time()
            elif unread[1] and self.loop.time() - self._since >= UNREAD_SECONDS:
                self.transport.abort()  # what is closed in order waits for its reader
                return
            if self.transport.is_closing() and not unread[1]:
                return
            busy = self.cycle is not None and not self.cycle.response_complete
            if not busy and self._idle is self.cycle:
                self.transport.close()
            self._idle = ... if busy else self.cycle
            self.loop.call_later(IDLE_SECONDS, self._look)

    return Impatient


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port < 1 << 16:  # the system would take what is left after division
        raise UserError(f"--port {port}: a port is a number from 0 to 65535.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise UserError(f"--host {host}: {error.strerror}.") from error
    except UnicodeError as error:
        raise UserError(f"--host {host}: no name of a machine is written so.") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(256)
    except OSError as error:
        listener.close()
        raise UserError(f"--host {host} --port {port}: {error.strerror}.") from error
    return listener
