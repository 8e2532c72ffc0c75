"""Brings labels back from CVAT as a set: finished jobs, with labels renamed or new and frames deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from segloop.cvat.compare import Changes, changes_of
from segloop.cvat.faults import CvatError
from segloop.cvat.labels import PART, UID, background_of, defaults_of, erasing, rgb_color, with_new
from segloop.cvat.manifest import VERIFIED, Manifest, TaskEntry
from segloop.cvat.packages import Codec
from segloop.cvat.push import OBJECTS, SENT
from segloop.cvat.records import received
from segloop.cvat.server import DONE, Server, word_of
from segloop.cvat.snapshot import read_snapshot
from segloop.data.annotations import Attribute, ImageRecord, Label, LabelledImages, LabelSet
from segloop.data.drawing import index_map, with_outlines
from segloop.utils.atomic import write_json
from segloop.utils.errors import UserError, listing

EXPORT = "pulled.zip"


@dataclass(frozen=True)
class ReturnedImage:
    """An image that came back: what it holds now, who had it, and how much is not what it was."""

    record: ImageRecord
    key: str
    task_id: int
    job_id: int | None
    assignee: str | None
    state: str
    changes: Changes
    semantic: bool = False


@dataclass
class Pulled:
    """What came back of one kind, and what to tell of it."""

    labels: LabelSet
    images: list[ReturnedImage] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)  # images whose frames were deleted in CVAT
    waiting: list[str] = field(default_factory=list)  # images of jobs that are not finished
    told: list[str] = field(default_factory=list)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def changes(self) -> Changes:
        """What was changed in all."""
        return sum((each.changes for each in self.images), Changes())

    def as_set(self, *, maps: bool = False) -> LabelledImages:
        """Return what came back as a set, for writers of any format.

        With `maps` an image that went as an index map is one again: a set without a background would get
        one from a writer of index maps that meets bare objects.
        """
        found = tuple(self._map(each) if maps and each.semantic else each.record for each in self.images)
        records = Records(found)
        return LabelledImages(
            labels=self.labels,
            keys=range(len(self.images)),
            load=records,
            facts=self.facts,
            told=tuple(self.told),
        )

    def _map(self, each: ReturnedImage) -> ImageRecord:
        semantic, _ = index_map(with_outlines(each.record), self.labels)
        return replace(each.record, semantic=semantic, instances=(), ignore=None)

    def write_provenance(self, file: Path) -> None:
        """Write down, for each image, where it was and what was done to it."""
        images = [
            {
                "image_id": each.record.image_id,
                "split": each.record.split,
                "task": each.key,
                "task_id": each.task_id,
                "job_id": each.job_id,
                "assignee": each.assignee,
                "state": each.state,
                "looked_at": each.state == DONE or bool(each.changes),
                "added": each.changes.added,
                "removed": each.changes.removed,
                "changed": each.changes.changed,
            }
            for each in self.images
        ]
        value = {"format": 1, "images": images, "deleted": self.deleted, "waiting": self.waiting}
        write_json(file, value)


@dataclass(frozen=True)
class Records:
    """Hands out records that are in memory."""

    records: tuple[ImageRecord, ...]

    def __call__(self, key: int) -> ImageRecord:
        """Return a record by its place."""
        return self.records[key]


@dataclass(frozen=True)
class Naming:
    """What labels are called in CVAT now, and what they were called when they were sent."""

    now: LabelSet  # of the set, with the names and colours of now, and new labels behind
    sent: Mapping[str, str]  # by the name of now
    current: Mapping[str, str]  # by the name that was sent
    defaults: Mapping[str, Mapping[str, str]]
    told: tuple[str, ...]

    def as_sent(self, record: ImageRecord) -> ImageRecord:
        """Return a record with the labels' names as they were sent."""
        return _renamed(record, self.sent)

    def as_now(self, record: ImageRecord) -> ImageRecord:
        """Return a record with the labels' names of now."""
        return _renamed(record, self.current)


def _renamed(record: ImageRecord, names: Mapping[str, str]) -> ImageRecord:
    if all(old == new for old, new in names.items()):
        return record
    instances = tuple(replace(each, label=names.get(each.label, each.label)) for each in record.instances)
    tags = tuple(replace(each, label=names.get(each.label, each.label)) for each in record.tags)
    return replace(record, instances=instances, tags=tags)


def naming_of(manifest: Manifest, there: Sequence[Any]) -> Naming:
    """Return what became of the labels, known by their ids: renamed, recoloured, new, gone."""
    old_name = {number: name for name, number in manifest.label_ids.items()}
    removed = set(manifest.label_ids) - {old_name[each.id] for each in there if each.id in old_name}
    again = {each.id: each.name for each in there if each.id not in old_name and each.name in removed}
    old_name |= again  # removed and made again: an edit of the raw labels does so
    current = {old_name[each.id]: each.name for each in there if each.id in old_name}
    told = [f"Label {old!r} is called {new!r} now." for old, new in current.items() if old != new]
    told += [
        f"Label {name!r} was removed in CVAT, with all of its objects, and made again."
        for name in again.values()
    ]
    gone = [name for name in manifest.label_ids if name not in current]
    told += [f"Label {name!r} was removed in CVAT, with all of its objects." for name in gone]
    by_name = {each.name: each for each in there}
    sent_colors = {each.name: each.color for each in manifest.sent_labels.labels}
    found = []
    for label in manifest.labels.labels:
        server = by_name.get(current.get(label.name, ""))
        if server is None:
            found.append(label)
            continue
        color = rgb_color(server.color or "")
        if color == sent_colors.get(label.name):
            color = label.color
        else:
            told.append(f"Label {server.name!r} has another colour now.")
        declared = [each.attributes for each in manifest.sent_labels.labels if each.name == label.name]
        extra = _attributes(server, manifest, known={each.name for those in declared for each in those})
        found.append(replace(label, name=server.name, color=color, attributes=(*label.attributes, *extra)))
    new = [each for each in there if each.id not in old_name]
    # One may have the name that a renamed label went under; here it needs another.
    inner = {each.id: f"\0{each.name}" if each.name in current else each.name for each in new}
    for each in new:
        if each.name == background_of(manifest.labels):
            told.append(erasing(each.name))
            continue
        attributes = _attributes(each, manifest, known=set())
        found.append(Label(each.name, rgb_color(each.color or ""), attributes))
        told.append(f"Label {each.name!r} is new.")
    names = [each.name for each in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CvatError(f"Two labels would have the name {twice[0]!r}; rename one of them in CVAT.")
    defaults = dict(defaults_of(manifest.sent_labels))
    for each in there:
        sent_as = (old_name | inner)[each.id]
        fill = {spec.name: getattr(spec, "default_value", "") or "" for spec in each.attributes}
        defaults[sent_as] = {**defaults.get(sent_as, {}), **fill}
    known = with_new(manifest.labels, found)
    current |= {inner[each.id]: each.name for each in new}
    back = {new_name: old for old, new_name in current.items()}
    return Naming(known, back, current, defaults, tuple(told))


def _attributes(server: Any, manifest: Manifest, *, known: set[str]) -> tuple[Attribute, ...]:
    """Return what a label declares in CVAT beside what is known and what the loop added."""
    ours = {UID, PART, *manifest.carrier.names} | known
    return tuple(
        Attribute(
            each.name,
            word_of(each.input_type),
            tuple(each.values) if word_of(each.input_type) != "text" else (),
            getattr(each, "default_value", "") or "",
            bool(each.mutable),
        )
        for each in server.attributes
        if each.name not in ours
    )


def pull(
    server: Server, manifest: Manifest, *, codec: Codec, kind: str = "truth", everything: bool = False
) -> Pulled:
    """Return what finished jobs hold, or all jobs with `everything`; images are not downloaded."""
    planned = [each for each in manifest.tasks if each.kind == kind]
    entries = [each for each in planned if each.state == VERIFIED]
    if not entries:
        raise UserError(f"{manifest.folder} has no task of the kind {kind!r} that was pushed to the end.")
    naming = naming_of(manifest, server.labels_of("project", manifest.project_id or 0))
    pulled = Pulled(naming.now, told=list(naming.told), facts=manifest.facts)
    pulled.told += [
        f"{each.key} was not pushed to the end; its {len(each.frames)} image(s) are left out. Push again."
        for each in planned
        if each.state != VERIFIED
    ]
    for entry in entries:
        task = server.find_task(entry.id or 0)
        if task is None:
            pulled.told.append(
                f"Task {entry.id} ({entry.key}) is not on the server any more; it is left out."
            )
            continue
        _pull_task(server, manifest, entry, task, naming, codec, pulled, everything=everything)
    return pulled


def returned_by_frame(codec: Codec, export: Path, entry: TaskEntry, naming: Naming) -> dict[str, ImageRecord]:
    """Return the images of an export by their id in the task, with labels named as they were sent."""
    images = codec.read(export)
    found, faults = {}, []
    for key in images.keys:
        try:
            record = naming.as_sent(images.load(key))
        except UserError as error:
            faults.append(str(error))
        else:
            found[record.image_id] = record
    if faults:
        raise CvatError(
            f"{len(faults)} image(s) of {entry.key}, task {entry.id}, hold objects that cannot be drawn. "
            f"Mend or delete them in CVAT and call this command again:\n{listing(faults)}"
        )
    strange = sorted(set(found) - {frame.frame_id for frame in entry.frames})
    if strange:
        raise CvatError(f"{export} holds {len(strange)} image(s) that were never sent, such as {strange[0]}.")
    return found


def _pull_task(
    server: Server,
    manifest: Manifest,
    entry: TaskEntry,
    task: Any,
    naming: Naming,
    codec: Codec,
    pulled: Pulled,
    *,
    everything: bool,
) -> None:
    folder = manifest.task_folder(entry)
    jobs = server.jobs_of(task.id)
    wanted = [job for job in jobs if everything or word_of(job.state) == DONE]
    if not wanted:
        pulled.waiting += [frame.frame_id for frame in entry.frames]
        return
    server.export(task, folder / EXPORT)
    deleted = server.deleted_frames(task)  # not before: one deleted in between would look like an empty image
    back = returned_by_frame(codec, folder / EXPORT, entry, naming)
    put = {record.image_id: record for record in codec.read(folder / SENT)}
    objects = list(read_snapshot(folder / OBJECTS))
    for number, (frame, before) in enumerate(zip(entry.frames, objects, strict=True)):
        if number in deleted:
            pulled.deleted.append(frame.frame_id)
            continue
        job = next((each for each in wanted if each.start_frame <= number <= each.stop_frame), None)
        if job is None:
            pulled.waiting.append(frame.frame_id)
            continue
        given = put[frame.frame_id]
        now = back.get(frame.frame_id) or replace(given, instances=(), tags=())
        record = received(
            now,
            given,
            before,
            manifest.carrier,
            defaults=naming.defaults,
            nothing=background_of(manifest.labels),
        )
        pulled.images.append(
            ReturnedImage(
                naming.as_now(record),
                entry.key,
                task.id,
                job.id,
                job.assignee.username if job.assignee else None,
                word_of(job.state),
                changes_of(given, now, naming.defaults),
                frame.semantic,
            )
        )
