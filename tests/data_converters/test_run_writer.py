"""Rows of runs are written image by image, and each name stays one field."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from data_converters import run_writer
from data_converters.base import BadRecord, Rendered, WriteOptions
from data_converters.run_csv import split_row
from data_converters.run_writer import RowWriter, drawn_instances, field, other_labels, run_texts
from segloop.data import masks
from segloop.data.annotations import Bitmap, Box, ImageRecord, Instance, Label, LabelSet, Polygon
from segloop.utils.errors import DataError
from tests.data.masks.cases import RING, RING_COLUMNS, RING_ROWS

LABELS = LabelSet((Label("sea"), Label("ship")), background=0)


class Rows(RowWriter):
    header = "id,runs"


@pytest.mark.parametrize("block", [1, 1 << 20])
def test_rows_come_in_order_whatever_the_block(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_writer, "BLOCK", block)
    writer = pickle.loads(pickle.dumps(Rows(LABELS, WriteOptions())))
    writer.open(tmp_path / "a.csv")
    for name in ("a", "b", "c"):
        writer.add(Rendered(name, f"{name},\n".encode(), 0, 0))
    writer.close()
    assert (tmp_path / "a.csv").read_bytes() == b"id,runs\na,\nb,\nc,\n"


def test_images_of_one_name_in_two_splits_are_no_one_image(tmp_path: Path) -> None:
    writer = Rows(LABELS, WriteOptions())
    writer.open(tmp_path / "a.csv")
    writer.add(Rendered("a", b"a.png,1 2\n", 1, 2))
    with pytest.raises(BadRecord, match="an image of another split has the same name"):
        writer.add(Rendered("a", b"a.png,3 4\n", 1, 4))
    writer.close()
    assert (tmp_path / "a.csv").read_bytes() == b"id,runs\na.png,1 2\n"


@pytest.mark.parametrize("name", ["a.jpg", "a, b.jpg", 'say "x"', '"', "й [1] — &.png", " a ", ""])
def test_a_name_is_one_field(name: str) -> None:
    assert split_row(f"{field(name)},1 2\n".encode(), b",") == [name.encode(), b"1 2"]


def test_names_that_no_row_can_hold_are_refused() -> None:
    for name in ("a\nb", "a\rb"):
        with pytest.raises(DataError, match="line break"):
            field(name)
    with pytest.raises(DataError, match=r"'caf\\udce9' is no UTF-8 text"):
        field("caf\udce9")


def test_runs_are_written_in_either_order() -> None:
    runs = [masks.encode(RING)]
    assert run_texts(runs, (6, 8), order="columns") == [" ".join(map(str, RING_COLUMNS))]
    assert run_texts(runs, (6, 8), order="rows") == [" ".join(map(str, RING_ROWS))]
    assert run_texts([], None, order="rows") == []


def test_what_has_no_pixel_is_left_out_and_index_maps_become_objects() -> None:
    shapes = (
        Bitmap((4, 4), masks.encode(np.eye(4))),
        Bitmap((4, 4), masks.encode(np.zeros((4, 4)))),
        Box((0, 0, 2, 2)),
        Polygon((np.array([[0.0, 0], [2, 0], [2, 2], [0, 2]]),)),
    )
    record = ImageRecord(
        image_id="a",
        name="a.png",
        size_hw=(4, 4),
        instances=tuple(Instance(label="ship", shape=shape) for shape in shapes),
        semantic=np.array([[0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]], np.uint8),
    )
    _, drawn, runs = drawn_instances(record, LABELS, WriteOptions())
    assert [masks.area(each) for each in runs] == [4, 4, 1, 1]
    assert len(drawn) == 4
    classes = drawn_instances(record, LABELS, WriteOptions(instances="classes"))[2]
    assert [masks.area(each) for each in classes] == [4, 4, 2]


def test_an_image_of_no_known_size_cannot_be_drawn_unless_it_is_empty() -> None:
    record = ImageRecord(image_id="a", name="a.png")
    assert drawn_instances(record, LABELS, WriteOptions())[1:] == ([], [])
    shape = Polygon((np.zeros((3, 2)),))
    record = ImageRecord(image_id="a", name="a.png", instances=(Instance(label="ship", shape=shape),))
    with pytest.raises(DataError, match="a: its size is not known"):
        drawn_instances(record, LABELS, WriteOptions())


def test_other_labels_are_a_loss() -> None:
    shape = Bitmap((1, 1), masks.encode(np.ones((1, 1))))
    drawn = [Instance(label=name, shape=shape) for name in ("ship", "car", "bus")]
    record = ImageRecord(image_id="a", name="a.png")
    assert [(each.kind, each.count, each.example) for each in other_labels(record, drawn, "ship")] == [
        ("labels", 2, "a: car")
    ]
    assert other_labels(record, drawn[:1], "ship") == ()
