"""What the CVAT loop reads and writes its XML with: the reader and the writer of `cvat`, image by image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

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
