"""Outlines are held against the edges of the picture."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.data.inspection.edges import map_outline, measure_fit, run_outline
from segloop.data.masks import encode, run_pieces
from tests.data.inspection.sets import scene


def fit_of(picture: np.ndarray, mask: np.ndarray):
    """Return how the outlines of a map fit a picture."""
    return measure_fit(picture, map_outline(mask, void=255), mask.shape)


@pytest.mark.parametrize("seed", range(3))
def test_labels_that_fit_are_far_from_chance(seed: int) -> None:
    picture, mask = scene(seed)
    fit = fit_of(picture, mask)
    assert fit.ratio > 1.5
    assert fit.gain == 1
    assert fit.move_xy == (0, 0)


def test_a_faint_picture_is_judged_as_a_bright_one() -> None:
    picture, mask = scene(0)
    assert abs(fit_of(picture // 8, mask).ratio / fit_of(picture, mask).ratio - 1) < 0.2


def test_labels_of_another_image_are_near_chance() -> None:
    picture, _ = scene(0)
    other = np.zeros_like(picture)
    other[4:16, 60:90] = 1
    other[70:90, 4:30] = 1
    assert 0.8 < fit_of(picture, other).ratio < 1.1


def test_moved_labels_say_where_they_belong() -> None:
    picture, mask = scene(1)
    fit = fit_of(picture, np.roll(mask, (-4, 6), axis=(0, 1)))
    assert fit.gain > 1.4
    assert fit.move_xy == (-6, 4)


def test_a_smaller_picture_tells_moves_in_pixels_of_the_labels() -> None:
    picture, mask = scene(2, side=192)
    fit = measure_fit(
        np.ascontiguousarray(picture[::2, ::2]),
        map_outline(np.roll(mask, 8, axis=1), void=255),
        mask.shape,
    )
    assert fit.move_xy == (-8, 0)


def test_objects_have_the_outline_of_their_map() -> None:
    _, mask = scene(3)
    runs = [encode(mask)]
    ours = set(
        zip(
            *(each.tolist() for each in run_outline(runs, run_pieces(runs, mask.shape), mask.shape)),
            strict=True,
        )
    )
    of_map = set(zip(*(each.tolist() for each in map_outline(mask, void=255)), strict=True))
    assert ours == of_map


def test_void_and_the_edge_of_the_image_are_no_outline() -> None:
    mask = np.zeros((30, 30), np.uint8)
    mask[:, :15] = 1
    assert set(map_outline(mask, void=255)[1].tolist()) == {15}
    mask[:, 15:] = 255
    assert len(map_outline(mask, void=255)[0]) == 0
    whole = [encode(np.ones((30, 30)))]
    assert len(run_outline(whole, run_pieces(whole, (30, 30)), (30, 30))[0]) == 0


def test_a_short_outline_says_nothing() -> None:
    mask = np.zeros((96, 96), np.uint8)
    mask[10:20, 10:20] = 1
    assert fit_of(scene(0)[0], mask) is None
