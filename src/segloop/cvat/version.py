"""Makes a new version of a data set out of better labels: beside the old one, whole or not at all."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from segloop.cvat.diff import CHANGED, DELETED, SAME, Diff, ImageRow
from segloop.cvat.differences import KINDS
from segloop.cvat.renaming import labels_of_both, renamed
from segloop.data.annotations import Bitmap, ImageRecord, LabelledImages, Polygon
from segloop.data.drawing import with_instances, with_outlines
from segloop.data.info import VERSIONS, DatasetInfo, content_hash, home_of
from segloop.utils.atomic import open_atomic, read_record, write_json
from segloop.utils.errors import DataError, UserError
from segloop.utils.staging import remove_leftovers, staged

RECORD, TABLE = "version.json", "provenance.csv"
FORMAT = 1
DRAWN = (Bitmap, Polygon)  # shapes that are pixels already
COLUMNS = (
    *("split", "image_id", "labels_from", "state", "pixels_changed"),
    *(f"objects_{kind}" for kind in KINDS if kind != "same"),
    *("task_id", "task", "job_id", "job_state", "assignee", "labels_sha256"),
)


class Write(Protocol):
    """What writes a set as the base is laid out; `data_converters.versions.write` is one."""

    def __call__(self, images: LabelledImages, target: Path, *, like: DatasetInfo, media: str) -> None:
        """Write at `target`, a folder to make; images come along as `media` says."""
        ...


@dataclass(frozen=True)
class Version:
    """A version that was made: where it lies, its number, and how many images have other labels in it."""

    root: Path
    number: int
    changed: int
    looked: int
    kept: int
    content_hash: str
    told: Sequence[str] = ()
    known: bool = False  # whether it had been made before, by an apply that was killed after that, say


class _Known(Exception):
    """The labels are those of a version that was made before, whose root this holds."""


def versions_of(root: Path) -> dict[int, Path]:
    """Return the versions of a data set by their numbers; of a version, those of its set."""
    folder = home_of(root) / VERSIONS
    found = {int(each.name): each for each in folder.glob("*") if each.is_dir() and each.name.isdecimal()}
    return dict(sorted(found.items()))


def number_of(root: Path) -> int:
    """Return which version a root is; the set as it was prepared is version 0."""
    return int(root.name) if home_of(root) != root else 0


@dataclass(frozen=True)
class Merged:
    """Gives each image of the old set with its new labels, where there are some."""

    old: LabelledImages
    new: LabelledImages
    rows: Sequence[ImageRow]
    names: Mapping[str, str]  # of the new labels, in the version
    table: tuple[int, ...]  # their numbers there

    def __call__(self, place: int) -> ImageRecord:
        """Return the record of an image: the old one, but for what is drawn."""
        row = self.rows[place]
        old = self.old.load(row.old_key)
        if row.state != CHANGED:
            return old
        new = drawn_labels(self.new.load(row.new_key[1]), old)
        if old.semantic is None:  # a set of objects stays one; its background has no number
            new = with_instances(new, self.new.labels)
        new = renamed(new, self.names, self.table)
        return replace(
            old,
            size_hw=old.size_hw or new.size_hw,
            semantic=new.semantic,
            instances=new.instances,
            tags=new.tags,
            ignore=new.ignore,
        )


def drawn_labels(new: ImageRecord, old: ImageRecord) -> ImageRecord:
    """Return new labels with boxes and ellipses as the outlines that they are compared as.

    People draw masks with those tools, and no set to train on draws them. A box that the old set has as one
    stays.
    """
    plain = {(each.uid, repr(each.shape)) for each in old.instances if not isinstance(each.shape, DRAWN)}
    outlined = with_outlines(new)
    instances = tuple(
        was if (was.uid, repr(was.shape)) in plain else now
        for was, now in zip(new.instances, outlined.instances, strict=True)
    )
    return replace(new, instances=instances, remarks=outlined.remarks)


def apply(
    diff: Diff,
    root: Path,
    *,
    write: Write,
    target: Path | None = None,
    media: str = "hardlink",
    add_labels: bool = False,
    source: Mapping[str, Any] | None = None,
) -> Version:
    """Make the next version of the prepared set at `root` with the labels that `diff` found changed.

    Every image stays in its split. What was not changed is the old labels' file, byte for byte. Nothing of
    the old set is touched; the version appears when it is whole. `source` is for the record: where the new
    labels came from. Applied twice, the same labels are one version: the second time it is returned as it is.
    """
    info = DatasetInfo.read(root)
    labels, names, table = labels_of_both(diff.old.labels, diff.new.labels, add=add_labels)
    if not diff.count(CHANGED):
        raise UserError(
            "No label changed, so there is nothing to make a version of: "
            f"{diff.count(SAME):,} image(s) were looked at, {len(diff.rows) - diff.count(SAME):,} were not."
        )
    number = max(versions_of(root), default=0) + 1
    place_for = home_of(root) / VERSIONS / str(number) if target is None else target
    merged = LabelledImages(
        labels=labels,
        keys=range(len(diff.rows)),
        load=Merged(diff.old, diff.new, diff.rows, names, table),
        facts=diff.old.facts,
    )
    known = None
    try:
        with staged(place_for) as place:
            write(merged, place, like=info, media=media)
            _keep_bytes(diff.rows, root, place, info)
            made = _described(place, info)
            _write_table(diff, place, made, number, number_of(root))
            digest = content_hash(place)
            replace(made, content_hash=digest).write(place)
            record = _record(diff, root, info, number, digest, source or {})
            if target is None and (known := _known(root, record)) is not None:
                raise _Known
            write_json(place / RECORD, record)
    except _Known:
        assert known is not None
        place_for, number = known, number_of(known)
    remove_leftovers(place_for)
    told = []
    if known is not None:
        told.append(f"These labels had been made version {number} before; nothing new was written")
    if deleted := diff.count(DELETED):
        told.append(f"{deleted} image(s) whose frames were deleted in CVAT keep their old labels")
    extra = len(labels) - len(diff.old.labels)
    if extra:
        told.append(f"{extra} new class(es): a model needs num_classes={len(made.classes)} now")
    return Version(
        place_for,
        number,
        diff.count(CHANGED),
        diff.count(SAME),
        _others(diff),
        digest,
        tuple(told),
        known is not None,
    )


def _known(root: Path, record: Mapping[str, Any]) -> Path | None:
    """Return the version that was made of the same set and holds the same labels, the newest first."""
    for place in reversed(versions_of(root).values()):
        former = read_record(place / RECORD) or {}
        if all(former.get(name) == record[name] for name in ("made_from", "content_hash")):
            return place
    return None


def _others(diff: Diff) -> int:
    return len(diff.rows) - diff.count(CHANGED) - diff.count(SAME)


def _described(place: Path, info: DatasetInfo) -> DatasetInfo:
    """Return what the version says of itself: all that the old set says, but for its labels' place."""
    made = DatasetInfo.read(place)
    same = {
        name: getattr(info, name)
        for name in ("name", "task", "cut", "source", "licence", "generator", "seed")
    }
    return replace(made, **same, splits={name: made.splits.get(name, 0) for name in info.splits})


def _keep_bytes(rows: Sequence[ImageRow], root: Path, place: Path, info: DatasetInfo) -> None:
    """Put the old file in the place of every mask that did not change, if it was written otherwise."""
    if info.masks is None:
        return
    made = DatasetInfo.read(place)
    assert made.masks is not None
    for row in rows:
        if row.state == CHANGED or row.split is None:
            continue
        old = root / info.mask_dir(row.split) / f"{row.image_id}{info.masks.suffix}"
        new = place / made.masks.directory(row.split) / f"{row.image_id}{made.masks.suffix}"
        if old.suffix == new.suffix and old.is_file() and old.read_bytes() != new.read_bytes():
            shutil.copyfile(old, new)


def _write_table(diff: Diff, place: Path, info: DatasetInfo, number: int, former: int) -> None:
    """Write down, for the labels of every image, which version they are of and who made them."""
    from segloop.data.digests import file_digests

    files = [_mask_of(row, place, info) for row in diff.rows]
    digests = file_digests([file for file in files if file is not None])
    found = iter(digests)
    before = _former_versions(diff, former)
    with open_atomic(place / TABLE) as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row, file in zip(diff.rows, files, strict=True):
            digest = next(found) if file is not None else None
            who, what = row.origin, row.difference
            version = number if row.state == CHANGED else before.get((row.split or "", row.image_id), former)
            cells = [
                *(row.split, row.image_id, version, row.state, what.pixels if what else None),
                *((what.count(kind) if what else None) for kind in KINDS if kind != "same"),
                *((who.task_id, who.task, who.job_id, who.state, who.assignee) if who else (None,) * 5),
                digest.hex() if digest else None,
            ]
            writer.writerow(["" if cell is None else cell for cell in cells])


def _mask_of(row: ImageRow, place: Path, info: DatasetInfo) -> Path | None:
    if info.masks is None or row.split is None:
        return None
    return place / info.masks.directory(row.split) / f"{row.image_id}{info.masks.suffix}"


def _former_versions(diff: Diff, former: int) -> dict[tuple[str, str], int]:
    """Return from which version the labels of each image of the old set are."""
    file = Path(diff.old_name) / TABLE
    if former == 0 or not file.is_file():
        return {}
    with file.open(encoding="utf-8", newline="") as opened:
        return {
            (line["split"], line["image_id"]): int(line["labels_from"]) for line in csv.DictReader(opened)
        }


def _record(
    diff: Diff, root: Path, info: DatasetInfo, number: int, digest: str, source: Mapping[str, Any]
) -> dict[str, Any]:
    assignees = sorted({row.origin.assignee for row in diff.rows if row.origin and row.origin.assignee})
    tasks = sorted({row.origin.task_id for row in diff.rows if row.origin and row.origin.task_id is not None})
    return {
        "format": FORMAT,
        "version": number,
        "made_from": {"version": number_of(root), "content_hash": info.content_hash},
        "labels_from": {"source": diff.new_name, **source, "tasks": tasks, "assignees": assignees},
        "content_hash": digest,
        "images": {row_state: diff.count(row_state) for row_state in {row.state: None for row in diff.rows}},
        "objects": diff.objects(),
    }


def check_version(root: Path, *, progress: Callable[[int, int], None] | None = None) -> str:
    """Return the content hash of a version; files that are not those it was made of are a DataError."""
    record = read_record(root / RECORD)
    if record is None:
        raise UserError(f"{root} has no {RECORD}: it is no version that apply made.")
    found = content_hash(root, progress=progress)
    if found != record.get("content_hash"):
        was = record.get("content_hash")
        raise DataError(f"{root} is not what apply made: its content hash is {found}, and was {was}.")
    return found
