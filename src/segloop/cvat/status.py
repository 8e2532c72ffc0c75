"""How far the people in CVAT are: tasks, jobs, assignees, states, and how much they changed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from segloop.cvat.compare import Changes, changes_of
from segloop.cvat.manifest import VERIFIED, Manifest, TaskEntry
from segloop.cvat.packages import Codec
from segloop.cvat.pull import Naming, naming_of, returned_by_frame
from segloop.cvat.push import SENT
from segloop.cvat.server import Server, word_of


def status_lines(server: Server, manifest: Manifest, *, codec: Codec, quick: bool = False) -> Iterator[str]:
    """Yield a line for each job; without `quick` with what was changed, for which tasks are exported."""
    if manifest.project_id is None or server.find_project(manifest.project_id) is None:
        yield f"Nothing of {manifest.folder} is on {manifest.host}."
        return
    yield f"{manifest.name} on {server.host} ({server.version}): {server.host}/projects/{manifest.project_id}"
    naming = naming_of(manifest, server.labels_of("project", manifest.project_id))
    yield from naming.told
    for entry in manifest.tasks:
        yield from _task_lines(server, manifest, entry, naming, codec, quick=quick)


def _task_lines(
    server: Server, manifest: Manifest, entry: TaskEntry, naming: Naming, codec: Codec, *, quick: bool
) -> Iterator[str]:
    task = None if entry.id is None else server.find_task(entry.id)
    if task is None:
        yield f"{entry.key}: not on the server; push makes it"
        return
    if entry.state != VERIFIED:
        yield f"{entry.key}: {entry.state}, not finished; push goes on"
        return
    changes = [] if quick else _changes(server, manifest, entry, task, naming, codec)
    deleted = server.deleted_frames(task)
    for number in deleted if changes else ():  # what is in no export was not removed one by one
        changes[number] = Changes()
    gone = f", {len(deleted)} deleted" if deleted else ""
    yield f"{entry.key}: {len(entry.frames)} image(s){gone}, {server.host}/tasks/{task.id}"
    for job in server.jobs_of(task.id):
        who = job.assignee.username if job.assignee else "nobody"
        state = f"{word_of(job.stage)} {word_of(job.state)}"
        line = f"  job {job.id}: {state}, {who}, frames {job.start_frame} to {job.stop_frame}"
        if changes:
            line += f": {sum(changes[job.start_frame : job.stop_frame + 1], Changes())}"
        yield line


def _changes(
    server: Server, manifest: Manifest, entry: TaskEntry, task: object, naming: Naming, codec: Codec
) -> list[Changes]:
    """Return the changes of each frame."""
    with tempfile.TemporaryDirectory(prefix="segloop-") as folder:
        export = Path(folder) / "now.zip"
        server.export(task, export)
        back = returned_by_frame(codec, export, entry, naming)
        put = {record.image_id: record for record in codec.read(manifest.task_folder(entry) / SENT)}
        return [
            changes_of(put.get(frame.frame_id), back.get(frame.frame_id), naming.defaults)
            for frame in entry.frames
        ]
