"""Uploads in small pieces: little memory, shown as they go, after a lost connection from where it broke."""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from segloop.cvat.faults import Fault

PIECE = 10 << 20  # bytes; what is larger goes in pieces of the SDK's own size, which is this one, too
MEGA = 1e6
Progress = Callable[[int, int], None]


@dataclass
class Megabytes:
    """What the SDK tells how many bytes it has read; shown as megabytes."""

    show: Progress | None
    done: int = 0
    total: int = 0

    @contextmanager
    def task(self, total: int = 0, **_: object) -> Iterator[None]:
        """Begin to count."""
        self.done, self.total = 0, total
        yield

    def advance(self, delta: int) -> None:
        """Count more bytes, or fewer if the SDK goes back."""
        self.done += delta
        if self.show is not None and self.total:
            self.show(round(self.done / MEGA), max(1, round(self.total / MEGA)))


def upload_images(task: Any, client: Any, archive: Path, *, progress: Progress | None = None) -> None:
    """Bring a zip of images into a task and wait until the server has unpacked it.

    `task.upload_data` would read up to 100 MB at once, several times over, and send them again if one byte is
    lost; the uploader behind it does the same work in pieces.
    """
    from cvat_sdk.core.uploading import DataUploader

    # Loose files would keep their base names alone; a zip keeps the folders.
    params = {"image_quality": 95, "sorting_method": "predefined"}
    url = client.api_map.make_endpoint_url(task.api.create_data_endpoint.path, kwsub={"id": task.id})
    uploader = DataUploader(client, max_request_size=PIECE)
    response = uploader.upload_files(url, [archive], pbar=Megabytes(progress), **params)
    client.wait_for_completion(json.loads(response.data)["rq_id"])


def upload_labels(task: Any, form: str, file: Path) -> None:
    """Bring labels into a task in the place of its own.

    The server knows an upload by its name, and one of 2024 refuses (409) a name that an interrupted
    upload has left there, for hours: each one has a name of its own.
    """
    with tempfile.TemporaryDirectory(prefix="segloop-") as folder:
        named = Path(folder) / f"labels-{secrets.token_hex(4)}{file.suffix}"
        shutil.copyfile(file, named)
        task.import_annotations(form, named)


@dataclass
class Resuming:
    """The SDK's requests, with pieces of uploads sent again where they got lost.

    The SDK tries three times in a whole upload, at once, and gives up; here each piece has all attempts, with
    waits between them. `pause` waits, and `fault` says what an exception means.
    """

    request: Callable[..., Any]
    fault: Callable[[Exception], Fault | None]
    pause: Callable[[str, Fault, int], None]
    attempts: int
    sizes: dict[str, int] = field(default_factory=dict)  # of uploads, by their address

    def __call__(self, method: str, url: str, *words: Any, **named: Any) -> Any:
        """Make a request."""
        headers = named.get("headers") or {}
        if method == "PATCH" and "Upload-Offset" in headers:
            return self._piece(url, headers, named)
        response = self.request(method, url, *words, **named)
        if method == "POST" and "Upload-Length" in headers:
            self.sizes[response.headers.get("Location", "")] = int(headers["Upload-Length"])
        return response

    def _piece(self, url: str, headers: dict[str, str], named: dict[str, Any]) -> Any:
        begin = int(headers["Upload-Offset"])
        end = begin + len(named.get("body") or b"")
        for attempt in range(1, self.attempts + 1):
            try:
                return self.request("PATCH", url, **{**named, "headers": dict(headers)})
            except Exception as error:
                fault = self.fault(error)
                if fault is None or not fault.again or attempt == self.attempts:
                    raise
                self.pause("send a piece of an upload", fault, attempt)
                came = self._came(url, headers, end)
                if came == end:  # but for the answer
                    return SimpleNamespace(status=204, headers={"Upload-Offset": str(end)})
                if came not in (None, begin):
                    raise  # the SDK asks once more, and goes on from there
        raise AssertionError("attempts are at least one")

    def _came(self, url: str, headers: dict[str, str], end: int) -> int | None:
        """Return how many bytes of an upload the server has; None where it does not say."""
        asked = {key: text for key, text in headers.items() if key not in ("Upload-Offset", "Content-Type")}
        try:
            return int(self.request("HEAD", url, headers=asked).headers["Upload-Offset"])
        except Exception as error:
            fault = self.fault(error)
            if fault is None:
                raise
            # It forgets an upload that is complete.
            return end if fault.status == 404 and self.sizes.get(url) == end else None
