"""Images are shown with their labels, as a whole or close up."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from segloop.data.annotations import Bitmap, ImageRecord, Instance, Label, LabelSet
from segloop.data.masks import encode
from segloop.viz.closeup import FRAME, closeup, drawn_on, fitted, outlined, palette_of, read_rgb

LABELS = LabelSet((Label("ground", (0, 0, 0)), Label("fish", (9, 200, 9)), Label("crab")), background=0)


def square(top: int, left: int) -> np.ndarray:
    """Return a mask of a square of 6 pixels a side."""
    mask = np.zeros((20, 30), np.uint8)
    mask[top : top + 6, left : left + 6] = 1
    return mask


def test_pictures_are_read_as_rgb_and_16_bits_are_made_visible(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 5, 3), (1, 2, 3), np.uint8))
    assert read_rgb(tmp_path / "a.png")[0, 0].tolist() == [3, 2, 1]
    cv2.imwrite(str(tmp_path / "deep.png"), np.array([[0, 500, 1000]], np.uint16))
    assert read_rgb(tmp_path / "deep.png")[0, :, 0].tolist() == [0, 128, 255]
    (tmp_path / "no.png").write_bytes(b"no picture")
    assert read_rgb(tmp_path / "no.png") is None
    assert read_rgb(tmp_path / "missing.png") is None


def test_each_label_has_a_colour_that_shows() -> None:
    ground, fish, crab = palette_of(LABELS)
    assert fish == (9, 200, 9)
    assert any(ground)
    assert crab not in (ground, fish)


def test_maps_and_objects_are_drawn_alike() -> None:
    semantic = square(3, 4) * 1 + square(10, 20) * 2
    record = ImageRecord(image_id="a", name="a.png", size_hw=(20, 30), semantic=semantic)
    classes, objects = drawn_on(record, LABELS, (20, 30))
    assert classes[5, 5] == 1
    assert classes[12, 22] == 2
    assert classes[0, 0] == -1
    assert objects[0, 0] == 0
    instances = tuple(
        Instance(label=label, shape=Bitmap((20, 30), encode(mask)))
        for label, mask in (("fish", square(3, 4)), ("crab", square(10, 20)))
    )
    record = ImageRecord(image_id="a", name="a.png", size_hw=(20, 30), instances=instances)
    assert np.array_equal(drawn_on(record, LABELS, (20, 30))[0], classes)


def test_labels_of_another_size_are_not_drawn() -> None:
    record = ImageRecord(image_id="a", name="a.png", size_hw=(20, 30), semantic=square(3, 4))
    assert (drawn_on(record, LABELS, (40, 60))[0] == -1).all()


def test_outlines_lie_inside_and_part_objects_of_one_class() -> None:
    image = np.full((20, 30, 3), 100, np.uint8)
    record = ImageRecord(image_id="a", name="a.png", size_hw=(20, 30), semantic=square(3, 4))
    drawn = outlined(image, *drawn_on(record, LABELS, (20, 30)), palette_of(LABELS))
    assert drawn[3, 4].tolist() == [9, 200, 9]
    assert drawn[5, 6].tolist() == [100, 100, 100]
    assert drawn[2, 4].tolist() == [100, 100, 100]
    two = tuple(Instance(label="fish", shape=Bitmap((20, 30), encode(square(3, left)))) for left in (4, 10))
    record = ImageRecord(image_id="a", name="a.png", size_hw=(20, 30), instances=two)
    drawn = outlined(image, *drawn_on(record, LABELS, (20, 30)), palette_of(LABELS))
    assert drawn[6, 9].tolist() == [9, 200, 9]


def test_a_place_is_enlarged_and_framed_wherever_it_lies() -> None:
    image = np.zeros((100, 160, 3), np.uint8)
    for box in ((2, 3, 4, 5), (150, 90, 158, 99), (70, 40, 80, 50)):
        drawn = closeup(image, box, side=200)
        assert max(drawn.shape[:2]) == 200
        assert (drawn == np.array(FRAME)).all(axis=2).any()


def test_large_pictures_are_made_smaller_and_small_ones_left() -> None:
    assert fitted(np.zeros((100, 400, 3), np.uint8), side=200).shape == (50, 200, 3)
    assert fitted(np.zeros((10, 20, 3), np.uint8), side=200).shape == (10, 20, 3)
