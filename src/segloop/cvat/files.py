"""The loop without a server: what a person uploads in CVAT's web page, and what was exported there."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from segloop.cvat.compare import all_changes, changes_of
from segloop.cvat.faults import CvatError
from segloop.cvat.labels import PART, UID, background_of, defaults_of, erasing, label_spec, with_new
from segloop.cvat.manifest import UPLOADED, VERIFIED, Manifest, SentFrame, TaskEntry
from segloop.cvat.packages import Codec, Plan, digest_of, write_images
from segloop.cvat.pull import Pulled, ReturnedImage
from segloop.cvat.push import OBJECTS, SENT
from segloop.cvat.records import received
from segloop.cvat.snapshot import read_snapshot, write_snapshot
from segloop.data.annotations import Attribute, ImageRecord, Label, LabelledImages, LabelSet, Opaque
from segloop.utils.atomic import write_text
from segloop.utils.errors import UserError, listing

LABELS, INSTRUCTIONS = "labels.json", "INSTRUCTIONS.txt"
IMAGES, ANNOTATIONS = "images.zip", "annotations.zip"
HOST = "files"  # in the manifest, where a server's address stands
INSIDE = "annotations.xml"
FILED = (UPLOADED, VERIFIED)


@dataclass(frozen=True)
class Owner:
    """What an export says of its task: number, name, and the one person who had all of it."""

    task_id: int | None = None
    task: str | None = None
    job_id: int | None = None
    assignee: str | None = None


class FileCodec(Codec, Protocol):
    """What reads and writes CVAT's XML, and tells whose an export is."""

    def owner(self, source: Path) -> Mapping[str, Any]:
        """Return the fields of `Owner` that an export's head tells."""
        ...


@dataclass
class Filed:
    """What was written for a person to upload."""

    tasks: list[str] = field(default_factory=list)
    images: int = 0
    told: list[str] = field(default_factory=list)


def write_files(
    plans: Mapping[str, Plan], folder: Path, manifest: Manifest, *, codec: Codec, masks: str = "rle"
) -> Filed:
    """Write, for each task, a zip of images and one of annotations, and once the labels and what to do.

    Each XML is read again and compared with what was to be sent, pixel for pixel, before anybody uploads it.
    `folder` is where all lies in the end; the loop's own memory, which `read_files` needs, lies there too.
    """
    filed = Filed()
    first = next(iter(plans.values()))
    manifest.labels, manifest.facts = first.source.labels, first.source.facts
    manifest.sent_labels, manifest.carrier = first.labels, first.carrier
    lost: dict[str, tuple[int, str]] = {}
    if masks != "rle":
        lost["outline-pixels"] = (0, "none")
    for kind, plan in plans.items():
        for chunk in plan.chunks:
            entry = manifest.add_task(kind, [SentFrame.of(frame, digest_of(frame.file)) for frame in chunk])
            memory, place = manifest.task_folder(entry), folder / entry.key
            memory.mkdir(parents=True)
            place.mkdir()
            records = [plan.sent(frame) for frame in chunk]
            for loss, (count, example) in codec.write(
                manifest.sent_labels, records, memory / SENT, masks=masks
            ).items():
                lost[loss] = (count + lost.get(loss, (0, ""))[0], lost.get(loss, (0, example))[1])
            _verify(codec, memory / SENT, records, manifest, exact=masks == "rle")
            write_snapshot(memory / OBJECTS, [plan.objects(frame) for frame in chunk])
            write_images(chunk, place / IMAGES)
            _zip_annotations(memory / SENT, place / ANNOTATIONS)
            entry.state, entry.masks, entry.sent_sha256 = UPLOADED, masks, digest_of(memory / SENT)
            filed.tasks.append(f"{entry.key}: {len(chunk)} image(s)")
            filed.images += len(chunk)
    write_text(
        folder / LABELS, json.dumps(label_spec(manifest.sent_labels), indent=2, ensure_ascii=False) + "\n"
    )
    write_text(folder / INSTRUCTIONS, _instructions(manifest))
    manifest.save()
    for loss, (count, example) in sorted(lost.items()):
        word = "pixels of objects would be wrong as outlines" if loss == "outline-pixels" else loss
        filed.told.append(f"{count:,} x {word}, for example {example}")
    return filed


def _verify(
    codec: Codec, sent: Path, records: Sequence[ImageRecord], manifest: Manifest, *, exact: bool
) -> None:
    """Read what was written and compare it with what was meant."""
    back = {record.image_id: record for record in codec.read(sent)}
    names = [record.image_id for record in records]
    if list(back) != names:
        raise CvatError(
            f"{sent} holds other images than were meant: {listing(sorted(set(back) ^ set(names)))}"
        )
    if not exact:
        return
    drawn = [
        _that_went(record, back[record.image_id])
        for record in records
        if not any(_crosses(each) for each in record.instances)
    ]
    found = all_changes(drawn, (back[each.image_id] for each in drawn), defaults_of(manifest.sent_labels))
    wrong = [f"{name}: {changes}" for name, changes in found.items() if changes]
    if wrong:
        raise CvatError(f"{sent} does not hold what was to be sent:\n{listing(wrong)}")


def _that_went(record: ImageRecord, back: ImageRecord) -> ImageRecord:
    """Return a record without what CVAT has no place for, which the writer has told."""
    there = {each.uid for each in back.instances}
    kept = [each for each in record.instances if each.uid in there or not isinstance(each.shape, Opaque)]
    return replace(record, instances=tuple(kept))


def _crosses(instance: Any) -> bool:
    """Tell whether an object has parts that the XML numbers, and that come back as several."""
    rings = getattr(instance.shape, "rings", ())
    return len(rings) > 1


def _zip_annotations(source: Path, target: Path) -> None:
    entry = zipfile.ZipInfo(INSIDE, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(entry, source.read_bytes())


def _instructions(manifest: Manifest) -> str:
    tasks = "\n".join(f"  {each.key:20}{len(each.frames):5} image(s)" for each in manifest.tasks)
    return f"""How to bring these labels into CVAT by hand, and back

1. Projects > + > Create a new project. Name: {manifest.name}
   Open the tab "Raw" below the labels, paste all of {LABELS}, press Done, then Submit & Open.
   The attributes there (uid, score …) belong to it: uid is how each object is known again. Leave them alone.

2. For each folder below, in the project: + > Create a new task. Name: the folder's name.
   Select files: {IMAGES} of that folder, as it is (unpacked, folders would be lost).
   Advanced configuration > Sorting method: Predefined. Submit & Open.

{tasks}

3. In each task: Actions > Upload annotations > format "CVAT 1.1", file {ANNOTATIONS} of the same folder.
   This replaces what the task holds, so do it once, before anybody draws.
   Not at the project: "Upload dataset" there drops masks without a word.

4. Give the jobs to people. They may draw as brush, polygon, ellipse or box;
   what they do not touch stays exact.
   Do not rename labels: bring a new name home instead with `apply --rename NEW=OLD`.

5. For each finished task: Actions > Export task dataset > format "CVAT for images 1.1", without images.
   Any file names will do. Then:

   python tools/cvat.py pull THIS_FOLDER --from-files FILE.zip [FILE.zip …]
"""


def read_files(manifest: Manifest, files: Sequence[Path], *, codec: FileCodec, kind: str = "truth") -> Pulled:
    """Return what downloaded exports of a kind hold, each put to its task by the names of its images.

    Refused, all together: files that are no export of a task of this loop or of another kind, images that
    were never sent, of another size, or in two files, and masks whose runs or boxes do not fit their image.
    """
    entries = [each for each in manifest.tasks if each.state in FILED]
    exports, problems = [], []
    for file in {each.resolve(): each for each in files}.values():  # one may have been named twice
        try:
            exports.append(_open(file, entries, codec))
        except UserError as error:
            problems.append(str(error))
    by_task: dict[str, Path] = {}
    for export in exports:
        if export.entry.kind != kind:
            other = export.entry
            problems.append(f"{export.file} is of {other.key}; --kind {other.kind} takes it, in another pull")
        if (first := by_task.setdefault(export.entry.key, export.file)) != export.file:
            problems.append(f"{first} and {export.file} are both of {export.entry.key}; which one counts?")
    if problems:
        raise CvatError(f"{len(problems)} file(s) cannot be used, so nothing was taken:\n{listing(problems)}")
    labels, told = _labels(manifest, [export.images.labels for export in exports])
    pulled = Pulled(labels, told=told, facts=manifest.facts)
    for export in exports:
        _take(manifest, export, codec, pulled)
    for entry in entries:
        if entry.kind == kind and entry.key not in by_task:
            pulled.waiting += [frame.frame_id for frame in entry.frames]
            pulled.told.append(
                f"{entry.key}: no file was given; its {len(entry.frames)} image(s) are as they were"
            )
    return pulled


@dataclass(frozen=True)
class _Export:
    file: Path
    entry: TaskEntry
    images: LabelledImages
    records: Mapping[str, ImageRecord]
    owner: Owner


def _open(file: Path, entries: Sequence[TaskEntry], codec: FileCodec) -> _Export:
    """Read one export and find its task."""
    if not file.is_file():
        raise UserError(f"{file}: there is no such file")
    try:
        images = codec.read(file)
    except UserError as error:
        raise CvatError(f"{file}: {error}") from error
    records: dict[str, ImageRecord] = {}
    faults = []
    for key in images.keys:
        try:
            record = images.load(key)
        except UserError as error:
            faults.append(str(error))
            continue
        records[record.image_id] = record
    if faults:
        raise CvatError(f"{file}: {len(faults)} image(s) are damaged:\n{listing(faults)}")
    counts = [len(records.keys() & {frame.frame_id for frame in entry.frames}) for entry in entries]
    if not counts or not max(counts):
        some = ", ".join(list(records)[:3]) or "no image"
        raise CvatError(f"{file} is of no task of this loop: it holds {some}")
    kinds = [entry for entry, count in zip(entries, counts, strict=True) if count == max(counts)]
    owner = Owner(**codec.owner(file))
    named = [entry for entry in kinds if owner.task and entry.key in owner.task]
    if len(kinds) > 1 and len(named) != 1:
        keys = ", ".join(each.key for each in kinds)
        raise CvatError(f"{file} may be of {keys}; call the tasks so in CVAT, as their folders are called")
    entry = named[0] if named else kinds[0]
    frames = {frame.frame_id: frame for frame in entry.frames}
    strange = sorted(records.keys() - frames.keys())
    if strange:
        raise CvatError(
            f"{file} holds {len(strange)} image(s) that were never sent in {entry.key}: {strange[0]} …"
        )
    sizes = [
        f"{name}: {record.size_hw}, and {frames[name].size_hw} was sent"
        for name, record in records.items()
        if record.size_hw is not None and tuple(record.size_hw) != tuple(frames[name].size_hw)
    ]
    if sizes:
        raise CvatError(f"{file}: heights and widths of {len(sizes)} image(s) are others:\n{listing(sizes)}")
    return _Export(file, entry, images, records, owner)


def _take(manifest: Manifest, export: _Export, codec: Codec, pulled: Pulled) -> None:
    """Put what an export holds beside what had gone, image by image."""
    entry, memory = export.entry, manifest.task_folder(export.entry)
    defaults = {**defaults_of(manifest.sent_labels), **defaults_of(export.images.labels)}
    put = {record.image_id: record for record in codec.read(memory / SENT)}
    missing = []
    for frame, before in zip(entry.frames, read_snapshot(memory / OBJECTS), strict=True):
        now = export.records.get(frame.frame_id)
        if now is None:
            missing.append(frame.frame_id)
            continue
        given = put[frame.frame_id]
        record = received(
            now,
            given,
            before,
            manifest.carrier,
            defaults=defaults,
            nothing=background_of(manifest.labels),
        )
        pulled.images.append(
            ReturnedImage(
                record,
                entry.key,
                export.owner.task_id or 0,
                export.owner.job_id,
                export.owner.assignee,
                "completed",
                changes_of(given, now, defaults),
                frame.semantic,
            )
        )
    if missing:
        pulled.deleted += missing
        pulled.told.append(
            f"{export.file.name}: {len(missing)} image(s) of {entry.key} are not in it, deleted "
            f"in CVAT or left out of the export; they keep their labels: {missing[0]} …"
        )


def _labels(manifest: Manifest, exported: Sequence[LabelSet]) -> tuple[LabelSet, list[str]]:
    """Return the set's labels and, behind them, those that came in CVAT; what cannot be a rename is told."""
    sent = set(manifest.sent_labels.names)
    ours = {UID, PART, *manifest.carrier.names}
    found: list[Label] = list(manifest.labels.labels)
    told = []
    known = {each.name for each in found}
    there: set[str] = set()
    for labels in exported:
        for label in labels.labels:
            if label.name == background_of(manifest.labels) and label.name not in there:
                told.append(erasing(label.name))
            there.add(label.name)
            if label.name in known or label.name in sent:
                continue
            attributes: tuple[Attribute, ...] = tuple(a for a in label.attributes if a.name not in ours)
            found.append(replace(label, attributes=attributes))
            known.add(label.name)
            told.append(
                f"label {label.name!r} is new; if it is an old one by another name: apply --rename NEW=OLD"
            )
    gone = [name for name in manifest.sent_labels.names if name not in there]
    if exported and gone:
        told.append(f"label(s) {', '.join(gone)} are not in CVAT any more, and neither are their objects")
    return with_new(manifest.labels, found), told
