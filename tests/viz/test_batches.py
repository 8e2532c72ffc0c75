"""What the model is given is drawn with its labels."""

from __future__ import annotations

import numpy as np

from segloop.viz.batches import DARK, draw_instances, draw_semantic, enlarged

IMAGE = np.full((40, 60, 3), 120, np.uint8)
PALETTE = [(0, 0, 0), (200, 30, 30), (30, 30, 200)]


def test_an_index_map_is_drawn_beside_its_image_and_ignored_pixels_are_striped() -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[5:15, 5:25] = 1
    mask[25:, :] = 255
    drawn = draw_semantic(IMAGE, mask, PALETTE, background=0)
    assert drawn.shape == (40, 120, 3)
    assert np.array_equal(drawn[:, :60], IMAGE)
    assert drawn[10, 60 + 15, 0] > drawn[10, 60 + 15, 2] + 50
    assert (drawn[25:, 60:] == np.array(DARK)).all(axis=2).mean() > 0.1
    assert not (drawn[:25, 60:] == np.array(DARK)).all(axis=2).any()


def test_objects_are_tinted_boxed_and_told_apart() -> None:
    masks = np.zeros((2, 40, 60), bool)
    masks[0, 5:35, 5:25] = True
    masks[1, 5:35, 35:55] = True
    boxes = np.array([[5, 5, 25, 35], [35, 5, 55, 35]], float)
    two = draw_instances(IMAGE, masks, (1, 2), boxes, palette=PALETTE, names=("a", "b", "c"))[:, 60:]
    assert two[20, 15].tolist() == [160, 75, 75]
    assert two[20, 45].tolist() == [75, 75, 160]
    assert two[20, 5].tolist() == [200, 30, 30]
    one = draw_instances(IMAGE, masks, (0, 0), boxes, palette=[(9, 9, 9)], names=("cell",))[:, 60:]
    assert one[20, 15].tolist() != one[20, 45].tolist()


def test_names_of_other_letters_are_other_pictures() -> None:
    box, nothing = np.array([[5, 5, 55, 35.0]]), np.zeros((0, 40, 60), bool)
    drawn = [
        draw_instances(IMAGE, nothing, (1,), box, palette=PALETTE, names=("a", each)) for each in ("ö", "é")
    ]
    assert not np.array_equal(*drawn)
    assert (drawn[0][5:20, 60:] > 200).all(axis=2).any(), "white"


def test_boxes_without_masks_and_images_without_objects() -> None:
    nothing = np.zeros((0, 40, 60), bool)
    boxed = draw_instances(IMAGE, nothing, (1,), np.array([[5, 5, 25, 35.0]]), palette=PALETTE, names="abc")
    assert boxed[5, 60 + 10].tolist() == [200, 30, 30]
    empty = draw_instances(IMAGE, nothing, (), np.zeros((0, 4)), palette=PALETTE, names="abc")
    assert np.array_equal(empty[:, 60:], IMAGE)
    ignored = np.zeros((40, 60), bool)
    ignored[:9] = True
    striped = draw_instances(
        IMAGE, nothing, (), np.zeros((0, 4)), palette=PALETTE, names="abc", ignored=ignored
    )
    assert not np.array_equal(striped[:9, 60:], IMAGE[:9])


def test_small_images_are_shown_in_whole_multiples() -> None:
    assert enlarged(np.zeros((64, 128, 3), np.uint8)).shape == (256, 512, 3)
    assert enlarged(np.zeros((300, 400, 3), np.uint8)).shape == (300, 400, 3)
