"""Contrast and outlines tell a mask that fits from one that does not."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from segloop.data.annotations import ImageRecord
from segloop.data.statistics.canvas import Canvas, lay_out
from segloop.data.statistics.colors import Look, look
from segloop.data.statistics.tally import Tally
from tests.data.statistics.sets import SEMANTIC

PLACES = {name: place for place, name in enumerate(SEMANTIC.names)}


def disc(shift: int = 0, size: int = 96) -> np.ndarray:
    classes = np.zeros((size, size), np.uint8)
    cv2.circle(classes, (size // 2 + shift, size // 2), size // 5, 1, -1)
    return classes


def looked(image: np.ndarray, classes: np.ndarray, tally: Tally | None = None) -> Look:
    record = ImageRecord(image_id="a", name="a", size_hw=classes.shape, semantic=classes)
    canvas: Canvas = lay_out(record, SEMANTIC, classes.shape, places=PLACES)
    return look(image, canvas, tally or Tally(3))


def picture(strength: int, *, noise: float = 4, size: int = 96) -> np.ndarray:
    grey = 90 + strength * (disc(size=size) == 1) + np.random.default_rng(0).normal(0, noise, (size, size))
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def test_a_mask_that_fits_follows_edges_and_one_beside_them_does_not() -> None:
    image = picture(80)
    fits, shifted = looked(image, disc()), looked(image, disc(shift=30))
    assert fits.follow > 2.5
    assert shifted.follow < 1.1
    assert fits.contrast > 4
    assert shifted.contrast < 0.5


def test_faint_objects_have_less_contrast() -> None:
    values = [looked(picture(strength), disc()).contrast for strength in (5, 20, 80)]
    assert values == sorted(values)


def test_large_images_look_like_small_ones() -> None:
    small, large = looked(picture(60), disc()), looked(picture(60, size=960), disc(size=960))
    assert large.brightness == pytest.approx(small.brightness, rel=0.02)
    assert large.follow > 1.5


def test_nothing_drawn_has_nothing_to_compare() -> None:
    found = looked(picture(60), np.zeros((96, 96), np.uint8))
    assert math.isnan(found.contrast)
    assert math.isnan(found.follow)
    assert found.sharp > 0


def test_colours_of_classes_and_grey_images_are_counted() -> None:
    tally = Tally(3)
    looked(picture(60, noise=0), disc(), tally)
    assert tally.grey == 1
    assert tally.label_colors[1] / tally.label_pixels[1] == pytest.approx([150] * 3)
    colored = picture(60)
    colored[..., 0] //= 2
    looked(colored, disc(), tally)
    assert tally.grey == 1
    assert tally.decoded == 2


def test_a_flat_image_divides_by_nothing() -> None:
    flat = np.full((96, 96, 3), 7, np.uint8)
    assert looked(flat, disc()).follow == 1.0
    assert looked(flat, disc()).contrast == pytest.approx(0, abs=1e-9)
