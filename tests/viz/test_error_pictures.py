"""Pictures of cases: four tiles, the colours of errors, a legend of what is there."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from segloop.viz import error_pictures
from segloop.viz.error_pictures import (
    Case,
    contact_sheet,
    draw_tiles,
    panel,
    present_classes,
    strip,
    suspect_picture,
)
from segloop.viz.overlay import INVENTED, MISSED, WRONG_CLASS

PALETTE = [[0, 0, 0], [230, 90, 60], [60, 120, 230], [10, 200, 10]]


def case(background=0, size=(40, 60)):
    truth, pred = np.zeros((2, *size), np.uint8)
    truth[5:15, 5:15] = 1  # missed
    pred[20:30, 5:15] = 2  # invented
    truth[5:15, 30:40], pred[5:15, 30:40] = 1, 2  # another class
    truth[35:, :] = 255
    pred[35:, :] = 2
    image = np.full((*size, 3), 128, np.uint8)
    return Case("a/1", image, truth, pred, ["ground", "Größe", "bar", "none"], PALETTE, background, 255)


def test_errors_have_their_colours_and_ignored_pixels_none():
    errors = draw_tiles(case())[3]
    assert tuple(errors[10, 10]) == MISSED
    assert tuple(errors[25, 10]) == INVENTED
    assert tuple(errors[10, 35]) == WRONG_CLASS
    assert len(set(errors[37, 10].tolist())) == 1  # grey
    assert tuple(draw_tiles(case(background=None))[3][10, 10]) == WRONG_CLASS


def test_the_legend_names_what_is_there():
    assert present_classes(case()) == [1, 2]
    drawn = panel(case(), title="1. a/1")
    for color in (*PALETTE[1:3], MISSED, INVENTED, WRONG_CLASS):
        assert (drawn[-30:] == color).all(axis=2).any(), color
    assert not (drawn[-30:] == PALETTE[3]).all(axis=2).any()
    without = panel(case(background=None), title="")
    assert not (without[-30:] == MISSED).all(axis=2).any()


def test_a_panel_is_as_wide_as_its_tiles_whatever_is_written(monkeypatch):
    short, long = panel(case(), title="x", side=90), panel(case(), title="a long title " * 40, side=90)
    assert short.shape == long.shape
    assert short.dtype == np.uint8
    many = case()
    crowded = Case(
        "b", many.image, many.truth, many.pred, ["ground", "n" * 60, "m" * 60, "none"], PALETTE, 0, 255
    )
    assert panel(crowded, title="x", side=90).shape[0] > short.shape[0]  # the legend takes more rows


@pytest.mark.parametrize(("one", "other"), [("é", "ö"), ("船", "島")])
def test_names_and_titles_of_other_letters_are_other_pictures(one, other):
    first, second = (replace(case(), names=["ground", each, "bar", "none"]) for each in (one, other))
    assert not np.array_equal(panel(first, title=""), panel(second, title=""))
    assert not np.array_equal(panel(first, title=one), panel(first, title=other))


@pytest.mark.parametrize("size", [(10, 300), (300, 10), (1, 1)])
def test_long_and_tiny_images(size):
    mask = np.zeros(size, np.uint8)
    drawn = strip(Case("a", np.zeros((*size, 3), np.uint8), mask, mask, ["g"], PALETTE, 0, 255), side=100)
    assert max(drawn.shape[0], (drawn.shape[1] - 18) // 4) == 100


def test_a_suspect_is_shown_three_times_with_its_frame():
    drawn = suspect_picture(case(), (5, 5, 15, 15), side=120)
    assert drawn.shape[0] <= 120
    assert drawn.shape[1] == 3 * ((drawn.shape[1] - 12) // 3) + 12
    assert (drawn == (255, 196, 0)).all(axis=2).sum() > 3 * 60


def test_a_sheet_holds_all_panels():
    panels = [np.full((20, 30, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = contact_sheet(panels)
    assert sheet.shape == (40, 60, 3)
    assert [int(sheet[0, 0, 0]), int(sheet[0, 40, 0]), int(sheet[30, 0, 0]), int(sheet[30, 40, 0])] == [
        10,
        20,
        30,
        255,
    ]
    assert contact_sheet(panels[:1]).shape == (20, 30, 3)


def test_a_sheet_is_no_higher_than_a_jpeg_can_be(monkeypatch):
    monkeypatch.setattr(error_pictures, "MOST_HEIGHT", 45)
    panels = [np.full((20, 30, 3), each, np.uint8) for each in range(7)]
    sheet = contact_sheet(panels)
    assert sheet.shape == (40, 60, 3)
    assert sheet[-1, -1].tolist() == [3, 3, 3]
    assert contact_sheet([np.zeros((50, 30, 3), np.uint8)]).shape == (50, 30, 3)
    assert cv2.imencode(".jpg", np.zeros((60_000, 1, 3), np.uint8))[0]


def test_objects_have_thin_outlines_in_the_colours_of_the_legend():
    dark = [[0, 0, 0], [128, 0, 0], [0, 60, 120], [10, 200, 10]]
    plain = case()
    numbers = plain.truth.astype(np.int32), plain.pred.astype(np.int32)
    told = replace(plain, palette=dark, objects=numbers)
    tiles = draw_tiles(told)
    assert {tile.shape for tile in tiles} == {(160, 240, 3)}, "enlarged by whole pixels"
    truth = tiles[1]
    assert (truth == (255, 0, 0)).all(axis=2).any()
    middle = truth[40, 40]
    assert not (middle == (255, 0, 0)).all(), "the object is seen within its outline"
    legend = panel(told, title="")[-30:]
    assert (legend == (255, 0, 0)).all(axis=2).any()
    assert not (legend == (128, 0, 0)).all(axis=2).any()
    assert suspect_picture(told, (5, 5, 15, 15), side=120).shape[0] <= 120
