"""How large, how whole and how thick connected parts are, measured on runs: no part is drawn.

A step costs some microseconds however little it has to do, so many images are measured at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from segloop.data.masks.components import column_runs, roots, touching
from segloop.data.masks.runs import Runs, to_spans
from segloop.data.masks.spans import INT, cut

SPECK = 9  # pixels: a part of no more is a slip of the hand more often than an object
THIN, LONG = 2, 12  # pixels: of a line, which is a slip along a border more often than an object


@dataclass(frozen=True)
class Pieces:
    """The runs of one image, each within a column: its column, first row, and the row after its last.

    `owner` is the value of the map, or the place of the mask, that a run belongs to; `apart` moves the
    columns of masks that may overlap to where they touch no other's.
    """

    column: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    owner: np.ndarray
    apart: np.ndarray | int = 0


@dataclass(frozen=True)
class Parts:
    """Connected parts (corners connect), by image, owner and first pixel, one entry each.

    `image` is the place in what was measured. `boxes_xyxy` are tight, x2 and y2 one past the last pixel.
    `edges` is the length of the outline, holes included, in pixel sides. `thickness` is the longest run down
    a column, or the width of the box if that is less: what is at most 2 is a line.
    """

    image: np.ndarray
    owner: np.ndarray
    area: np.ndarray
    boxes_xyxy: np.ndarray
    holes: np.ndarray
    edges: np.ndarray
    thickness: np.ndarray

    def __len__(self) -> int:
        return len(self.owner)

    @property
    def lengths(self) -> np.ndarray:
        """The longer sides of the boxes."""
        return (self.boxes_xyxy[:, 2:] - self.boxes_xyxy[:, :2]).max(axis=1, initial=0)

    @property
    def are_specks(self) -> np.ndarray:
        """Which have hardly a pixel."""
        return self.area <= SPECK

    @property
    def are_lines(self) -> np.ndarray:
        """Which are long and thin."""
        return (self.thickness <= THIN) & (self.lengths >= LONG)


def label_pieces(labels: np.ndarray, *, without: Iterable[int] = ()) -> Pieces:
    """Return the runs of each value of an HxW map, but for the values to leave out."""
    height = labels.shape[0]
    starts, stops, values = column_runs(labels, without=without)
    column = starts // max(height, 1)
    return Pieces(column, starts - column * height, stops - column * height, values.astype(INT))


def run_pieces(runs: Sequence[Runs], size_hw: tuple[int, int]) -> Pieces:
    """Return the runs of each mask of an image; masks may overlap."""
    pieces = cut(to_spans(runs, size_hw))
    owner = pieces.owners
    column = pieces.starts // max(size_hw[0], 1)
    top = column * size_hw[0]
    return Pieces(column, pieces.starts - top, pieces.stops - top, owner, owner * (size_hw[1] + 1))


def measure_pieces(images: Sequence[Pieces]) -> Parts:
    """Measure the connected parts of many images.

    Runs that touch meet in one piece, and no three of them in one. So a part has as many holes as it has
    touching pairs beyond those that tie its runs together: holes = 1 - runs + pairs.
    """
    counts = [len(each.column) for each in images]
    if sum(counts) == 0:
        nothing = np.zeros(0, INT)
        return Parts(nothing, nothing, nothing, np.zeros((0, 4), INT), nothing, nothing, nothing)
    column, top, bottom, owner = (
        np.concatenate([getattr(each, name) for each in images])
        for name in ("column", "top", "bottom", "owner")
    )
    height = int(bottom.max())
    line, begin = [], 0  # the columns of all images, none beside another image's
    for each in images:
        moved = each.column + each.apart + begin
        begin = int(moved[-1]) + 2 if len(moved) else begin
        line.append(moved)
    starts = np.concatenate(line) * height + top
    stops = starts + bottom - top
    left, right = touching(starts, stops, owner, height, corners=True)
    root = roots(len(starts), left, right)
    heads, part = np.unique(root, return_inverse=True)
    count = len(heads)
    shared = np.minimum(bottom[left], bottom[right]) - np.maximum(top[left], top[right])

    def added(places: np.ndarray, values: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(places, values, count).astype(INT)

    runs, area = added(part), added(part, bottom - top)
    pairs, beside = added(part[left]), added(part[left], np.maximum(shared, 0))
    by_part = np.argsort(part, kind="stable")
    first = np.append(0, np.cumsum(runs)[:-1])
    boxes = np.empty((count, 4), INT)
    np.minimum.reduceat(column[by_part], first, out=boxes[:, 0])
    np.minimum.reduceat(top[by_part], first, out=boxes[:, 1])
    np.maximum.reduceat(column[by_part] + 1, first, out=boxes[:, 2])
    np.maximum.reduceat(bottom[by_part], first, out=boxes[:, 3])
    longest = np.maximum.reduceat((bottom - top)[by_part], first)
    image = np.repeat(np.arange(len(images), dtype=INT), counts)[heads]
    order = np.lexsort((owner[heads], image))
    return Parts(
        image=image[order],
        owner=owner[heads][order],
        area=area[order],
        boxes_xyxy=boxes[order],
        holes=(1 - runs + pairs)[order],
        edges=(2 * runs + 2 * area - 2 * beside)[order],
        thickness=np.minimum(longest, boxes[:, 2] - boxes[:, 0])[order],
    )


def measure_labels(labels: np.ndarray, *, without: Iterable[int] = ()) -> Parts:
    """Measure the connected parts of each value of an HxW map, but for the values to leave out.

    >>> measure_labels(np.array([[7, 7, 7], [7, 0, 7], [7, 7, 7]]), without=(0,)).holes.tolist()
    [1]
    """
    return measure_pieces([label_pieces(labels, without=without)])


def measure_runs(runs: Sequence[Runs], size_hw: tuple[int, int]) -> Parts:
    """Measure the connected parts of each mask of an image; masks may overlap."""
    return measure_pieces([run_pieces(runs, size_hw)])
