"""The map of an image is the same whether its labels came as a map, as objects, or as both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segloop.data import masks
from segloop.data.annotations import Bitmap, Box, ImageRecord, Instance, Label, LabelSet
from segloop.data.masks import encode
from segloop.data.statistics.canvas import Canvas, count_values, draw, lay_out, lay_out_objects
from segloop.utils.errors import DataError
from tests.data.masks.cases import bitmaps
from tests.data.statistics.sets import OBJECTS, cell, square


def canvas_of(record: ImageRecord, labels: LabelSet) -> Canvas:
    assert record.size_hw is not None
    places = {name: place for place, name in enumerate(labels.names)}
    return lay_out(record, labels, record.size_hw, places=places)


@given(st.data())
def test_masks_are_drawn_one_after_the_other(data) -> None:
    size_hw = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    several = [data.draw(bitmaps(size_hw)) for _ in range(data.draw(st.integers(0, 6)))]
    values = [data.draw(st.integers(0, 3)) for _ in several]
    canvas = np.full(size_hw, 9, np.uint8)
    shared = draw([encode(each) for each in several], values, canvas)
    wanted = np.full(size_hw, 9, np.uint8)
    for mask, value in zip(several, values, strict=True):
        wanted[mask != 0] = value
    assert np.array_equal(canvas, wanted)
    depth = np.sum([mask != 0 for mask in several], axis=0) if several else np.zeros(size_hw)
    assert shared == int((depth > 1).sum())


def test_objects_lie_by_their_order_over_a_map_and_below_what_is_ignored() -> None:
    labels = LabelSet((Label("ground"), Label("thing")), background=0, ignore_index=255)
    semantic = np.zeros((32, 32), np.uint8)
    semantic[0] = 255
    ignore = Bitmap((32, 32), encode(square(0, 0, 4)))
    thing = Instance(label="thing", shape=Bitmap((32, 32), encode(square(2, 2, 4))))
    record = ImageRecord(
        image_id="a", name="a", size_hw=(32, 32), semantic=semantic, instances=(thing,), ignore=ignore
    )
    found = canvas_of(record, labels)
    assert found.counts.tolist() == [32 * 32 - 32 - 12 - 12, 12, 0, 32 + 12]
    assert not found.connected
    assert found.ground == 0


def test_boxes_count_and_have_no_pixels() -> None:
    box = Instance(label="dust", shape=Box((1.0, 2.0, 5.0, 9.0)))
    found = canvas_of(ImageRecord(image_id="a", name="a", size_hw=(16, 16), instances=(box,)), OBJECTS)
    assert found.box_labels.tolist() == [1]
    assert found.undrawn == 1
    assert found.counts[: found.ignored].tolist() == [0, 0, 256]


def test_what_is_no_label_is_told() -> None:
    strange = ImageRecord(
        image_id="a", name="a", size_hw=(32, 32), instances=(cell(square(0, 0, 2), label="x"),)
    )
    with pytest.raises(DataError, match="not declared"):
        canvas_of(strange, OBJECTS)
    beyond = ImageRecord(image_id="a", name="a", size_hw=(1, 2), semantic=np.array([[0, 9]], np.uint8))
    with pytest.raises(DataError, match="no label: 9"):
        canvas_of(beyond, OBJECTS)
    one_beyond = ImageRecord(image_id="a", name="a", size_hw=(1, 2), semantic=np.array([[0, 3]], np.uint8))
    with pytest.raises(DataError, match="no label: 3"):
        canvas_of(one_beyond, OBJECTS)
    other = ImageRecord(image_id="a", name="a", size_hw=(3, 3), semantic=np.zeros((2, 2), np.uint8))
    with pytest.raises(DataError, match="2x2"):
        canvas_of(other, OBJECTS)


def test_hundreds_of_labels_take_sixteen_bits() -> None:
    labels = LabelSet(tuple(Label(f"c{number}") for number in range(300)), ignore_index=65535)
    semantic = np.array([[0, 299, 65535]], np.uint16)
    found = canvas_of(ImageRecord(image_id="a", name="a", size_hw=(1, 3), semantic=semantic), labels)
    assert np.flatnonzero(found.counts).tolist() == [0, 299, found.ignored]


def test_neighbours_of_one_class_are_told_apart_in_pictures() -> None:
    record = ImageRecord(
        image_id="a", name="a", size_hw=(32, 32), instances=(cell(square(0, 0, 4)), cell(square(4, 0, 4)))
    )
    layers = lay_out_objects(record, OBJECTS, (32, 32))
    assert layers.classes[0, 0] == layers.classes[0, 4] == 0
    assert layers.objects[0, 0] != layers.objects[0, 4]
    assert layers.ground == 2


def test_values_are_counted_exactly_in_both_widths() -> None:
    values = np.random.default_rng(0).integers(0, 5, (50, 60))
    for kind in (np.uint8, np.uint16):
        assert (
            count_values(values.astype(kind), 7).tolist() == np.bincount(values.ravel(), minlength=7).tolist()
        )
    assert masks.area(encode(values == 3)) == (values == 3).sum()
