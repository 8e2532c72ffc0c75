"""Masks that were drawn as outlines: holes filled, and outlines with gaps closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from segloop.data.masks.codecs import Window, from_windows
from segloop.data.masks.runs import Runs, SizeHW, columns_of, encode, to_spans
from segloop.data.masks.spans import boxes, cut

REACH = 5  # pixels that the ends at a gap may have to grow to meet: gaps of twice as many are closed
THICK = 7  # pixels: where a square of this side fits into a mask, it is no outline there
SOLID = 0.1  # of a mask's pixels may be thick, and it is an outline still
ENCLOSED = 0.5  # times as many pixels as an outline has must lie inside it, or nothing was outlined


@dataclass(frozen=True, slots=True)
class Mended:
    """A mask with nothing open: what was wrong with it, the whole mask, and how many pixels were added."""

    fault: Literal["holes", "gaps"]
    runs: Runs
    added: int


def mend(runs: Sequence[Runs], size_hw: SizeHW) -> dict[int, Mended]:
    """Return, by its place, each mask that has holes or is an outline with gaps, as it is without them.

    A hole is what no steps to the side, up or down lead out of, as scipy's `binary_fill_holes` has it. An
    outline is a mask of thin lines (`THICK`, `SOLID`) that encloses something (`ENCLOSED`) once its lines
    have grown by at most `REACH` pixels: its gaps are closed then. What is enclosed is filled.

    >>> found = mend([encode(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]]))], (3, 3))
    >>> found[0].fault, found[0].added, found[0].runs.tolist()
    ('holes', 1, [0, 9])
    """
    pieces = cut(to_spans(runs, size_hw))
    column, owner = pieces.starts // size_hw[0], pieces.owners
    # What is open somewhere has a column with two pieces; most masks have none, and are done with here.
    again = (owner[1:] == owner[:-1]) & (column[1:] == column[:-1])
    doubtful = np.unique(owner[1:][again]).tolist()
    found: dict[int, tuple[Literal["holes", "gaps"], Window, int]] = {}
    for place, box in zip(doubtful, boxes(pieces)[doubtful].tolist(), strict=True):
        left, top, right, bottom = box
        drawn = columns_of(runs[place], size_hw[0], left, right)[top:bottom].astype(np.uint8)
        fault, whole = _close(drawn)
        if fault:
            window = Window(left, top, right - left, bottom - top, encode(whole.T))
            found[place] = fault, window, int(whole.sum()) - int(drawn.sum())
    mended = from_windows([window for _, window, _ in found.values()], size_hw)
    return {
        place: Mended(fault, each, added)
        for (place, (fault, _, added)), each in zip(found.items(), mended, strict=True)
    }


def _close(drawn: np.ndarray) -> tuple[Literal["holes", "gaps"] | None, np.ndarray]:
    """Say what is open in the uint8 window of a mask, and return it filled."""
    import cv2

    margin = REACH + 1
    inside = (slice(margin, -margin),) * 2
    padded = np.pad(drawn, margin)
    filled = _fill(padded)
    thick = cv2.morphologyEx(filled, cv2.MORPH_OPEN, np.ones((THICK, THICK), np.uint8))
    if int(thick.sum()) <= SOLID * int(filled.sum()):
        for reach in range(1, REACH + 1):
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
            grown = cv2.dilate(filled, disc)
            closed = _fill(grown)
            # A bay that is grown over leaves no hole; a gap that is grown over leaves what it led into.
            if (closed != grown).any():
                whole = filled | cv2.erode(closed, disc)
                if int(whole.sum()) >= (1 + ENCLOSED) * int(filled.sum()):
                    return "gaps", whole[inside]
    return "holes" if (filled != padded).any() else None, filled[inside]


def _fill(mask: np.ndarray) -> np.ndarray:
    """Return a uint8 mask, unset along its rim, with all that its rim is not connected to."""
    import cv2

    _, parts = cv2.connectedComponents(1 - mask, connectivity=4)
    return (parts != parts[0, 0]).astype(np.uint8)
