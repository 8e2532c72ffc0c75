"""Finds the threshold, least size and least certainty at which parts of probability maps score best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from segloop.analysis.assignment import THRESHOLDS
from segloop.analysis.thresholds import LEVELS, ComponentRule, as_bytes, sure_enough
from segloop.data.masks import Runs, decode

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

METRICS = ("ships/F2", "ships/Dice")
DEFAULT_LEVELS: tuple[int, ...] = (5, 10, 18, *range(26, 230, 12), 230, 237, 245, 250, 253)
DEFAULT_AREAS: tuple[int, ...] = (
    *(0, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 50),
    *(64, 80, 100, 128, 160, 200, 256),
)
DEFAULT_MEANS: tuple[float, ...] = (
    *(0.0, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.88),
    *(0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99),
)
# Dice is a mean over the images with ships alone, so few that the best of 28,600 settings is best by chance:
# each counts as the mean of those up to so many steps away. F2, over all images, loses by it (docs/tune.md).
REACH = {"ships/Dice": 2}


@dataclass(frozen=True, eq=False)
class Truth:
    """The true objects of an image: their places in the flattened image; true and ignored pixels."""

    size_hw: tuple[int, int]
    objects: Sequence[IntArray]
    mask: npt.NDArray[np.bool_]
    ignored: npt.NDArray[np.bool_]

    @classmethod
    def of(
        cls, runs: Sequence[Runs], mask: npt.NDArray[np.bool_], ignored: npt.NDArray[np.bool_] | None = None
    ) -> Truth:
        """Take the objects as run lengths, and the true and the ignored pixels, bool [H, W]."""
        size_hw = (mask.shape[0], mask.shape[1])
        ignored = np.zeros(size_hw, bool) if ignored is None else ignored
        return cls(size_hw, [np.flatnonzero(decode(each, size_hw)) for each in runs], mask, ignored)


@dataclass(frozen=True)
class Grid:
    """The settings that are tried, each ascending.

    Probabilities as bytes, least areas, 4 or 8 neighbours, least means of a part.
    """

    levels: tuple[int, ...] = DEFAULT_LEVELS
    areas: tuple[int, ...] = DEFAULT_AREAS
    connectivities: tuple[int, ...] = (4, 8)
    means: tuple[float, ...] = DEFAULT_MEANS

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Connectivities, levels, areas, means."""
        return len(self.connectivities), len(self.levels), len(self.areas), len(self.means)

    def with_rule(self, rule: ComponentRule) -> Grid:
        """Return the grid with one more setting in it, so that it can be compared with the others."""
        level = int(np.clip(round(rule.threshold * LEVELS), 1, LEVELS))
        return Grid(
            tuple(sorted({*self.levels, level})),
            tuple(sorted({*self.areas, rule.min_area})),
            tuple(sorted({*self.connectivities, rule.connectivity})),
            tuple(sorted({*self.means, rule.min_mean})),
        )

    def place(self, rule: ComponentRule) -> tuple[int, int, int, int]:
        """Return where a setting is in the grid."""
        level = int(np.clip(round(rule.threshold * LEVELS), 1, LEVELS))
        return (
            self.connectivities.index(rule.connectivity),
            self.levels.index(level),
            self.areas.index(rule.min_area),
            self.means.index(rule.min_mean),
        )

    def rule(self, place: Sequence[int]) -> ComponentRule:
        """Return the setting at a place."""
        connectivity, level, area, mean = place
        return ComponentRule(
            round(self.levels[level] / LEVELS, 4),
            self.areas[area],
            self.connectivities[connectivity],
            self.means[mean],
        )


def score_grid(probability: npt.ArrayLike, truth: Truth, grid: Grid) -> tuple[FloatArray, FloatArray]:
    """Return F2 and Dice of an image for each setting, [connectivities, levels, areas, means].

    Dice is NaN where there is and was found nothing. Over 0.5 IoU a part has one partner at most as long as
    true objects do not overlap: who is whose then does not depend on the setting, and is looked up once.
    """
    chances = as_bytes(probability)
    f2, dice = np.zeros(grid.shape), np.zeros(grid.shape)
    true_pixels, objects = int(truth.mask.sum()), len(truth.objects)
    above = chances >= grid.levels[0]
    rows, columns = (np.flatnonzero(above.any(axis=axis)) for axis in (1, 0))
    if len(rows) == 0:  # most images: nothing is found at any setting
        f2[:] = float(objects == 0)
        dice[:] = 0.0 if true_pixels else np.nan
        return f2, dice
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    inside = np.ascontiguousarray(chances[window])
    mask, counts = truth.mask[window], ~truth.ignored[window]
    places = [_inside(each, truth.size_hw, rows, columns) for each in truth.objects]
    sizes = np.array([len(each) for each in truth.objects], np.int64)
    for level, byte in enumerate(grid.levels):
        binary = (inside >= byte).astype(np.uint8)
        for number, connectivity in enumerate(grid.connectivities):
            count, parts = cv2.connectedComponents(binary, connectivity=connectivity, ltype=cv2.CV_32S)
            area = np.bincount(parts.ravel(), minlength=count)[1:]
            true = np.bincount(parts[mask], minlength=count)[1:]
            counted = np.bincount(parts[counts], minlength=count)[1:]
            sums = np.bincount(parts.ravel(), weights=inside.ravel(), minlength=count)[1:]
            best = _best_ious(parts, area, places, sizes)
            kept_before = -1
            for place, mean in enumerate(grid.means):
                kept = sure_enough(sums, area, min_mean=mean)
                if (count_kept := int(kept.sum())) != kept_before:  # they only ever get fewer
                    scored = _by_area(
                        area[kept],
                        counted[kept],
                        true[kept],
                        best[kept],
                        areas=grid.areas,
                        objects=objects,
                        true_pixels=true_pixels,
                    )
                f2[number, level, :, place], dice[number, level, :, place] = scored
                kept_before = count_kept
    return f2, dice


def _inside(
    places: IntArray, size_hw: tuple[int, int], rows: IntArray, columns: IntArray
) -> tuple[IntArray, IntArray]:
    """Return the pixels of an object that lie in a window, as rows and columns of the window."""
    row, column = np.divmod(places, size_hw[1])
    within = (row >= rows[0]) & (row <= rows[-1]) & (column >= columns[0]) & (column <= columns[-1])
    return row[within] - rows[0], column[within] - columns[0]


def _best_ious(
    parts: np.ndarray, area: IntArray, places: Sequence[tuple[IntArray, IntArray]], sizes: IntArray
) -> FloatArray:
    """Return for each part the IoU with its partner; 0 where it has none over 0.5."""
    best = np.zeros(len(area))
    for (rows, columns), size in zip(places, sizes.tolist(), strict=True):
        shared = np.bincount(parts[rows, columns], minlength=len(area) + 1)[1:]
        if len(shared) == 0:
            continue
        part = int(shared.argmax())  # only who has most of an object can have an IoU over 0.5 with it
        iou = shared[part] / (size + area[part] - shared[part])
        if iou > 0.5:
            best[part] = max(best[part], iou)
    return best


def _by_area(
    area: IntArray,
    counted: IntArray,
    true: IntArray,
    best: FloatArray,
    *,
    areas: Sequence[int],
    objects: int,
    true_pixels: int,
) -> tuple[FloatArray, FloatArray]:
    """Return F2 and Dice for each least area, from the parts' sizes, counted and true pixels and IoUs."""
    order = np.argsort(-area, kind="stable")
    area, counted, true, best = area[order], counted[order], true[order], best[order]
    kept = np.searchsorted(-area, -np.array(areas), side="right")  # so many parts are large enough
    hits, alarms = np.zeros((2, len(THRESHOLDS), len(area) + 1), np.int64)
    hit = best > THRESHOLDS[:, None]
    np.cumsum(hit, axis=1, out=hits[:, 1:])
    np.cumsum(~hit & (2 * counted >= area), axis=1, out=alarms[:, 1:])  # else it lies in ignored pixels
    tp = hits[:, kept]
    whole = 4 * objects + tp + alarms[:, kept]  # 5 TP + 4 FN + FP
    f2 = np.divide(5 * tp, whole, out=np.ones(tp.shape), where=whole > 0).mean(axis=0)
    pixels, right = np.append(0, np.cumsum(counted))[kept], np.append(0, np.cumsum(true))[kept]
    both = pixels + true_pixels
    return f2, np.divide(2 * right, both, out=np.full(len(areas), np.nan), where=both > 0)


@dataclass
class GridSums:
    """Adds up the scores of images for each setting."""

    grid: Grid
    images: int = 0
    full: int = 0
    f2: FloatArray = field(init=False)
    f2_full: FloatArray = field(init=False)
    dice: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self.f2, self.f2_full, self.dice = (np.zeros(self.grid.shape) for _ in range(3))

    def add(self, scores: tuple[FloatArray, FloatArray], *, full: bool) -> None:
        """Add an image, from what `score_grid` gave; `full` says whether it shows a true object."""
        self.images += 1
        self.f2 += scores[0]
        if full:
            self.full += 1
            self.f2_full += scores[0]
            self.dice += scores[1]

    def means(self) -> dict[str, FloatArray]:
        """Return `ships/F2` over all images, `ships/F2_full` and `ships/Dice` over those with ships."""
        return {
            "ships/F2": self.f2 / max(1, self.images),
            "ships/F2_full": self.f2_full / max(1, self.full),
            "ships/Dice": self.dice / max(1, self.full),
        }

    def best(self, metric: str) -> tuple[int, int, int, int]:
        """Return the place of the best setting, by the mean with its neighbours where `REACH` says so.

        Of equal ones it is the one nearest to 0.5, then that with the least area, then the least mean.
        """
        scores = _with_neighbours(self.means()[metric], reach=REACH.get(metric, 0))
        equal = np.argwhere(scores >= scores.max() - 1e-12)
        order = [
            (
                abs(self.grid.levels[level] / LEVELS - 0.5),
                self.grid.areas[area],
                self.grid.means[mean],
                -self.grid.connectivities[number],
            )
            for number, level, area, mean in equal.tolist()
        ]
        number, level, area, mean = equal[min(range(len(order)), key=order.__getitem__)].tolist()
        return number, level, area, mean


def _with_neighbours(scores: FloatArray, *, reach: int) -> FloatArray:
    """Average each setting with those up to `reach` steps away; over the rim the last one is repeated.

    Connectivities, the first axis, are no neighbours of each other.
    """
    for axis in range(1, scores.ndim):
        padded = np.pad(
            scores, [(reach, reach) if each == axis else (0, 0) for each in range(scores.ndim)], "edge"
        )
        scores = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis).mean(axis=-1)
    return scores


def sum_grids(scored: Iterable[tuple[tuple[FloatArray, FloatArray], bool]], *, grid: Grid) -> GridSums:
    """Return the sums over images, from pairs of their scores and whether they show a true object."""
    sums = GridSums(grid)
    for scores, full in scored:
        sums.add(scores, full=full)
    return sums
