"""Objects become pixels and index maps become objects, by the rules that were asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from segloop.data import masks
from segloop.data.annotations import Bitmap, Box, ImageRecord, Instance, Label, LabelSet, Opaque, Polygon
from segloop.data.drawing import bitmaps, index_map, with_instances, with_outlines
from segloop.utils.errors import DataError
from tests.data.masks.cases import images

LABELS = LabelSet((Label("ground"), Label("car"), Label("tree")), background=0)
SIZE = (4, 6)


def square(label: str, left: int, right: int, **more: object) -> Instance:
    mask = np.zeros(SIZE, bool)
    mask[:, left:right] = True
    return Instance(label=label, shape=Bitmap(SIZE, masks.encode(mask)), **more)


def record(*instances: Instance, **more: object) -> ImageRecord:
    return ImageRecord(image_id="a", name="a.png", size_hw=SIZE, instances=instances, **more)


def test_what_has_no_pixels_is_none() -> None:
    ring = np.array([[1.0, 1], [3, 1], [3, 2], [1, 2]])
    shapes = [Opaque("points", {}), Polygon((ring,)), Box((0, 0, 2, 2)), square("car", 0, 1).shape]
    found = bitmaps([Instance(label="car", shape=shape) for shape in shapes], SIZE)
    assert [None if runs is None else masks.area(runs) for runs in found] == [None, 2, None, 4]


def test_a_mask_of_another_size_is_told() -> None:
    with pytest.raises(DataError, match=r"4x5 pixels, but\n  object 1 \(car\) has a mask of 6x4"):
        bitmaps([replace(square("car", 0, 1), shape=Box((0, 0, 1, 1))), square("car", 0, 1)], (5, 4))


def test_boxes_and_ellipses_become_outlines_on_request() -> None:
    ring = Polygon((np.array([[0.0, 0], [1, 0], [1, 1]]),))
    turned = {"xtl": 2.0, "ytl": 0.0, "xbr": 4.0, "ybr": 4.0, "rotation": 90.0}
    ellipse = {"cx": 2.0, "cy": 2.0, "rx": 2.0, "ry": 1.0, "rotation": 0.0}
    shapes = [Box((1, 1, 3, 2)), ring, Opaque("rotated-box", turned), Opaque("ellipse", ellipse)]
    shapes += [Opaque("points", {}), Opaque("ellipse", {"another": 1})]
    found = with_outlines(record(*(Instance(label="car", shape=shape) for shape in shapes)))
    drawn = bitmaps(found.instances, SIZE)
    assert [None if runs is None else masks.area(runs) for runs in drawn] == [2, 0, 8, 8, None, None]
    assert masks.decode(drawn[2], SIZE)[1:3, 1:5].all(), "a quarter turn about the middle"
    assert [(each.count, each.example) for each in found.remarks] == [(3, "a: car")]
    plain = record(square("car", 0, 1))
    assert with_outlines(plain) is plain


def test_turning_goes_clockwise() -> None:
    low = Opaque("rotated-box", {"xtl": 0.0, "ytl": 9.0, "xbr": 20.0, "ybr": 11.0, "rotation": 30.0})
    (outline,) = with_outlines(record(Instance(label="car", shape=low))).instances
    right_end = outline.shape.rings[0][1:3].mean(axis=0)
    assert right_end.tolist() == pytest.approx([10 + 10 * np.cos(np.pi / 6), 15]), "down is y up"


def test_an_ellipse_has_as_many_points_as_it_needs() -> None:
    sizes = []
    for radius in (0.01, 5.0, 500.0):
        told = {"cx": 600.0, "cy": 600.0, "rx": radius, "ry": radius / 2}
        (found,) = with_outlines(record(Instance(label="car", shape=Opaque("ellipse", told)))).instances
        ring = found.shape.rings[0]
        middles = np.hypot(*(((ring + np.roll(ring, 1, axis=0)) / 2 - 600) / [radius, radius / 2]).T)
        assert radius * (1 - middles.min()) < 0.051
        sizes.append(len(ring))
    assert sizes == sorted(sizes)
    assert sizes[-1] < 300


@given(images())
def test_maps_become_objects_and_come_back(drawn) -> None:
    size_hw, drawn_masks = drawn
    semantic = np.zeros(size_hw, np.uint8)
    for mask, value in zip(drawn_masks, (1, 2, 255, 1, 2, 255), strict=False):
        semantic[mask] = value
    start = ImageRecord(image_id="a", name="a.png", size_hw=size_hw, semantic=semantic)
    for mode in ("components", "classes"):
        found = with_instances(start, LABELS, mode=mode)
        assert found.semantic is None
        back, told = index_map(found, LABELS)
        assert back.dtype == np.uint8
        assert (back == semantic).all()
        assert told == []
    assert len(found.instances) == len(set(np.unique(semantic).tolist()) - {0, 255})


def test_connected_parts_share_edges_or_corners() -> None:
    start = record(semantic=np.eye(4, 6, dtype=np.uint8))
    assert len(with_instances(start, LABELS).instances) == 1
    assert len(with_instances(start, LABELS, connectivity=4).instances) == 4


def test_a_value_that_is_no_label_is_told() -> None:
    semantic = np.zeros(SIZE, np.uint16)
    semantic[0, :2] = 300
    with pytest.raises(
        DataError, match=r"a: 1 value\(s\) .* there are 3 labels, and 255 .*\n  300 \(2 pixels\)"
    ):
        with_instances(record(semantic=semantic), LABELS)


@pytest.mark.parametrize(
    ("overlap", "row"),
    [("z-order", [1, 1, 1, 1, 2, 0]), ("area", [1, 1, 1, 2, 2, 0]), ("score", [1, 1, 1, 1, 2, 0])],
)
def test_overlaps_follow_the_rule(overlap: str, row: list[int]) -> None:
    both = record(square("car", 0, 4, z_order=1, score=0.9), square("tree", 3, 5, score=0.4))
    found, told = index_map(both, LABELS, overlap=overlap)
    assert found[2].tolist() == row
    loser = "tree, 4 of 8 pixels" if overlap != "area" else "car, 4 of 16 pixels"
    assert told == [("covered-pixels", 4, f"a: {loser}")]


def test_of_equals_the_last_is_seen_and_a_hidden_object_is_told() -> None:
    found, told = index_map(record(square("car", 1, 3), square("tree", 0, 6)), LABELS)
    assert (found == 2).all()
    assert told == [("covered-pixels", 8, "a: car, 8 of 8 pixels"), ("hidden-objects", 1, "a: car")]


def test_one_label_over_itself_loses_nothing() -> None:
    assert index_map(record(square("car", 0, 4), square("car", 2, 5)), LABELS)[1] == []


def test_ignored_pixels_are_ignored_and_without_background_so_is_the_rest() -> None:
    start = record(square("car", 0, 3), ignore=square("car", 2, 4).shape)
    canvas, told = index_map(start, LABELS)
    assert canvas[0].tolist() == [1, 1, 255, 255, 0, 0]
    assert told == [("covered-pixels", 4, "a: car, 4 of 12 pixels")]
    assert index_map(record(square("car", 0, 2), ignore=square("car", 2, 4).shape), LABELS)[1] == []
    no_ground = replace(LABELS, background=None)
    assert index_map(start, no_ground)[0][0].tolist() == [1, 1, 255, 255, 255, 255]


def test_many_labels_need_sixteen_bits() -> None:
    many = LabelSet(tuple(Label(f"l{number}") for number in range(300)), background=0, ignore_index=65535)
    found, _ = index_map(record(square("l299", 0, 2)), many)
    assert (found.dtype, int(found.max())) == (np.uint16, 299)


def test_an_undeclared_label_or_unknown_size_is_told() -> None:
    with pytest.raises(DataError, match="not declared: Did you mean 'tree'"):
        index_map(record(square("trees", 0, 2)), LABELS)
    with pytest.raises(DataError, match="size is not known"):
        index_map(ImageRecord(image_id="a", name="a.png"), LABELS)
