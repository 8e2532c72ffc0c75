"""Brings images and labels into CVAT: killed anywhere and repeated it goes on, and makes no second copy."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segloop.cvat.compare import Changes, all_changes
from segloop.cvat.faults import CvatError
from segloop.cvat.labels import defaults_of, label_spec
from segloop.cvat.manifest import CREATED, PLANNED, UPLOADED, VERIFIED, Manifest, SentFrame, TaskEntry
from segloop.cvat.packages import Codec, Frame, Plan, agree, digest_of, write_images
from segloop.cvat.server import IMPORT, Server, images_in
from segloop.cvat.snapshot import write_snapshot
from segloop.cvat.uploads import upload_images, upload_labels
from segloop.data.annotations import Bitmap, ImageRecord
from segloop.data.masks import areas
from segloop.utils.atomic import open_atomic
from segloop.utils.errors import listing

SENT, OBJECTS = "sent.xml", "objects.jsonl"
GIVEN = f"given-{SENT}"  # what goes into a task, until it is compared with what is there
Progress = Callable[[int, int], None]


@dataclass
class Pushed:
    """What a push did, task by task."""

    done: list[str] = field(default_factory=list)
    untouched: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass
class Push:
    """A push into a loop. `plans` are by kind, `truth` or `predictions`, and share labels (`agree`)."""

    server: Server
    manifest: Manifest
    plans: Mapping[str, Plan]
    codec: Codec
    masks: str = "rle"
    replace: bool = False
    job_size: int = 0
    say: Callable[[str], None] = print
    progress: Progress | None = None
    counted: Callable[[str], AbstractContextManager[Progress]] | None = None  # shows slow steps of a task
    _known: set[int | None] = field(default_factory=set, init=False)  # tasks of an earlier push

    def run(self) -> Pushed:
        """Send what is not there yet, and compare what is there with what was sent."""
        self._known = {each.id for each in self.manifest.tasks}
        self.plans = agree(self.plans, before=(self.manifest.sent_labels, self.manifest.carrier))
        entries = self._entries()
        self._write_all(entries)
        project = self._project()
        pushed = Pushed()
        for number, (entry, frames) in enumerate(entries, 1):
            task = self._begun(entry, self._task(entry, project))
            if task is None:
                task = self._task(entry, project)
            task = self._images(entry, frames, task)
            self._annotations(entry, frames, task, pushed)
            if self.progress is not None:
                self.progress(number, len(entries))
        return pushed

    def _entries(self) -> list[tuple[TaskEntry, tuple[Frame, ...]]]:
        """Return the tasks of the chosen images, planned and written down before anything is made."""
        found: list[tuple[TaskEntry, tuple[Frame, ...]]] = []
        others: list[str] = []
        for kind, plan in self.plans.items():
            frames = {frame.name: frame for frame in plan.frames}
            for entry in (each for each in self.manifest.tasks if each.kind == kind):
                here = [frames.pop(each.name) for each in entry.frames if each.name in frames]
                if here and len(here) < len(entry.frames):
                    self.say(
                        f"{entry.key} holds {len(entry.frames) - len(here)} image(s) that were not chosen; "
                        "all of it is left as it is."
                    )
                if len(here) == len(entry.frames):
                    others += _other_files(entry, here)
                    found.append((entry, tuple(here)))
            for chunk in plan.chunks:
                rest = tuple(frame for frame in chunk if frame.name in frames)
                if rest:
                    found.append((self.manifest.add_task(kind, _as_they_are(rest)), rest))
        if others:
            raise CvatError(
                f"{len(others)} image file(s) are not those that were sent under their names; labels would "
                f"lie on the former ones in CVAT. Begin another loop: --loop DIR\n{listing(others)}"
            )
        if self.manifest.project_id is None:  # else what is declared there decides: `_check_labels`
            self._declare()
        self.manifest.save()
        return found

    def _declare(self) -> None:
        """Note what labels are sent, and those of the set that they are of."""
        first = next(iter(self.plans.values()))
        if "truth" in self.plans or not self.manifest.labels.labels:  # a RUN knows less than its set
            self.manifest.labels, self.manifest.facts = first.source.labels, first.source.facts
        self.manifest.sent_labels, self.manifest.carrier = first.labels, first.carrier

    def _write_all(self, entries: Sequence[tuple[TaskEntry, tuple[Frame, ...]]]) -> None:
        """Write every XML before anything is sent, and tell what CVAT's form costs."""
        losses: Counter[str] = Counter()
        examples: dict[str, str] = {}
        pixels = 0
        for entry, frames in entries:
            target, plan = self._planned(entry), self.plans[entry.kind]
            records = [plan.sent(frame) for frame in frames]
            target.parent.mkdir(parents=True, exist_ok=True)
            found = self.codec.write(plan.labels, records, target, masks=self.masks)
            pixels += sum(_pixels(record) for record in records)
            for kind, (count, example) in found.items():
                losses[kind] += count
                examples.setdefault(kind, example)
        wrong = losses.pop("outline-pixels", 0)
        if self.masks.startswith("polygon"):
            share = 100 * wrong / max(pixels, 1)
            self.say(f"As outlines, {wrong} of {pixels} pixels of objects would be wrong ({share:.3f} %).")
        for kind, count in sorted(losses.items()):
            self.say(f"CVAT cannot hold {count} x {kind}, for example {examples[kind]}.")

    def _planned(self, entry: TaskEntry) -> Path:
        return self.manifest.task_folder(entry) / f"planned-{SENT}"

    def _project(self) -> Any:
        """Return the project: the manifest's, else one that an interrupted push made, else a new one."""
        from cvat_sdk import models

        manifest, client = self.manifest, self.server.client
        project = None
        if manifest.project_id is not None:
            project = self.server.find_project(manifest.project_id)
            if project is None:
                raise CvatError(
                    f"Project {manifest.project_id} is not on {manifest.host} any more. "
                    "Begin another loop: --loop DIR"
                )
        else:
            name = manifest.project_name
            labels = [_label_request(models, each) for each in label_spec(manifest.sent_labels)]
            project = self.server.create(
                "the project",
                lambda: client.projects.create(models.ProjectWriteRequest(name=name, labels=labels)),
                lambda: self.server.find_named("projects", name),
            )
            manifest.project_id = project.id
        labels = self.server.labels_of("project", project.id)
        if not manifest.label_ids:
            manifest.label_ids = {each.name: each.id for each in labels}
        manifest.save()
        self._check_labels(labels)
        self._declare()
        manifest.save()
        return project

    def _check_labels(self, labels: Sequence[Any]) -> None:
        """Refuse a project that lacks what is to be sent: CVAT would drop values in silence."""
        there = {each.id: {spec.name for spec in each.attributes} for each in labels}
        current = {each.id: each.name for each in labels}
        missing = []
        for label in next(iter(self.plans.values())).labels.labels:
            known = self.manifest.label_ids.get(label.name)
            if known not in there:
                missing.append(f"label {label.name!r}")
            elif current[known] != label.name:
                missing.append(f"label {label.name!r}, which is called {current[known]!r} there now")
            else:
                lacking = [each.name for each in label.attributes if each.name not in there[known]]
                missing += [f"attribute {name!r} of label {label.name!r}" for name in lacking]
        if missing:
            raise CvatError(
                f"The project in CVAT does not have {len(missing)} of the labels or attributes to be sent. "
                f"Pull first, or begin another loop: --loop DIR\n{listing(missing)}"
            )

    def _task(self, entry: TaskEntry, project: Any) -> Any:
        """Return the task of an entry: known by its id, else found by its name, else made."""
        from cvat_sdk import models

        if entry.id is not None:
            task = self.server.find_task(entry.id)
            if task is not None:
                return task
            self.say(f"Task {entry.id} ({entry.key}) is not on the server any more; it is made again.")
            entry.id, entry.state, entry.sent_sha256 = None, PLANNED, None
        spec: dict[str, Any] = {"name": entry.name, "project_id": project.id}
        if self.job_size:
            spec["segment_size"] = self.job_size

        task = self.server.create(
            f"task {entry.key}",
            lambda: self.server.client.tasks.create(models.TaskWriteRequest(**spec)),
            lambda: self.server.find_named("tasks", entry.name, project_id=project.id),
        )
        entry.id, entry.state = task.id, CREATED
        self.manifest.save()
        return task

    def _begun(self, entry: TaskEntry, task: Any) -> Any | None:
        """Return a task, or None for one that an interrupted upload left empty, which is removed.

        The server keeps what it got, and would put the same file behind it if it was sent once more.
        """
        if images_in(task) or entry.state == PLANNED or entry.id not in self._known:
            return task
        return self._without_empty(entry, task)

    def _images(self, entry: TaskEntry, frames: Sequence[Frame], task: Any) -> Any:
        """Bring the images into a task that has none; one that a failed upload left is removed."""
        for attempt in range(1, self.server.attempts + 1):
            if images_in(task):
                break
            try:
                self._upload(frames, task)
                task = self.server.need_task(task.id)
                continue
            except Exception as error:
                fault = self.server.fault(error)
                task = self._without_empty(entry, task)
                if task is not None:  # all came through but the answer
                    continue
                if fault is None:
                    raise
                if not fault.again or attempt == self.server.attempts:
                    self.manifest.save()
                    raise CvatError(f"Could not upload the images of {entry.key}: {fault.told}.") from error
                self.server.pause(f"upload the images of {entry.key}", fault, attempt)
            project = self.server.find_project(self.manifest.project_id or 0)
            task = self._task(entry, project)
        self._check_frames(entry, task)
        if entry.state in (PLANNED, CREATED):
            entry.state = UPLOADED
            self.manifest.save()
        return task

    def _pending(self, task: Any) -> bool:
        """Wait for an upload that the server is still at; tell whether there was one."""

        def look() -> bool:
            page, _ = self.server.client.api_client.requests_api.list(task_id=task.id, action="create")
            busy = [each for each in page.results if str(each.status.value) in ("queued", "started")]
            for each in busy:
                self.server.client.wait_for_completion(each.id)
            return bool(busy)

        try:
            return look()
        except Exception as error:  # an old server has no such list, and a failed upload is none
            if self.server.fault(error) is None:
                raise
            return False

    def _upload(self, frames: Sequence[Frame], task: Any) -> None:
        with tempfile.TemporaryDirectory(prefix="segloop-") as folder:
            archive = Path(folder) / "images.zip"
            with self._shown("images packed") as progress:
                write_images(frames, archive, progress=progress)
            with self._shown("MB sent") as progress:
                upload_images(task, self.server.client, archive, progress=progress)

    def _shown(self, unit: str) -> AbstractContextManager[Progress | None]:
        return nullcontext() if self.counted is None else self.counted(unit)

    def _without_empty(self, entry: TaskEntry, task: Any) -> Any | None:
        """Remove a task that holds no image after a failed upload; return one that has some after all."""
        there = self.server.find_task(task.id)
        if there is not None and not images_in(there) and self._pending(there):
            there = self.server.find_task(task.id)
        if there is not None and images_in(there):
            return there
        if there is not None:
            self.server.remove_empty(there)
        entry.id, entry.state = None, PLANNED
        self.manifest.save()
        return None

    def _check_frames(self, entry: TaskEntry, task: Any) -> None:
        """Compare the server's frames with ours: a name that matches none would land on a wrong image."""
        there = self.server.ask(f"list the images of {entry.key}", task.get_frames_info)
        ours = [(frame.name, *frame.size_hw) for frame in entry.frames]
        theirs = [(frame.name, frame.height, frame.width) for frame in there]
        if ours != theirs:
            odd = [f"{one} here, {two} there" for one, two in zip(ours, theirs, strict=False) if one != two]
            raise CvatError(
                f"Task {task.id} ({entry.key}) does not hold the images that were sent "
                f"({len(theirs)} of {len(ours)}). Remove it in CVAT and push again:\n{listing(odd)}"
            )

    def _annotations(self, entry: TaskEntry, frames: Sequence[Frame], task: Any, pushed: Pushed) -> None:
        """Give a task its labels, unless it has them, or somebody has worked on it."""
        planned, folder = self._planned(entry), self.manifest.task_folder(entry)
        sent, given = folder / SENT, folder / GIVEN
        digest = digest_of(planned)
        where = f"{entry.key}, task {task.id}"
        if entry.state == VERIFIED and entry.sent_sha256 == digest:
            planned.unlink()
            pushed.untouched.append(f"{where}: as it was pushed")
            return
        backup = self._back_up(entry, task)
        if backup is not None and not self._compare(entry, task, planned, backup):
            backup.unlink()  # a push was killed before it was written down
        elif not self.replace and self._worked_on(entry, task, backup):
            way_on = (
                "pull first, or --replace" if entry.state == VERIFIED else "--replace puts its labels back"
            )
            pushed.refused.append(f"{where}: somebody has worked on it; {way_on}")
            planned.unlink()
            return
        elif backup is not None or self._has_objects(planned):
            with open_atomic(given, "wb") as file:
                file.write(planned.read_bytes())
            entry.state = UPLOADED  # or a pull would take what is sent now for what people did
            self.manifest.save()
            self.server.ask(f"bring labels into {where}", lambda: upload_labels(task, IMPORT, planned))
        self._verify(entry, task, planned)
        plan = self.plans[entry.kind]
        write_snapshot(folder / OBJECTS, [plan.objects(frame) for frame in frames])
        planned.replace(sent)
        given.unlink(missing_ok=True)
        entry.sent_sha256, entry.state, entry.masks = digest, VERIFIED, self.masks
        self.manifest.save()
        pushed.done.append(f"{where}: {len(frames)} image(s), compared pixel for pixel")

    def _worked_on(self, entry: TaskEntry, task: Any, backup: Path | None) -> bool:
        """Tell whether a task is not as a push, a killed one too, gave it, or a job was called done."""
        if entry.state == VERIFIED and self.server.done_jobs(task.id):
            return True
        folder = self.manifest.task_folder(entry)
        if backup is None:  # nothing is drawn
            return entry.state == VERIFIED and self._has_objects(folder / SENT)
        known = [file for file in (folder / GIVEN, folder / SENT) if file.is_file()]
        return all(self._compare(entry, task, file, backup) for file in known)

    def _has_objects(self, file: Path) -> bool:
        return any(record.instances or record.tags for record in self.codec.read(file))

    def _back_up(self, entry: TaskEntry, task: Any) -> Path | None:
        """Save what is drawn in a task, before it is replaced; None where nothing is."""
        there = self.server.ask(f"look into task {task.id}", task.get_annotations)
        if not (there.shapes or there.tags or there.tracks):
            return None
        folder = self.manifest.task_folder(entry)
        taken = [each.stem.rpartition("-")[2] for each in folder.glob("backup-*.zip")]
        number = 1 + max((int(each) for each in taken if each.isdecimal()), default=0)
        target = folder / f"backup-{number:03d}.zip"
        self.server.export(task, target)
        return target

    def _compare(self, entry: TaskEntry, task: Any, file: Path, export: Path) -> Changes:
        """Return what differs between an XML and an export, which lacks frames that were deleted in CVAT."""
        defaults = defaults_of(self.manifest.sent_labels)
        found = all_changes(self.codec.read(file), self.codec.read(export), defaults)
        if any(found.values()):
            for number in self.server.deleted_frames(task):
                found.pop(entry.frames[number].frame_id, None)
        return sum(found.values(), Changes())

    def _verify(self, entry: TaskEntry, task: Any, planned: Path) -> None:
        """Pull a task back and compare it with what was sent, pixel for pixel."""
        export = self.manifest.task_folder(entry) / "verified.zip"
        self.server.export(task, export)
        changes = self._compare(entry, task, planned, export)
        if changes:
            raise CvatError(
                f"Task {task.id} ({entry.key}) does not hold what was sent: {changes}. "
                f"What it holds is in {export}."
            )
        export.unlink()


def _as_they_are(frames: Sequence[Frame]) -> list[SentFrame]:
    return [SentFrame.of(frame, digest_of(frame.file)) for frame in frames]


def _other_files(entry: TaskEntry, frames: Sequence[Frame]) -> list[str]:
    """Return the images whose files changed since they were sent; of a task that was not begun, none was."""
    now = _as_they_are(frames)
    if entry.state == PLANNED:
        entry.frames = tuple(now)
    pairs = zip(entry.frames, now, strict=True)
    return [f"{entry.key}: {was.name}" for was, frame in pairs if was.sha256 != frame.sha256]


def _pixels(record: ImageRecord) -> int:
    return sum(areas([each.shape.runs for each in record.instances if isinstance(each.shape, Bitmap)]))


def _label_request(models: Any, spec: Mapping[str, Any]) -> Any:
    attributes = [models.AttributeRequest(**each) for each in spec["attributes"]]
    return models.PatchedLabelRequest(name=spec["name"], color=spec["color"], attributes=attributes)
