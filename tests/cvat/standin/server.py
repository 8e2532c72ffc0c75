"""A stand-in for CVAT's server: the REST calls of the real SDK over real HTTP, and failures on demand."""

from __future__ import annotations

import base64
import re
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.cvat.standin import answers, forms
from tests.cvat.standin.state import Failed, Json, Project, Refused, State, Task
from tests.cvat.standin.wire import Answer, Call, Handler, Plan, files_of

PAGE_SIZE = 10
VERSION = "2.73.0"
# For `localhost`, until 2120, signed by an authority that nobody trusts and whose key is gone.
AUTHORITY, KEY_AND_CERTIFICATE = (
    Path(__file__).parent / "tls" / name for name in ("authority.pem", "server.pem")
)


class StandIn:
    """The server: state, what was called, and the plan by which calls fail (number from 0, method, path)."""

    def __init__(self, *, port: int = 0, version: str = VERSION, tls: bool = False) -> None:
        self._lock = threading.RLock()
        self._scheme, self._name = ("https", "localhost") if tls else ("http", "127.0.0.1")
        self.reset(version)
        handler = type("Bound", (Handler,), {"owner": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._http.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(KEY_AND_CERTIFICATE)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)

    def reset(self, version: str = VERSION) -> None:
        """Forget everything, and fail no more."""
        self.state = State()
        self.version = version
        self.calls: list[tuple[str, str]] = []
        self.plan: Plan = lambda number, method, path: None
        self.slow_requests = 0  # how often a background request is asked for before it is done
        self._uploads: dict[str, Json] = {}
        self._files: dict[str, dict[str, bytes]] = {}  # by what they are for, and by name
        self._waiting: dict[str, tuple[int, Callable[[], bytes | None]]] = {}
        self.largest = 0  # bytes of a piece of an upload
        self._turn = 0

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self._name}:{self._http.server_address[1]}"

    def serve(self) -> None:
        """Answer until `close`."""
        self._http.serve_forever(poll_interval=0.01)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def answer(self, call: Call) -> Answer:
        """Do what a call asks for, one at a time."""
        with self._lock:
            try:
                return self._route(call)
            except Refused as refused:
                return Answer(refused.status, refused.body)

    def _route(self, call: Call) -> Answer:
        path = call.path.rstrip("/")
        if path == "/api/server/about":
            about = {"name": "CVAT", "description": "", "version": self.version}
            newer = {"logo_url": "", "subtitle": ""} if self.version >= "2.31" else {}
            return Answer(body={**about, **newer})
        if path == "/api/auth/login":
            return self._login(call)
        self._check_login(call)
        organization = self._organization(call)
        for pattern, act in _ROUTES:
            if match := re.fullmatch(pattern, path):
                return act(self, call, organization, *(each for each in match.groups()))
        raise Refused(404, {"detail": "Not found."})

    def _login(self, call: Call) -> Answer:
        given = call.json
        if self.state.users.get(given.get("username", "")) != given.get("password"):
            raise Refused(400, {"non_field_errors": ["Unable to log in with provided credentials."]})
        return Answer(body={"key": "k"}, headers={"Set-Cookie": "sessionid=s, csrftoken=c"})

    def _check_login(self, call: Call) -> None:
        bearer = (call.headers.get("Authorization") or "").removeprefix("Bearer ")
        if "sessionid" not in (call.headers.get("Cookie") or "") and bearer not in self.state.tokens:
            raise Refused(401, {"detail": "Authentication credentials were not provided."})

    def _organization(self, call: Call) -> str | None:
        slug = call.headers.get("X-Organization", call.query.get("org"))
        if slug is not None and slug not in self.state.organizations:
            raise Refused(404, {"detail": "Organization not found"})
        return slug

    def _self(self, call: Call, organization: str | None) -> Answer:
        return Answer(body={**(answers.user("anna") or {}), "groups": [], "email": "a@b.c"})

    def _projects(self, call: Call, organization: str | None) -> Answer:
        if call.method == "POST":
            given = call.json
            labels = self.state.make_labels(given.get("labels", []))
            made = Project(self.state.new_id(), given["name"], organization or "", labels)
            self.state.projects[made.id] = made
            return Answer(201, answers.project(self.state, made))
        found = [
            answers.project(self.state, each)
            for each in self.state.projects.values()
            if organization in (None, each.organization) and call.query.get("name") in (None, each.name)
        ]
        return self._page(call, found)

    def _project(self, call: Call, organization: str | None, number: str) -> Answer:
        found = self.state.projects.get(int(number))
        if found is None:
            raise Refused(404, {"detail": "Not found."})
        if call.method == "DELETE":
            del self.state.projects[found.id]
            for each in [each for each in self.state.tasks.values() if each.project_id == found.id]:
                del self.state.tasks[each.id]
            return Answer(204)
        return Answer(body=answers.project(self.state, found))

    def _tasks(self, call: Call, organization: str | None) -> Answer:
        if call.method == "POST":
            given = call.json
            project_id = given.get("project_id")
            if project_id is not None and project_id not in self.state.projects:
                raise Refused(404, {"detail": "The specified project does not exist."})
            made = Task(
                self.state.new_id(),
                given["name"],
                project_id,
                organization or "",
                given.get("segment_size", 0),
            )
            made.labels = self.state.make_labels(given.get("labels", []))
            self.state.tasks[made.id] = made
            return Answer(201, answers.task(self.state, made))
        wanted = call.query.get("project_id")
        found = [
            answers.task(self.state, each)
            for each in self.state.tasks.values()
            if wanted in (None, str(each.project_id)) and call.query.get("name") in (None, each.name)
        ]
        return self._page(call, found)

    def _task(self, call: Call, organization: str | None, number: str) -> Answer:
        found = self._find_task(number)
        if call.method == "DELETE":
            del self.state.tasks[found.id]
            return Answer(204)
        return Answer(body=answers.task(self.state, found))

    def _find_task(self, number: str) -> Task:
        found = self.state.tasks.get(int(number))
        if found is None:
            raise Refused(404, {"detail": "No Task matches the given query."})
        return found

    def _labels(self, call: Call, organization: str | None) -> Answer:
        if "project_id" in call.query:
            owner: Any = self.state.projects.get(int(call.query["project_id"]))
            labels = owner.labels if owner else []
        else:
            task = self._find_task(call.query["task_id"])
            labels = self.state.labels_of(task)
            owner = task if task.project_id is None else self.state.projects[task.project_id]
        return self._page(call, [answers.label(each, owner) for each in labels])

    def _jobs(self, call: Call, organization: str | None) -> Answer:
        task = self._find_task(call.query["task_id"])
        return self._page(call, [answers.job(self.state, each, task) for each in task.jobs])

    def _meta(self, call: Call, organization: str | None, number: str) -> Answer:
        task = self._find_task(number)
        if call.method == "PATCH":
            task.deleted_frames = call.json.get("deleted_frames", [])
        return Answer(body=answers.meta(task))

    def _page(self, call: Call, found: list[Json]) -> Answer:
        size = int(call.query.get("page_size", PAGE_SIZE))
        return Answer(body=answers.page(found, int(call.query.get("page", 1)), size))

    def _data(self, call: Call, organization: str | None, number: str) -> Answer:
        task = self._find_task(number)
        if "Upload-Length" in call.headers:
            return self._start_file(call, f"data-{task.id}")
        if "Upload-Start" in call.headers:
            return Answer(202)
        files = self._files.setdefault(f"data-{task.id}", {})
        if "Upload-Multiple" in call.headers:
            for name, data in files_of(call):
                files[name] = files.get(name, b"") + data  # the trap: the same file again goes behind itself
            return Answer(200)
        if task.frames:
            raise Refused(400, "Task already has data")
        came = list(self._files.pop(f"data-{task.id}").items())
        return self._later(lambda: self.state.add_data(task, came, call.json), "create:task", task)

    def _annotations(self, call: Call, organization: str | None, number: str) -> Answer:
        task = self._find_task(number)
        if call.method == "GET":
            return Answer(body=answers.annotations(task))
        if call.method == "DELETE":
            task.shapes = []
            return Answer(204)
        if "Upload-Length" in call.headers:
            return self._start_file(call, f"annotations-{task.id}")
        if call.query.get("format") != forms.IMPORT:
            raise Refused(400, "Unknown input format")
        if not task.frames:
            raise Refused(400, "The task has not been initialized yet")
        if "Upload-Start" in call.headers:
            return Answer(202)
        files = self._files.get(f"annotations-{task.id}", {})
        if call.query.get("filename") not in files:
            raise Refused(400, "No such file was uploaded")
        data = files.pop(call.query["filename"])
        return self._later(
            lambda: forms.import_annotations(self.state, task, data), "import:annotations", task
        )

    def _start_file(self, call: Call, owner: str) -> Answer:
        told = dict(each.split(" ") for each in call.headers["Upload-Metadata"].split(","))
        name = base64.b64decode(told["filename"]).decode()
        key = str(uuid.UUID(int=self.state.new_id()))
        if self.version < "2.39":
            if name in self._files.get(owner, {}):  # the trap: an upload that nobody finished stays there
                raise Refused(409, "File with same name already exists")
        elif owner.startswith("annotations"):
            name = key  # since then it is asked for by this
        self._uploads[key] = {
            "owner": owner,
            "name": name,
            "size": int(call.headers["Upload-Length"]),
            "data": bytearray(),
        }
        place = f"{self.url}{call.path.rstrip('/')}/{key}"
        return Answer(201, headers={"Location": place, "Upload-Filename": name})

    def _upload(self, call: Call, organization: str | None, number: str, kind: str, key: str) -> Answer:
        """Take a piece of an upload, or tell how much came; one that is complete is forgotten."""
        upload = self._uploads.get(key)
        if upload is None or call.headers.get("Tus-Resumable") != "1.0.0":
            raise Refused(404, None)
        data = upload["data"]
        if call.method == "PATCH":
            if int(call.headers["Upload-Offset"]) != len(data):
                raise Refused(409, None)
            data += call.body
            self.largest = max(self.largest, len(call.body))
            if len(data) == upload["size"]:
                self._files.setdefault(upload["owner"], {})[upload["name"]] = bytes(data)
                del self._uploads[key]
        return Answer(204, headers={"Upload-Offset": str(len(data))})

    def _export(self, call: Call, organization: str | None, number: str) -> Answer:
        task = self._find_task(number)
        if call.query.get("format") != forms.EXPORT:
            raise Refused(400, "Unknown format specified for the request")

        def work() -> bytes:
            if not task.frames:
                raise Failed("The task has no data")
            self._turn += 1
            images = call.query.get("save_images", "").lower() == "true"
            return forms.export_annotations(self.state, task, turn=self._turn, images=images)

        return self._later(work, "export:dataset", task)

    def _later(self, work: Callable[[], bytes | None], kind: str, task: Task) -> Answer:
        """Do background work, and tell of it as of a request that may take several looks."""
        key = f"rq{len(self.state.requests)}"
        request = {
            "id": key,
            "status": "finished",
            "message": "",
            "operation": {"type": kind, "target": "task", "task_id": task.id},
            "created_date": answers.WHEN,
            "owner": {"id": 1, "username": "anna"},
        }
        self.state.requests[key] = request
        self._waiting[key] = (self.slow_requests, work)
        self._work(key)
        return Answer(202, {"rq_id": key})

    def _work(self, key: str) -> None:
        """Do what a request waits for, once it was looked at often enough."""
        if key not in self._waiting:
            return
        request = self.state.requests[key]
        left, work = self._waiting.pop(key)
        if left:
            self._waiting[key] = (left - 1, work)
            request["status"] = "started"
            return
        request["status"] = "finished"
        try:
            made = work()
        except Failed as failure:
            request |= {"status": "failed", "message": str(failure)}
        else:
            if made is not None:
                self.state.results[key] = made
                request["result_url"] = f"{self.url}/api/results/{key}"

    def _requests(self, call: Call, organization: str | None) -> Answer:
        wanted = int(call.query["task_id"]), call.query["action"]
        found = [
            each
            for each in self.state.requests.values()
            if (each["operation"]["task_id"], each["operation"]["type"].partition(":")[0]) == wanted
        ]
        return self._page(call, found)

    def _request(self, call: Call, organization: str | None, key: str) -> Answer:
        self._work(key)
        return Answer(body=self.state.requests[key])

    def _result(self, call: Call, organization: str | None, key: str) -> Answer:
        return Answer(body=self.state.results[key], headers={"Content-Type": "application/zip"})


_ROUTES: list[tuple[str, Any]] = [
    (r"/api/users/self", StandIn._self),
    (r"/api/projects", StandIn._projects),
    (r"/api/projects/(\d+)", StandIn._project),
    (r"/api/tasks", StandIn._tasks),
    (r"/api/tasks/(\d+)", StandIn._task),
    (r"/api/labels", StandIn._labels),
    (r"/api/jobs", StandIn._jobs),
    (r"/api/tasks/(\d+)/data", StandIn._data),
    (r"/api/tasks/(\d+)/data/meta", StandIn._meta),
    (r"/api/tasks/(\d+)/annotations", StandIn._annotations),
    (r"/api/tasks/(\d+)/dataset/export", StandIn._export),
    (r"/api/tasks/(\d+)/(data|annotations)/([0-9a-f-]{36})", StandIn._upload),
    (r"/api/requests", StandIn._requests),
    (r"/api/requests/(\w+)", StandIn._request),
    (r"/api/results/(\w+)", StandIn._result),
]


@contextmanager
def running(**how: Any) -> Iterator[StandIn]:
    """Run a stand-in in this process for the length of a block."""
    server = StandIn(**how)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
