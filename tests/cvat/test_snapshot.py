"""What had gone is kept exactly, to the last bit of a coordinate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segloop.cvat.snapshot import labels_from_plain, labels_to_plain, read_snapshot, write_snapshot
from segloop.utils.errors import FormatError
from tests.cvat.sets import LABELS, box, exact, hard_instances, image


def test_records_are_read_as_they_were_written(tmp_path: Path) -> None:
    record = image(tmp_path, "a.png", hard_instances(), ignore=box(0, 0, 2, 2), split="test")
    write_snapshot(tmp_path / "x.jsonl", [record, replace(record, size_hw=None, file=None, ignore=None)])
    first, second = read_snapshot(tmp_path / "x.jsonl")
    assert list(map(exact, first.instances)) == list(map(exact, record.instances))
    assert (first.file, first.split, first.size_hw) == (record.file, "test", record.size_hw)
    assert first.ignore is not None
    assert (second.file, second.size_hw, second.ignore) == (None, None, None)


def test_index_maps_and_other_versions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="index map"):
        write_snapshot(tmp_path / "x", [image(tmp_path, "a.png", semantic=np.zeros((2, 2), np.uint8))])
    (tmp_path / "y").write_text('{"format": 2}\n', encoding="utf-8")
    with pytest.raises(FormatError, match="another version"):
        list(read_snapshot(tmp_path / "y"))


def test_labels_are_read_as_they_were_written() -> None:
    assert labels_from_plain(labels_to_plain(LABELS)) == LABELS
