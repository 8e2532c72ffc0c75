"""Masks from outlines and outlines of masks: drawn as pycocotools draws, exact, or with fewer points."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from segloop.data.masks.outlines import Outlines, trace
from segloop.data.masks.runs import Runs, SizeHW, area, unite
from segloop.data.masks.strings import from_strings
from segloop.utils.errors import DataError

Rings = tuple[np.ndarray, ...]
FARTHEST = 1 << 26  # pixels from the origin: pycocotools counts fifths of a pixel in 32 bits
LONGEST = 1 << 22  # pixels of one ring: pycocotools lays out five points for each of them


def rasterize(polygons: Sequence[Rings], size_hw: SizeHW) -> list[Runs]:
    """Return the runs of many polygons of one image, each a tuple of Nx2 rings, as pycocotools draws them.

    A ring is filled by the even-odd rule, and the rings of one polygon are united: a ring inside another one
    makes no hole. A ring with fewer than three points draws nothing. What `rings_fault` refuses is an error.

    >>> rasterize([(np.array([[0, 0], [2, 0], [2, 1], [0, 1]]),)], (2, 3))[0].tolist()
    [0, 1, 1, 1, 3]
    """
    from pycocotools import mask as coco

    drawable = [[ring for ring in rings if len(ring) > 2] for rings in polygons]
    height, width = size_hw
    flat = [np.asarray(ring, np.float64).ravel() for ring in chain.from_iterable(drawable)]
    if not flat or height * width == 0:
        return [np.array([height * width], np.uint32) for _ in polygons]
    if not _all_are_small(flat):
        faults = [rings_fault(rings) for rings in drawable if rings]
        for fault in filter(None, faults):
            raise DataError(f"An outline cannot be drawn: {fault}.")
    parts = from_strings([each["counts"] for each in coco.frPyObjects(flat, height, width)])
    if all(len(rings) == 1 for rings in drawable):
        return [part.astype(np.uint32) for part in parts]
    return unite(parts, [len(rings) for rings in drawable], size_hw)


def _all_are_small(rings: Sequence[np.ndarray]) -> bool:
    """Tell whether rings (x, y, x, y …) stay within the limits even taken together: one look at all."""
    values = np.concatenate(rings)
    return bool(np.abs(values).max() <= FARTHEST) and bool(np.abs(values[2:] - values[:-2]).sum() <= LONGEST)


def rings_fault(rings: Sequence[np.ndarray]) -> str | None:
    """Say what keeps Nx2 rings from being drawn; None if nothing does."""
    if not len(rings):
        return "there is no ring"
    for number, ring in enumerate(rings, 1):
        which = f"ring {number}: " if len(rings) > 1 else ""
        if ring.ndim != 2 or ring.shape[1] != 2 or len(ring) < 3:
            return f"{which}{len(ring)} point(s), and an outline needs three"
        farthest = float(np.abs(ring).max())
        if not np.isfinite(farthest):
            return f"{which}a coordinate is no number"
        if farthest > FARTHEST:
            return f"{which}a coordinate of {farthest:.6g} pixels; the limit is {FARTHEST}"
        steps = np.abs(ring - np.roll(ring, 1, axis=0)).max(axis=1)
        if steps.sum() > LONGEST:
            return f"{which}an outline of {steps.sum():.0f} pixels; the limit is {LONGEST}"
    return None


def exact_polygons(runs: Sequence[Runs], size_hw: SizeHW) -> list[Rings]:
    """Return the outlines of many masks along the edges of their pixels; they rasterise to the same pixels.

    Each part whose pixels share edges is one ring, Nx2 float64, clockwise from its top left corner. A hole is
    joined to it by a bridge of no width: out along a row, round the hole, and back. An empty mask has no
    ring.
    """
    return trace(runs, size_hw).rings()


def exact_rings(runs: Runs, size_hw: SizeHW) -> Rings:
    """Return the exact outline of one mask; see `exact_polygons`.

    >>> [ring.astype(int).tolist() for ring in exact_rings(np.array([2, 1, 1]), (2, 2))]
    [[[1, 0], [2, 0], [2, 1], [1, 1]]]
    """
    return exact_polygons([runs], size_hw)[0]


def contour_polygons(runs: Sequence[Runs], size_hw: SizeHW, tolerance: float) -> list[Rings]:
    """Return outlines of many masks with fewer points, none farther than `tolerance` pixels from the exact.

    No part and no hole vanishes: one that would is left exact. So are the bridges to holes.
    """
    outlines = trace(runs, size_hw)
    kept = _simplify(outlines, tolerance)
    lone = [outlines.points[low:high][kept[low:high]] for low, high in outlines.ranges()]
    drawn = rasterize([(ring,) for ring in lone], size_hw)
    for (low, high), each in zip(outlines.ranges(), drawn, strict=True):
        if area(each) == 0:
            kept[low:high] = True
    found = outlines.rings(kept)
    flat = [(ring,) for rings in found for ring in rings]
    gone = iter([area(each) == 0 for each in rasterize(flat, size_hw)])
    lost = [sum(next(gone) for _ in rings) > 0 for rings in found]  # thin rings, eaten from both sides
    if any(lost):
        exact = outlines.rings()
        found = [each if gone else ring for each, ring, gone in zip(exact, found, lost, strict=True)]
    return found


def contour_rings(runs: Runs, size_hw: SizeHW, tolerance: float) -> Rings:
    """Return the outline of one mask with fewer points; see `contour_polygons`."""
    return contour_polygons([runs], size_hw, tolerance)[0]


def _simplify(outlines: Outlines, tolerance: float) -> np.ndarray:
    """Return which points of all rings stay, by Douglas and Peucker's rule, all rings at once.

    A piece of a ring becomes its chord if no point of it lies farther off; else it is cut at the point that
    lies farthest. cv2.approxPolyDP would not do: its clean-up at the end may go past the tolerance.
    """
    ranges = outlines.ranges()
    # Each ring goes back to its first point, which so ends its last piece.
    index = np.array([*chain.from_iterable((*range(low, high), low) for low, high in ranges)], np.int64)
    points = outlines.points[index]
    fixed = outlines.fixed.copy()
    fixed[[low for low, _ in ranges]] = True
    kept = fixed[index]
    open_ = np.flatnonzero(~kept)
    while len(open_):
        ends = np.flatnonzero(kept)
        piece = np.searchsorted(ends, open_) - 1
        offset = _distances(points[open_], points[ends[piece]], points[ends[piece + 1]])
        heads = np.flatnonzero(np.diff(piece, prepend=-1))
        sizes = np.diff(np.append(heads, len(piece)))
        most = np.repeat(np.maximum.reduceat(offset, heads), sizes)
        cut = np.flatnonzero((offset == most) & (most > tolerance))
        _, first = np.unique(piece[cut], return_index=True)
        kept[open_[cut[first]]] = True
        open_ = open_[most > tolerance]
        open_ = open_[~kept[open_]]
    stays = np.zeros(len(outlines.points), bool)
    stays[index[kept]] = True
    return stays


def _distances(points: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return how far each of N points lies from its segment; a segment may be a single point."""
    along, offset = end - begin, points - begin
    length = (along**2).sum(axis=1)
    share = np.clip((offset * along).sum(axis=1) / np.where(length > 0, length, 1), 0, 1)
    rest = offset - share[:, None] * along
    return np.sqrt((rest**2).sum(axis=1))
