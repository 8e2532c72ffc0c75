"""Supervisely's figures, one by one."""

import numpy as np

from data_converters.supervisely_shapes import read_objects
from segloop.data.annotations import Bitmap, Box, Opaque
from segloop.data.masks import decode
from tests.data_converters.test_supervisely import bitmap, figure, outline


def test_figures_are_read_as_supervisely_means_them() -> None:
    alpha = np.zeros((1, 2, 4), np.uint8)
    alpha[0, 1] = (0, 0, 0, 255)
    told = [
        bitmap(np.array([[255, 0], [255, 255]], np.uint8), [3, 2]),
        bitmap(alpha, [0, 0]),
        outline([[2, 2], [4, 2], [4, 4], [2, 4]]),
        outline(kind="rectangle"),
        outline(kind="line"),
        figure("graph", nodes={"a": [1, 2]}, tags=[{"name": "old"}, {"name": "depth", "value": 3}]),
    ]
    problems: list[str] = []
    mask, cut, ring, box, line, graph = read_objects(told, (8, 10), frozenset({"crack"}), problems)
    assert problems == []
    assert isinstance(mask.shape, Bitmap)
    assert np.argwhere(decode(mask.shape.runs, (8, 10))).tolist() == [[2, 3], [3, 3], [3, 4]]
    assert isinstance(cut.shape, Bitmap)
    assert np.argwhere(decode(cut.shape.runs, (8, 10))).tolist() == [[0, 1]]
    assert isinstance(ring.shape, Bitmap)
    assert decode(ring.shape.runs, (8, 10)).sum() == 12
    assert box.shape == Box((1.0, 1.0, 5.0, 5.0))
    assert isinstance(line.shape, Opaque)
    assert (graph.shape, graph.attributes) == (
        Opaque("graph", {"nodes": {"a": [1, 2]}}),
        {"old": True, "depth": 3},
    )


def test_all_is_carried_of_what_is_not_drawn() -> None:
    problems: list[str] = []
    soft = {"bitmap": {"data": "AAAA", "origin": [0, 0]}, "description": "smoke"}
    (found,) = read_objects([figure("alpha_mask", **soft)], (8, 10), frozenset({"crack"}), problems)
    assert (found.shape, problems) == (Opaque("alpha_mask", soft), [])


def test_masks_outside_the_image_and_broken_ones_are_told() -> None:
    broken = bitmap(np.ones((1, 1), np.uint8), [0, 0])
    broken["bitmap"]["data"] = "AAAA"
    problems: list[str] = []
    outside = bitmap(np.ones((2, 2), np.uint8), [9, 0])
    assert read_objects([outside, broken], (8, 10), frozenset({"crack"}), problems) == []
    assert problems[0] == "object 1: its mask is not inside the image"
    assert problems[1].startswith("object 2: its mask cannot be decoded")
    beyond = outline([[10, 1], [12, 1], [12, 3]])
    beyond["points"]["exterior"] = [[10, 1], [12, 1], [12, 3]]
    assert read_objects([beyond], (8, 10), frozenset({"crack"}), problems) == []
    assert problems[2] == "object 1: it lies outside the image"
    read_objects({}, (8, 10), frozenset(), problems)
    assert problems[-1] == "its objects are no list"
