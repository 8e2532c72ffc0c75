"""Each kind of ship has its length and width, fills the box that stands for it, and shows a deck."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from segloop.data.demo.dice import Dice
from segloop.data.demo.ships.vessels import KINDS, Vessel, draw_vessel


def drawn(kind: str, *, length: float = 50, angle: float = 0.0, beam: float = 0.2) -> Vessel:
    return draw_vessel(Dice(0, kind, 0), kind, (60.0, 60.0), length=length, angle=angle, beam=beam)


@pytest.mark.parametrize("kind", KINDS)
def test_a_ship_is_as_long_and_as_wide_as_it_was_asked_for(kind: str) -> None:
    rows, columns = np.nonzero(drawn(kind).mask)
    assert np.ptp(columns) + 1 == pytest.approx(50, abs=2)
    assert np.ptp(rows) + 1 == pytest.approx(10, abs=1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("angle", [0.4, 2.0])
def test_the_box_holds_the_hull_and_little_else(kind: str, angle: float) -> None:
    vessel = drawn(kind, angle=angle)
    hull = vessel.coverage >= 128
    assert (vessel.mask & hull).sum() / (vessel.mask | hull).sum() > 0.8
    assert (hull & ~vessel.mask).sum() < 0.05 * hull.sum()
    assert cv2.connectedComponents(vessel.mask.astype(np.uint8))[0] == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_ship_points_its_bow_and_shows_a_deck(kind: str) -> None:
    vessel = drawn(kind)
    columns = np.flatnonzero(vessel.mask.any(axis=0))
    widths = vessel.mask.sum(axis=0)[columns]
    assert widths[-1] < widths[0]
    inside = vessel.paint[vessel.coverage == 255].astype(float)
    assert inside.std(axis=0).max() > 10


def test_the_bow_turns_with_the_ship() -> None:
    def thin_end(angle: float) -> str:
        rows = np.flatnonzero(drawn("tanker", angle=angle).mask.any(axis=1))
        widths = drawn("tanker", angle=angle).mask.sum(axis=1)[rows]
        return "bottom" if widths[-1] < widths[0] else "top"

    assert thin_end(math.pi / 2) == "bottom"
    assert thin_end(-math.pi / 2) == "top"


def test_no_ship_is_too_thin_to_be_seen() -> None:
    assert drawn("navy", length=16, beam=0.1).mask.sum(axis=0).max() >= 3


def test_colours_reach_the_rim_of_the_hull() -> None:
    vessel = drawn("ferry")
    rim = (vessel.coverage > 40) & (vessel.coverage < 215)
    assert vessel.paint[rim].mean() > 180  # white, and not mixed with the black around it
