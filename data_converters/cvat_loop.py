"""What the CVAT loop reads and writes its XML with: the reader and the writer of `cvat`, image by image."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree

from data_converters import cvat
from data_converters.base import ReadOptions, WriteOptions
from segloop.data.annotations import ImageRecord, LabelledImages, LabelSet


def write(
    labels: LabelSet, records: Sequence[ImageRecord], target: Path, *, masks: str = "rle"
) -> Mapping[str, tuple[int, str]]:
    """Write an XML, its images numbered from 0 in this order; return by kind what it could not hold.

    `masks` is `rle`, or `polygon:TOL` for outlines; how many pixels those get wrong is `outline-pixels`.
    """
    writer = cvat.writer(labels, facts={}, options=WriteOptions(masks=masks, media="none"))
    found: dict[str, tuple[int, str]] = {}
    writer.open(target)
    try:
        for record in records:
            rendered = writer.render(record)
            writer.add(rendered)
            for loss in rendered.losses:
                count, example = found.get(loss.kind, (0, loss.example))
                found[loss.kind] = (count + loss.count, example)
    finally:
        writer.close()
    return found


def read(source: Path) -> LabelledImages:
    """Open an XML, or a zip with one, that CVAT exported; image files are not looked for."""
    return cvat.read(source, options=ReadOptions())


def owner(source: Path) -> dict[str, Any]:
    """Return whose an export is, by its head: `task_id`, `task`, `job_id` and `assignee`, as far as it tells."""
    if not zipfile.is_zipfile(source):
        with source.open("rb") as file:
            return _owner(file)
    with zipfile.ZipFile(source) as archive:
        name = next(each for each in archive.namelist() if each.endswith(".xml"))
        with archive.open(name) as file:
            return _owner(io.BufferedReader(file))  # type: ignore[arg-type]


def _owner(file: IO[bytes]) -> dict[str, Any]:
    for _, element in ElementTree.iterparse(file, events=("end",)):
        if element.tag == "image":
            return {}
        if element.tag != "meta":
            continue
        for kind in ("task", "job"):
            node = element.find(kind)
            if node is None:
                continue
            number = node.findtext("id") or ""
            told = {
                "task_id" if kind == "task" else "job_id": int(number) if number.isdecimal() else None,
                "task": node.findtext("name") or None,
                "assignee": node.findtext("assignee/username") or node.findtext("assignee") or None,
            }
            return {
                key: value.strip() or None if isinstance(value, str) else value for key, value in told.items()
            }
        return {}
    return {}
