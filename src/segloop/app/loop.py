"""Reads what the label loop leaves on disk: tasks in CVAT, who is done, what became of the labels."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from segloop.app.shelf import folders_in
from segloop.utils.atomic import read_record

MANIFEST, PULLED = "manifest.json", "pull.json"
DEEPEST = 4
MOST_ROWS = 2000
TABLES = {  # of a difference: what it is called on a screen, the most telling first
    "images": "Images",
    "objects": "Objects",
    "flips": "Pixels, before and after",
    "tasks": "Tasks",
    "assignees": "People",
}
_NAMES = (
    "image_id",
    "split",
    "state",
    "task",
    "assignee",
    "before",
    "after",
    "uid",
    "before \\ after",
    "change",
)


@dataclass(frozen=True)
class LoopTask:
    """A task of a loop: its key, what was sent, how far the sending is, images, and its address."""

    key: str
    kind: str
    state: str
    images: int
    address: str | None


@dataclass(frozen=True)
class Loop:
    """A set that is being relabelled: where it is, its tasks, and the labels that it began with."""

    folder: Path
    name: str
    host: str
    project: str | None
    tasks: tuple[LoopTask, ...]
    source: str | None = None

    def commands(self) -> dict[str, str]:
        """Return what to do next, as command lines."""
        loop, data = str(self.folder), self.source or "DATASET"
        return {
            "Who is done": _line("status", loop),
            "Fetch what is finished": _line("pull", loop),
            "See what changed": _line("diff", data, loop),
            "Make a version of the labels": _line("apply", data, loop),
        }


@dataclass(frozen=True)
class Difference:
    """A folder in which two sets of labels were compared: its page, its tables by name, its sums."""

    folder: Path
    page: Path | None
    tables: dict[str, Path]
    numbers: dict[str, Any]

    def sums(self) -> dict[str, str]:
        """Return what changed in short: images, pixels, objects by kind; what is unknown is left out."""
        images, pixels, objects = (
            found if isinstance(found := self.numbers.get(name), dict) else {}
            for name in ("images", "pixels", "objects")
        )
        told = {}
        if images:
            judged = sum(_count(value) for name, value in images.items() if name != "not there")
            told["images changed"] = f"{_count(images.get('changed')):,} of {judged:,}"
        if _count(pixels.get("compared")):
            told["pixels changed"] = f"{_count(pixels.get('changed')) / pixels['compared']:.1%}"
        kinds = ("added", "removed", "renamed", "moved", "redrawn", "marked")
        return told | {f"objects {kind}": f"{_count(objects[kind]):,}" for kind in kinds if kind in objects}


def find_loops(top: Path) -> list[Loop]:
    """Return the loops below a folder; what is damaged or of another kind is left out."""
    found = []
    for folder in _folders(top, 0):
        record = read_record(folder / MANIFEST)
        if (
            record is not None
            and isinstance(record.get("tasks"), list)
            and isinstance(record.get("host"), str)
        ):
            found.append(_loop(folder, record))
    return found


def find_differences(top: Path) -> list[Difference]:
    """Return the folders of `tools/cvat.py diff` below a folder: those with `diff.json`."""
    found = []
    for folder in _folders(top, 0):
        if (folder / "diff.json").is_file():
            page = folder / "index.html"
            order = list(TABLES)
            files = sorted(folder.glob("*.csv"), key=lambda file: (_place(order, file.stem), file.stem))
            numbers = read_record(folder / "diff.json") or {}
            tables = {file.stem: file for file in files}
            found.append(Difference(folder, page if page.is_file() else None, tables, numbers))
    return found


def pulled_images(folder: Path) -> list[dict[str, Any]]:
    """Return what became of each image that was pulled: of `pull.json` in a loop's folder or in `pulled/`."""
    for file in [folder / PULLED, *sorted(folder.glob(f"pulled/*/{PULLED}"))]:
        images = (read_record(file) or {}).get("images")
        if isinstance(images, list):
            return [each for each in images if isinstance(each, dict)]
    return []


def by_person(images: list[dict[str, Any]]) -> list[tuple[str, int, int, int]]:
    """Return for each assignee: images, those that were looked at, and changed objects.

    >>> by_person([{"assignee": "ann", "looked_at": True, "added": 2}, {"assignee": None}])
    [('ann', 1, 1, 2), ('nobody', 1, 0, 0)]
    """
    sums: dict[str, list[int]] = {}
    for each in images:
        row = sums.setdefault(str(each.get("assignee") or "nobody"), [0, 0, 0])
        row[0] += 1
        row[1] += bool(each.get("looked_at"))
        row[2] += sum(_count(each.get(name)) for name in ("added", "removed", "changed"))
    return [(who, *row) for who, row in sorted(sums.items())]  # type: ignore[misc]


def read_rows(
    file: Path, *, most: int = MOST_ROWS, changed: bool = False
) -> tuple[list[str], list[list[str]]]:
    """Return the head of a CSV and its first rows; nothing of what cannot be read.

    With `changed`, a table of images has those alone whose state is `changed`, wherever they stand.
    """
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            table = csv.reader(stream)
            head = next(table, [])
            place = head.index("state") if changed and "state" in head else None
            rows = (row for row in table if place is None or row[place : place + 1] == ["changed"])
            return head, list(islice(rows, most))
    except (OSError, ValueError, csv.Error):
        return [], []


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, list[Any]]:
    """Return a table's columns, those of numbers as numbers, so that they sort as such; names stay text.

    >>> columns(["image_id", "iou"], [["007", "0.5"], ["008", ""]])
    {'image_id': ['007', '008'], 'iou': [0.5, None]}
    """
    found: dict[str, list[Any]] = {}
    for place, name in enumerate(head):
        values = [row[place] if place < len(row) else "" for row in rows]
        found[name] = values if name in _NAMES else _numbers(values) or values
    return found


def _numbers(values: Sequence[str]) -> list[float | int | None] | None:
    try:
        return [
            None if value == "" else int(value) if value.lstrip("-").isdigit() else float(value)
            for value in values
        ]
    except ValueError:
        return None


def _line(*words: str) -> str:
    return shlex.join(["python", "tools/cvat.py", *words])


def _place(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _loop(folder: Path, record: dict[str, Any]) -> Loop:
    host = record["host"].rstrip("/")
    web = host if host.startswith(("http://", "https://")) else None
    project = record.get("project_id")
    tasks = tuple(
        LoopTask(
            str(each.get("key") or "–"),
            str(each.get("kind") or "–"),
            str(each.get("state") or "–"),
            len(each["frames"]) if isinstance(each.get("frames"), list) else 0,
            f"{web}/tasks/{each['id']}" if web and isinstance(each.get("id"), int) else None,
        )
        for each in record["tasks"]
        if isinstance(each, dict)
    )
    address = f"{web}/projects/{project}" if web and isinstance(project, int) else None
    told = record.get("source")
    source = str(told["path"]) if isinstance(told, dict) and told.get("path") else None
    return Loop(folder, str(record.get("name") or folder.name), host, address, tasks, source)


def _folders(top: Path, depth: int) -> Iterator[Path]:
    inside = folders_in(top)
    if inside is None:
        return
    yield top
    if depth < DEEPEST:
        for each in inside:
            if each.name not in ("predictions", "confidence", "vis_data"):
                yield from _folders(each, depth + 1)


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
