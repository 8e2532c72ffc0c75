"""CVAT's server through its SDK: each call with a time limit, retried where that is right, told in words."""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from segloop.cvat.credentials import Credentials
from segloop.cvat.faults import CvatError, Fault, fault_of, said_by
from segloop.cvat.proxies import proxy_for
from segloop.cvat.uploads import Resuming
from segloop.utils.errors import MissingDependency, UserError

CHECK_PERIOD_S = 0.3  # the SDK's own 5 s make every small step slow
TIMEOUT_S = (10.0, 300.0)  # to connect, to answer
ATTEMPTS = 5
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
OLDEST_SDK = (2, 59)
EXPORT, IMPORT = "CVAT for images 1.1", "CVAT 1.1"
DONE = "completed"  # the state of a job
Made = TypeVar("Made")


@dataclass
class Server:
    """A session with a server. Whatever fails ends as one CvatError that says what, why, and the way on."""

    client: Any  # the SDK's Client
    host: str
    version: str = "unknown"
    sleep: Callable[[float], None] = time.sleep
    say: Callable[[str], None] = print
    attempts: int = ATTEMPTS
    _organization: str | None = field(default=None)

    @property
    def organization(self) -> str | None:
        """The organization that everything is asked for in."""
        return self._organization

    def ask(self, what: str, call: Callable[[], Made], *, repeat: bool = True) -> Made:
        """Return what a call returns. With `repeat` it may be made again: a second time changes nothing."""
        for attempt in range(1, self.attempts + 1):
            try:
                return call()
            except Exception as error:
                fault = self._fault(error)
                if fault is None:
                    raise
                refused_unheard = fault.status == 429  # the server did not even look at it
                if not fault.again or attempt == self.attempts or not (repeat or refused_unheard):
                    raise self._told(what, fault) from error
                self.pause(what, fault, attempt)
        raise AssertionError("attempts are at least one")

    def create(self, what: str, make: Callable[[], Made], find: Callable[[], Made | None]) -> Made:
        """Return what `find` finds, else what `make` makes, which is never done twice.

        If nobody knows whether it was made (an answer lost, or unreadable for the SDK), it is looked for.
        """
        found = self.ask(f"look for {what}", find)
        if found is not None:
            return found
        for attempt in range(1, self.attempts + 1):
            try:
                return make()
            except Exception as error:
                fault = self._fault(error)
                if fault is None:
                    raise
                if fault.uncertain:
                    found = self.ask(f"look for {what}", find)
                    if found is not None:
                        return found
                if not fault.again or attempt == self.attempts:
                    raise self._told(f"make {what}", fault) from error
                self.pause(f"make {what}", fault, attempt)
        raise AssertionError("attempts are at least one")

    def pause(self, what: str, fault: Fault, attempt: int) -> None:
        """Wait before the next attempt, as long as the server asks for, or twice as long each time."""
        wait_s = fault.wait_s
        if wait_s is None:
            wait_s = min(FIRST_WAIT_S * 2 ** (attempt - 1), LONGEST_WAIT_S)
        told = fault.told if fault.told.endswith("?") else f"{fault.told}."
        self.say(f"Could not {what}: {told} Trying again in {wait_s:.0f} s.")
        self.sleep(wait_s)

    def fault(self, error: Exception) -> Fault | None:
        """Return what an exception of a call means."""
        return self._fault(error)

    def _fault(self, error: Exception) -> Fault | None:
        if isinstance(error, UserError):
            return None
        return fault_of(error, host=self.host, version=self.version)

    def _told(self, what: str, fault: Fault) -> CvatError:
        return CvatError(f"Could not {what}: {fault.told}{'' if fault.told.endswith('?') else '.'}")

    def find_project(self, project_id: int) -> Any | None:
        """Return a project by its id; None if there is none any more."""
        return self._find(f"look at project {project_id}", lambda: self.client.projects.retrieve(project_id))

    def find_task(self, task_id: int) -> Any | None:
        """Return a task by its id; None if there is none any more."""
        return self._find(f"look at task {task_id}", lambda: self.client.tasks.retrieve(task_id))

    def find_named(self, kind: str, name: str, **where: int) -> Any | None:
        """Return the first of the `projects` or the `tasks` that has a name; `create` asks for it."""
        from cvat_sdk.core.helpers import get_paginated_collection

        # `client.projects.list` takes no name before 2.70.
        endpoint = getattr(self.client.api_client, f"{kind}_api").list_endpoint
        found = get_paginated_collection(endpoint, name=name, **where)
        number = next((each.id for each in found if each.name == name), None)
        return None if number is None else getattr(self.client, kind).retrieve(number)

    def need_task(self, task_id: int) -> Any:
        """Return a task by its id; that there is none any more is told."""
        task = self.find_task(task_id)
        if task is None:
            raise CvatError(f"Task {task_id} is not on {self.host} any more. Call this command again.")
        return task

    def remove_empty(self, task: Any) -> None:
        """Remove a task that a failed upload left; that it is gone already is no fault."""

        def remove() -> None:
            if self.find_task(task.id) is not None:
                task.remove()

        self.ask(f"remove the empty task {task.id}", remove)

    def _find(self, what: str, call: Callable[[], Made]) -> Made | None:
        from cvat_sdk.api_client.exceptions import NotFoundException

        def found() -> Made | None:
            try:
                return call()
            except NotFoundException:
                return None

        return self.ask(what, found)

    def labels_of(self, kind: str, number: int) -> list[Any]:
        """Return the labels of a `project` or a `task`, in the order in which they were made."""
        from cvat_sdk.core.helpers import get_paginated_collection

        endpoint = self.client.api_client.labels_api.list_endpoint
        labels = self.ask(
            f"list the labels of {kind} {number}",
            lambda: get_paginated_collection(endpoint, page_size=100, **{f"{kind}_id": number}),
        )
        return sorted(labels, key=lambda each: each.id)

    def jobs_of(self, task_id: int) -> list[Any]:
        """Return a task's jobs by their first frame; neither ground truth nor replicas."""
        from cvat_sdk.core.helpers import get_paginated_collection

        endpoint = self.client.api_client.jobs_api.list_endpoint
        jobs = self.ask(
            f"list the jobs of task {task_id}",
            lambda: get_paginated_collection(endpoint, page_size=100, task_id=task_id),
        )
        ordinary = [each for each in jobs if str(_value(getattr(each, "type", "annotation"))) == "annotation"]
        return sorted(ordinary, key=lambda each: (each.start_frame, each.id))

    def done_jobs(self, task_id: int) -> list[Any]:
        """Return the jobs that somebody called completed."""
        return [job for job in self.jobs_of(task_id) if word_of(job.state) == DONE]

    def deleted_frames(self, task: Any) -> set[int]:
        """Return the numbers of the frames that were deleted in CVAT; no export holds them."""
        return set(self.ask(f"look at the images of task {task.id}", task.get_meta).deleted_frames)

    def export(self, task: Any, target: Path) -> None:
        """Save a task's annotations as a zip at `target`, whole or not at all; images stay on the server."""
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")  # two may export at once

        def fetch() -> None:
            part.unlink(missing_ok=True)  # the SDK refuses an existing file, after the server did the work
            part.parent.mkdir(parents=True, exist_ok=True)
            task.export_dataset(EXPORT, part, include_images=False)
            if not part.is_file():
                raise CvatError(
                    f"Task {task.id} exports to a cloud storage. Set its target storage to local in CVAT."
                )

            if not zipfile.is_zipfile(part):  # a proxy's page of excuses, say
                raise ConnectionError("what came is no zip")

        try:
            self.ask(f"export task {task.id}", fetch)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def _value(word: Any) -> Any:
    return getattr(word, "value", word)


def word_of(value: Any) -> str:
    """Return a word that the SDK wraps, such as a job's state."""
    return str(_value(value))


def images_in(task: Any) -> int:
    """Return how many images a task has; one without any says nothing of it, and the SDK raises then."""
    return int(getattr(task, "size", 0) or 0)


@contextlib.contextmanager
def connect(
    credentials: Credentials,
    *,
    sleep: Callable[[float], None] = time.sleep,
    say: Callable[[str], None] = print,
    attempts: int = ATTEMPTS,
) -> Iterator[Server]:
    """Log in at a server for the length of a block."""
    _check_sdk()
    from cvat_sdk.api_client.exceptions import OpenApiException
    from cvat_sdk.core.client import AccessTokenCredentials, Client, Config

    if credentials.in_clear:
        say(f"Careful: {credentials.host} is not encrypted; whoever listens on the way reads your password.")
    quiet = logging.getLogger("segloop.cvat.sdk")
    quiet.setLevel(logging.CRITICAL)  # its warnings name requests in full
    # A version question at once would end with an SDK that cannot read an older server's answer.
    client = Client(
        credentials.host,
        logger=quiet,
        config=Config(status_check_period=CHECK_PERIOD_S, verify_ssl=True),
        check_server_version=False,
    )
    server = Server(client, credentials.host, sleep=sleep, say=say, attempts=attempts)
    _set_up(server, credentials)
    server._organization = credentials.organization
    try:
        server.version = _version(server)
        if credentials.token is not None:
            client.login(AccessTokenCredentials(credentials.token))
        else:
            _log_in(server, credentials)
        if credentials.organization is not None:
            client.organization_slug = credentials.organization
        server.ask("log in", client.api_client.users_api.retrieve_self)
        yield server
    except OpenApiException as error:  # a field that is not there is met only when it is asked for
        fault = server.fault(error)
        assert fault is not None
        raise server._told("go on", fault) from error
    finally:
        with contextlib.suppress(Exception):
            client.api_client.close()


def _log_in(server: Server, credentials: Credentials) -> None:
    from cvat_sdk.api_client.exceptions import ApiException

    def log_in() -> None:
        try:
            server.client.login((credentials.username, credentials.password))
        except ApiException as error:
            if error.status == 400:  # not 401: that is how CVAT tells of a wrong password
                said = said_by(error).rstrip(".")
                raise CvatError(f"{server.host} does not know this user and password{said}.") from None
            raise

    server.ask("log in", log_in)


def _set_up(server: Server, credentials: Credentials) -> None:
    """Give each request a time limit, and leave retries to `Server`: urllib3's would repeat in silence."""
    from cvat_sdk.api_client.rest import RESTClientObject
    from urllib3 import Retry

    configuration = server.client.api_client.configuration
    configuration.retries = Retry(
        total=None, connect=0, read=0, status=0, other=0, redirect=5, respect_retry_after_header=False
    )
    if credentials.ca_file is not None:
        configuration.ssl_ca_cert = str(credentials.ca_file)
    proxy = proxy_for(credentials.host)
    if proxy is not None:
        configuration.proxy, configuration.proxy_headers = proxy.url, proxy.headers
    rest = server.client.api_client.rest_client = RESTClientObject(configuration)
    request = rest.request

    def limited(*words: Any, _request_timeout: Any = None, **named: Any) -> Any:
        return request(*words, _request_timeout=_request_timeout or TIMEOUT_S, **named)

    rest.request = Resuming(limited, server.fault, server.pause, server.attempts)


def _version(server: Server) -> str:
    """Ask for the server's version, in a way that no SDK fails to read."""
    import json

    def about() -> str:
        _, response = server.client.api_client.server_api.retrieve_about(_parse_response=False)
        try:
            return str(json.loads(response.data)["version"])
        except (ValueError, KeyError, TypeError):
            raise CvatError(
                f"What answers at {server.host} is no CVAT server; is the address right?"
            ) from None

    return server.ask("reach the server", about)


def _check_sdk() -> None:
    command = "pip install 'cvat-sdk>=2.59'"
    try:
        from cvat_sdk.version import VERSION
    except ImportError:
        raise MissingDependency("cvat-sdk", why="it speaks to CVAT's server", command=command) from None
    if tuple(int(each) for each in VERSION.split(".")[:2]) < OLDEST_SDK:
        raise UserError(f"cvat-sdk {VERSION} cannot make tasks on a server of today. Update it: {command}")
