"""What is drawn where, worked out on a few pixels."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from segloop.viz.overlay import INVENTED, MISSED, WRONG_CLASS, error_map, outlined, overlay, sheet

PALETTE = [(0, 0, 0), (255, 0, 0), (0, 255, 0)]


def test_errors_have_the_colour_of_their_kind() -> None:
    image = np.full((1, 5, 3), 100, np.uint8)
    truth = np.array([[1, 0, 1, 1, 255]], np.uint8)
    prediction = np.array([[0, 1, 2, 1, 1]], np.uint8)
    drawn = error_map(image, truth, prediction)
    assert [tuple(pixel) for pixel in drawn[0, :3]] == [MISSED, INVENTED, WRONG_CLASS]
    assert len({tuple(pixel) for pixel in drawn[0, 3:]}) == 1  # a hit and an ignored pixel are just grey
    kinds = {tuple(pixel) for pixel in error_map(image, truth, prediction, background=None)[0, :3]}
    assert kinds == {WRONG_CLASS}


def test_classes_are_tinted_and_background_is_not() -> None:
    image = np.full((9, 9, 3), 100, np.uint8)
    mask = np.zeros((9, 9), np.uint8)
    mask[2:7, 2:7] = 1
    mask[0, 0] = 255
    drawn = overlay(image, mask, PALETTE).astype(int)
    assert drawn[4, 4, 0] > drawn[4, 4, 1]
    for pixel in (drawn[8, 8], drawn[0, 0]):
        assert len(set(pixel)) == 1
    assert drawn.shape == image.shape


def test_values_beyond_the_palette_keep_the_image() -> None:
    image = np.full((9, 9, 3), 100, np.uint8)
    mask = np.zeros((9, 9), np.uint8)
    mask[2:7, 2:7] = len(PALETTE)
    assert np.array_equal(overlay(image, mask, PALETTE), overlay(image, 0 * mask, PALETTE))


def test_a_sheet_holds_all_rows_under_their_titles() -> None:
    tile = np.zeros((20, 30, 3), np.uint8)
    drawn = sheet([[tile, tile], [tile]], titles=["image", "truth"], tile=40, gap=4)
    assert drawn.shape == (26 + 2 * 44 - 4, 2 * 60 + 4, 3)
    assert drawn.dtype == np.uint8


def test_neighbours_of_one_class_are_outlined_apart_and_dark_colours_made_bright() -> None:
    image = np.zeros((12, 20, 3), np.uint8)
    classes = np.zeros((12, 20), np.uint8)
    classes[2:10, 2:18] = 1
    objects = classes.astype(np.uint16)
    objects[2:10, 10:18] = 7
    drawn = outlined(image, classes, objects, [(0, 0, 0), (128, 0, 0)], ground=0)
    assert drawn[6, 10].tolist() == drawn[6, 9].tolist() == [255, 0, 0]  # between the two
    assert drawn[6, 5, 0] < 100  # inside
    assert drawn[0, 0].tolist() == [0, 0, 0]
    ignored = np.full((12, 20), 2, np.uint8)  # beyond the palette
    assert outlined(image, ignored, ignored, [(0, 0, 0), (128, 0, 0)], ground=0).max() == 0


@pytest.mark.parametrize("name", ["overlay", "outlined", "error_map"])
def test_a_photograph_is_mixed_in_bands_that_join_without_a_seam(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(0)
    image = draw.integers(0, 256, (900, 1000, 3), dtype=np.uint8)
    mask = np.repeat(draw.integers(0, 3, (9, 1000)), 100, axis=0).astype(np.int32)
    other = np.roll(mask, 7, axis=0)
    run: Any = {
        "overlay": lambda: overlay(image, mask, PALETTE),
        "outlined": lambda: outlined(image, mask, other, PALETTE, ground=0),
        "error_map": lambda: error_map(image, mask, other),
    }[name]
    tracemalloc.start()
    drawn = run()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 8 * image.size, "less than one array of floats"
    monkeypatch.setattr("segloop.viz.overlay.BAND", image.size)
    assert np.array_equal(run(), drawn)
