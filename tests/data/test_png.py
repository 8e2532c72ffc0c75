"""The PNG files we write hold exactly their pixels, and the same bytes each time."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from segloop.data.png import encode_indices, encode_rgb


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (64, 33)])
def test_images_come_back_as_they_were(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    with Image.open(io.BytesIO(encode_rgb(image))) as read:
        assert read.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(read), image)


def test_masks_keep_indices_and_show_colours() -> None:
    mask = np.array([[0, 1, 2], [255, 1, 0]], np.uint8)
    with Image.open(io.BytesIO(encode_indices(mask, palette=[(0, 0, 0), (9, 8, 7), (1, 2, 3)]))) as read:
        assert read.mode == "P"
        np.testing.assert_array_equal(np.asarray(read), mask)
        np.testing.assert_array_equal(np.asarray(read.convert("RGB"))[1], [[255] * 3, [9, 8, 7], [0, 0, 0]])


def test_views_are_written_as_they_look() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 6, 3), np.uint8)[::-1, ::2]
    assert encode_rgb(image) == encode_rgb(image.copy())
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encode_rgb(image)))), image)
