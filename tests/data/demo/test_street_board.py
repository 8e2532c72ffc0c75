"""Things are seen where a camera would see them, and outlines are those of their pixels."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from segloop.data.demo.street_board import Board, Camera, Pen, Pose, Scene, Thing, box, outline_of, show, tone

CAMERA = Camera(size_hw=(60, 80), horizon=20.0, middle=40.0, focal=50.0, height=1.0)


def scene() -> Scene:
    return Scene(CAMERA, np.zeros((60, 80, 3), np.float32), np.zeros(3, np.float32), (0.0, 0.0))


def brick(color: tuple[int, int, int] = (200, 100, 50)) -> Thing:
    return Thing((2.0, 2.0, 2.0), color, lambda pen: pen.hull(box((-1, 1), (-1, 1), (0, 2)), color))


def test_what_is_twice_as_far_away_is_half_as_large_and_nearer_the_horizon() -> None:
    near, far = (CAMERA.pixels(np.array([[1.0, 0.0, z], [1.0, 2.0, z]])) for z in (5.0, 10.0))
    assert near.tolist() == [[50.0, 30.0], [50.0, 10.0]]
    assert far.tolist() == [[45.0, 25.0], [45.0, 15.0]]
    behind = CAMERA.pixels(np.array([[1.0, 0.0, -3.0]]))
    assert np.isfinite(behind).all()


def test_a_pose_turns_a_thing_about_its_place() -> None:
    away = Pose.heading(1.0, 10.0, math.pi / 2)
    np.testing.assert_allclose(away.world(np.array([[2.0, 0.5, 0.25]])), [[0.5, 0.25, 12.0]], atol=1e-5)


def test_only_faces_that_look_at_the_camera_are_seen() -> None:
    pen = Pen(scene(), Pose.heading(-3.0, 8.0, math.pi / 2), (4, 2, 2), base=(0, 0, 0))
    assert pen.end(-2.0)
    assert not pen.end(2.0)
    assert pen.side(-1.0)  # its right side is towards the middle of the street
    assert not pen.side(1.0)


def test_a_board_covers_what_is_drawn_and_encloses_what_is_not() -> None:
    board = Board(CAMERA, np.array([[10.0, 10.0], [30.0, 30.0]]), base=(1, 2, 3))
    square = np.array([[12.0, 12.0], [20.0, 12.0], [20.0, 20.0], [12.0, 20.0]])
    board.fill(square, (9, 9, 9))
    board.enclose(square + 8)
    cover, solid = board.shrunk(board.cover), board.shrunk(board.solid)
    top, left = board.top, board.left
    assert cover[15 - top, 15 - left] == 255
    assert cover[24 - top, 24 - left] == 0
    assert solid[24 - top, 24 - left] == 255
    assert abs(int((cover >= 128).sum()) - 64) <= 8


def test_a_board_beyond_the_picture_is_empty() -> None:
    board = Board(CAMERA, np.array([[-50.0, 10.0], [-20.0, 30.0]]), base=(0, 0, 0))
    assert 0 in board.size_hw
    assert not scene().add(board, "car", depth=1.0)


def test_an_outline_drawn_again_gives_the_same_pixels_without_holes() -> None:
    generator = np.random.default_rng(0)
    for _ in range(40):
        noise = cv2.GaussianBlur(generator.integers(0, 256, (30, 40), np.uint8), (0, 0), 2)
        outline = outline_of(noise > 130)
        if outline is None:
            continue
        again = np.zeros(noise.shape, np.uint8)
        cv2.fillPoly(again, [outline.astype(np.int32)], 1)
        largest = outline_of(again > 0)
        np.testing.assert_array_equal(largest, outline)
        steps = np.abs(np.diff(np.concatenate([outline, outline[:1]]), axis=0))
        assert ((steps[:, 0] == 0) | (steps[:, 1] == 0) | (steps[:, 0] == steps[:, 1])).all()


def test_what_is_too_small_is_not_there() -> None:
    mask = np.zeros((20, 20), bool)
    assert outline_of(mask) is None
    mask[3, 3:9] = True
    assert outline_of(mask) is None
    mask[4, 3:9] = True
    assert outline_of(mask) is not None


def test_later_things_lie_over_earlier_and_far_ones_are_pale() -> None:
    drawn = scene()
    drawn.haze[:] = 255
    assert show(drawn, brick(), Pose(0.0, 12.0), "car") is not None
    before = drawn.image[22, 40].copy()
    assert show(drawn, brick((0, 0, 0)), Pose(0.0, 6.0), "bus") is not None
    assert [each.label for each in drawn.outlines] == ["car", "bus"]
    assert drawn.image[22, 40].sum() < before.sum()
    far = scene()
    far.haze[:] = 255
    show(far, brick((0, 0, 0)), Pose(0.0, 40.0), "car")
    assert far.image.max() > 40


def test_a_deleted_thing_is_labelled_and_not_painted() -> None:
    drawn = scene()
    show(drawn, brick(), Pose(0.0, 6.0), "car", deleted=True)
    assert [each.deleted for each in drawn.outlines] == [True]
    assert drawn.image.max() == 0


def test_shade_darkens_the_ground() -> None:
    drawn = scene()
    drawn.image += 100
    drawn.shade(np.array([[20.0, 30], [60, 30], [60, 50], [20, 50]]), strength=0.5, blur=1.0)
    assert drawn.image[40, 40, 0] == pytest.approx(50, abs=1)
    assert drawn.image[5, 5, 0] == 100


def test_tones_stay_colours() -> None:
    assert tone((200, 100, 0), 2.0) == (255, 200, 0)
