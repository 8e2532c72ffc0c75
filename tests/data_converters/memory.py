"""Sets that tests make up, as a format that the converter reads: a pickle of records."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

from data_converters.base import Format, ReadOptions
from segloop.data.annotations import ImageRecord, LabelledImages, LabelSet

MEMORY = Format(name="memory", module="tests.data_converters.memory", summary="for tests", writes=False)


def put(file: Path, labels: LabelSet, records: Sequence[ImageRecord]) -> Path:
    """Write a set down for `read`."""
    file.write_bytes(pickle.dumps((labels, list(records))))
    return file


def load(record: ImageRecord) -> ImageRecord:
    """Return a record, which is its own key."""
    return record


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Return what was put."""
    labels, records = pickle.loads(source.read_bytes())
    return LabelledImages(labels=labels, keys=records, load=load)
