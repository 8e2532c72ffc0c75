"""The tables of a comparison of labels: by image, class, object, task and person; as CSV and JSON."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segloop.cvat.diff import STATES, Diff, ImageRow
from segloop.cvat.differences import KINDS
from segloop.utils.atomic import open_atomic, write_json

FORMAT = 1
UNKNOWN = "(unknown)"
COUNTED = tuple(kind for kind in KINDS if kind != "same")


@dataclass(frozen=True, slots=True)
class Share:
    """What one task or person had: images by state, pixels that changed, objects by kind of change."""

    name: str
    images: int
    states: Mapping[str, int]
    pixels: int
    objects: Mapping[str, int]


def shares_by(diff: Diff, what: str) -> list[Share]:
    """Return one row for each `task` or `assignee`, by name; images that nobody had are left out."""
    groups: dict[str, list[ImageRow]] = {}
    for row in diff.rows:
        if row.origin is not None:
            groups.setdefault(_who(row, what), []).append(row)
    return [_share(name, groups[name]) for name in sorted(groups)]


def _who(row: ImageRow, what: str) -> str:
    assert row.origin is not None
    if what == "assignee":
        return row.origin.assignee or UNKNOWN
    number = f"#{row.origin.task_id}" if row.origin.task_id is not None else ""
    return " ".join(part for part in (number, row.origin.task) if part) or UNKNOWN


def _share(name: str, rows: Sequence[ImageRow]) -> Share:
    found = [row.difference for row in rows if row.difference is not None]
    return Share(
        name,
        len(rows),
        {state: sum(row.state == state for row in rows) for state in STATES},
        sum(each.pixels for each in found),
        {kind: sum(each.count(kind) for each in found) for kind in COUNTED},
    )


@dataclass(frozen=True, slots=True)
class ClassShift:
    """How the pixels of one class changed over all images that were compared."""

    name: str
    before: int
    after: int
    iou: float | None


def class_shifts(diff: Diff) -> list[ClassShift]:
    """Return one row for each class that was drawn before or after."""
    flips = diff.flips
    found = []
    for place in diff.classes.foreground:
        both, before, after = int(flips[place, place]), int(flips[place].sum()), int(flips[:, place].sum())
        if before or after:
            name = diff.classes.names[place]
            found.append(ClassShift(name, before, after, both / (before + after - both)))
    return found


def write_tables(diff: Diff, folder: Path) -> list[Path]:
    """Write five tables and `diff.json` into a folder, and return them."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "images.csv": _image_rows(diff),
        "flips.csv": _flip_rows(diff),
        "objects.csv": _object_rows(diff),
        "tasks.csv": _share_rows(shares_by(diff, "task"), "task"),
        "assignees.csv": _share_rows(shares_by(diff, "assignee"), "assignee"),
    }
    for name, rows in files.items():
        _write_csv(folder / name, rows)
    write_json(folder / "diff.json", numbers_of(diff))
    return [*(folder / name for name in files), folder / "diff.json"]


def numbers_of(diff: Diff) -> dict[str, Any]:
    """Return the comparison over the whole set, as JSON holds it."""
    flips = diff.flips
    pixels = int(flips.sum())
    ious = [each.iou for each in class_shifts(diff) if each.iou is not None]
    return {
        "format": FORMAT,
        "old": diff.old_name,
        "new": diff.new_name,
        "images": {state: diff.count(state) for state in STATES},
        "strange": list(diff.strange),
        "pixels": {"compared": pixels, "changed": int(pixels - np.trace(flips))},
        "objects": diff.objects(),
        "mean_iou": _rounded(float(np.mean(ious))) if ious else None,
        "classes": [
            {"name": each.name, "before": each.before, "after": each.after, "iou": _rounded(each.iou)}
            for each in class_shifts(diff)
        ],
        "told": list(diff.told),
    }


def _image_rows(diff: Diff) -> Iterable[Sequence[Any]]:
    judged = any(row.found_iou for row in diff.rows)
    yield [
        *("image_id", "split", "state", "iou", "pixels_changed", "pixels", *(f"objects_{k}" for k in KINDS)),
        "tags_changed",
        *(("model_iou_before", "model_iou_after") if judged else ()),
        *("task_id", "task", "job_id", "job_state", "assignee"),
    ]
    for row in diff.rows:
        found, who = row.difference, row.origin
        yield [
            *(row.image_id, row.split or "", row.state),
            *(
                (_rounded(found.iou(diff.classes.foreground)), found.pixels, row.total)
                if found
                else ("", "", "")
            ),
            *((found.count(kind) if found else "") for kind in KINDS),
            int(found.tags) if found else "",
            *((_rounded(each) for each in row.found_iou or ("", "")) if judged else ()),
            *((who.task_id, who.task, who.job_id, who.state, who.assignee) if who else ("",) * 5),
        ]


def _flip_rows(diff: Diff) -> Iterable[Sequence[Any]]:
    yield ["before \\ after", *diff.classes.names]
    for name, line in zip(diff.classes.names, diff.flips.tolist(), strict=True):
        yield [name, *line]


def _object_rows(diff: Diff) -> Iterable[Sequence[Any]]:
    box = ("left", "top", "right", "bottom")
    yield ["image_id", "split", "change", "before", "after", "iou", "pixels", "dx", "dy", *box, "uid"]
    for row in diff.rows:
        for each in () if row.difference is None else row.difference.objects:
            if each.kind != "same":
                told = (each.kind, each.before, each.after, _rounded(each.iou), each.pixels)
                yield [row.image_id, row.split or "", *told, *each.step_xy, *each.box_xyxy, each.uid]


def _share_rows(shares: Sequence[Share], what: str) -> Iterable[Sequence[Any]]:
    names = [state.replace(" ", "_") for state in STATES]
    yield [what, "images", *names, "pixels_changed", *(f"objects_{kind}" for kind in COUNTED)]
    for each in shares:
        yield [each.name, each.images, *each.states.values(), each.pixels, *each.objects.values()]


def _write_csv(file: Path, rows: Iterable[Sequence[Any]]) -> None:
    with open_atomic(file) as opened:
        writer = csv.writer(opened, lineterminator="\n")
        for row in rows:
            writer.writerow(["" if cell is None else cell for cell in row])


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def summary(diff: Diff) -> str:
    """Return the comparison in a few lines."""
    numbers = numbers_of(diff)
    states = ", ".join(f"{count:,} {state}" for state, count in numbers["images"].items() if count)
    objects = ", ".join(
        f"{numbers['objects'][kind]:,} {kind}" for kind in COUNTED if numbers["objects"][kind]
    )
    pixels = numbers["pixels"]
    share = pixels["changed"] / pixels["compared"] if pixels["compared"] else 0.0
    lines = [
        f"{len(diff.rows):,} images: {states}",
        f"pixels: {pixels['changed']:,} of {pixels['compared']:,} changed ({share:.2%})",
        f"objects: {objects or 'none changed'}",
    ]
    flips = [
        (count, before, after)
        for before, line in zip(diff.classes.names, diff.flips.tolist(), strict=True)
        for after, count in zip(diff.classes.names, line, strict=True)
        if before != after and count
    ]
    for count, before, after in sorted(flips, key=lambda each: (-each[0], each[1:]))[:5]:
        lines.append(f"  {count:>9,} pixels from {before} to {after}")
    if diff.strange:
        lines.append(f"{len(diff.strange):,} new images are none of the old set, and were not compared")
    lines += diff.told
    if diff.model and (judged := [row.found_iou for row in diff.rows if row.found_iou]):
        before, after = np.mean(judged, axis=0)
        lines.append(f"{diff.model}: mean IoU by image {before:.4f} before, {after:.4f} after")
    return "\n".join(lines)
