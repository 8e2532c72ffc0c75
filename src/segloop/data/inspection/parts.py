"""Finds parts of masks that are slips more often than objects: specks, slivers, outlines without inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from segloop.data.masks import Parts

# Of what an outline encloses, and in pixels: a hole that large is one too many.
HOLE_SHARE, HOLE_AREA = 0.4, 30
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Flaw:
    """Parts of one label in one image that are doubtful: how many, the first one's box, what was measured."""

    kind: str
    label: int
    count: int
    box_xyxy: Box
    text: str


def find_flaws(parts: Parts, labels: np.ndarray, size_hw: tuple[int, int]) -> list[Flaw]:
    """Return the specks and slivers among the parts of one image; `labels` are those of the parts.

    What touches the edge of the image is cut off there, and may be as small or thin as it is.
    """
    left, top, right, bottom = parts.boxes_xyxy.T
    inside = (left > 0) & (top > 0) & (right < size_hw[1]) & (bottom < size_hw[0])
    speck = inside & parts.are_specks
    sliver = inside & ~speck & parts.are_lines
    found = []
    for kind, which, sizes in (("specks", speck, parts.area), ("slivers", sliver, parts.lengths)):
        for label in np.unique(labels[which]).tolist():
            places = np.flatnonzero(which & (labels == label))
            first = places[np.argmin(sizes[places])] if kind == "specks" else places[np.argmax(sizes[places])]
            low, high = int(sizes[places].min()), int(sizes[places].max())
            span = f"{low}" if low == high else f"{low} to {high}"
            what = f"{span} px" if kind == "specks" else f"{span} px long"
            found.append(Flaw(kind, int(label), len(places), _box(parts, first), what))
    return found


def hollow(parts: Parts) -> np.ndarray:
    """Return the places of parts with holes that are worth a closer look."""
    left, top, right, bottom = parts.boxes_xyxy.T
    room = (right - left) * (bottom - top) - parts.area
    return np.flatnonzero((parts.holes > 0) & (room >= HOLE_AREA) & (room >= HOLE_SHARE * parts.area))


def find_holes(
    crops: Iterator[tuple[int, np.ndarray, np.ndarray]], parts: Parts, labels: np.ndarray
) -> Iterator[Flaw]:
    """Yield the parts that are mostly hole.

    `crops` gives of a part, inside its box: its place, its pixels, and the pixels where something else is
    drawn, which fills a hole.
    """
    by_label: dict[int, list[tuple[float, int]]] = {}
    for place, pixels, other in crops:
        gap = enclosed(pixels) & ~other
        count, area = int(gap.sum()), int(pixels.sum())
        if count >= HOLE_AREA and count >= HOLE_SHARE * (count + area):
            by_label.setdefault(int(labels[place]), []).append((count / (count + area), place))
    for label, found in sorted(by_label.items()):
        share, place = max(found)
        yield Flaw(
            "holes", label, len(found), _box(parts, place), f"{share:.0%} of what is outlined is empty"
        )


def enclosed(pixels: np.ndarray) -> np.ndarray:
    """Return where a mask [H, W] encloses what is not its own, holes in a ring.

    >>> int(enclosed(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)).sum())
    1
    """
    height, width = pixels.shape
    framed = np.zeros((height + 2, width + 2), np.uint8)  # cv2 wants rows in order, and crops may not be
    framed[1:-1, 1:-1] = pixels
    cv2.floodFill(framed, None, (0, 0), 1)
    return framed[1:-1, 1:-1] == 0


def by_nature(flawed: Mapping[int, int], parts: Mapping[int, int]) -> list[int]:
    """Return the labels of which so many parts are specks or slivers that this is how they are.

    `flawed` and `parts` count them by label.

    >>> by_nature({1: 30, 2: 30}, {1: 100, 2: 900})
    [1]
    """
    return [label for label in sorted(flawed) if flawed[label] >= 20 and flawed[label] > 0.2 * parts[label]]


def _box(parts: Parts, place: int | np.integer) -> Box:
    left, top, right, bottom = parts.boxes_xyxy[place].tolist()
    return left, top, right, bottom
