"""Measure how far a threshold and a watershed go on the cells demo: they must find some and miss most.

    python benchmarks/cells_baseline.py [--quick]

The classical way to cells in phase contrast: what stands out from its surroundings (how dark it is, how far
from the ground's brightness, or how uneven) is thresholded, filled, cleared of specks and neurites, and cut
at the necks of its distance map. It is even told the cell type: for each, the settings that do best on scenes
of the train folder are scored on scenes of other wells, as the competition scores. Scenes come straight from
the generator; no data set needs to be on disk.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segloop.analysis.counting_scores import competition_precision, hits
from segloop.analysis.instances import Instances
from segloop.analysis.matching import match
from segloop.data.demo.cells.bodies import KINDS
from segloop.data.demo.cells.culture import plan
from segloop.data.demo.cells.scene import Scene, draw_scene
from segloop.utils.cli import Parser, run

LIMITS = (0.1, 0.25)  # the mean over the types
LOOKS = ("dark", "dark or bright", "uneven")
LEAST = 30  # pixels of a cell
FULL = {"tuned_on": 8, "scored_on": 40}
QUICK = {"tuned_on": 4, "scored_on": 12}


@dataclass(frozen=True)
class Settings:
    """How cells are cut out; lengths are in pixels."""

    look: str  # what is taken to stand out
    factor: float  # times Otsu's threshold
    opening: int  # what is thinner than this is no cell
    apart: int  # as near as the middles of two cells come


GRID = tuple(
    Settings(*each) for each in itertools.product(LOOKS, (0.4, 0.6, 0.8, 1.0, 1.25), (3, 5, 7), (9, 15, 25))
)


def contrasts(image: np.ndarray) -> dict[str, np.ndarray]:
    """Return by how much each pixel stands out, HxW uint8, in each of the `LOOKS`."""
    smooth = cv2.GaussianBlur(image, (0, 0), 1.0).astype(np.float32)
    ground = cv2.medianBlur(image, 95).astype(np.float32)
    variance = cv2.blur(smooth * smooth, (5, 5)) - cv2.blur(smooth, (5, 5)) ** 2
    strengths = (ground - smooth, np.abs(smooth - ground), np.sqrt(np.maximum(variance, 0)))
    found = (np.clip(np.rint(each * 4), 0, 255).astype(np.uint8) for each in strengths)
    return dict(zip(LOOKS, found, strict=True))


def find_cells(contrast: np.ndarray, settings: Settings) -> np.ndarray:
    """Return the cells of a picture as an HxW int32 map: 0 is none, each other number a cell."""
    level, _ = cv2.threshold(contrast, 0, 255, cv2.THRESH_OTSU)
    found = cv2.morphologyEx((contrast > settings.factor * level).astype(np.uint8), cv2.MORPH_CLOSE, _disc(3))
    _, holes, stats, _ = cv2.connectedComponentsWithStats(1 - found, connectivity=4)
    found[stats[holes, cv2.CC_STAT_AREA] < 150] = 1
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, _disc(settings.opening))
    depth = cv2.GaussianBlur(cv2.distanceTransform(found, cv2.DIST_L2, 5), (0, 0), 1.0)
    cores = (depth >= cv2.dilate(depth, np.ones((settings.apart, settings.apart), np.uint8))) & (found > 0)
    _, markers = cv2.connectedComponents(cores.astype(np.uint8))
    cells = _flood(depth, markers, found > 0)
    cells[np.bincount(cells.ravel())[cells] < LEAST] = 0
    return cells


def _flood(depth: np.ndarray, cores: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Let cores grow from the deepest pixels to the rim: each pixel goes to the core that comes first."""
    # Not cv2.watershed: it goes by differences of neighbours, and lets the ground flow over the rims.
    cells = cores.astype(np.uint16)
    for level in (*np.arange(np.ceil(depth.max()) - 1, 0, -1), *[0] * 8):
        basin = (where & (depth >= level)).astype(np.uint16)
        for _ in range(2):
            cells = np.where(cells > 0, cells, cv2.dilate(cells, _disc(3)) * basin)
    return cells.astype(np.int32)


def _disc(side: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))


def precision(truth: Sequence[np.ndarray], cells: np.ndarray) -> float:
    """Return `cells/mAP` of one picture: masks, HxW bool, which may overlap, beside a map of found cells.

    >>> precision([np.array([[True, True, False]])], np.array([[7, 7, 0]]))
    1.0
    """
    size_hw = (cells.shape[0], cells.shape[1])
    true = Instances.of_bitmaps(truth, np.zeros(len(truth), int), size_hw=size_hw)
    return competition_precision(*hits(match(true, Instances.of_numbers(cells))))


def scenes(split: str, cell_type: str, count: int) -> list[Scene]:
    """Return scenes of one cell type, the first picture of each sample."""
    firsts = {shot.sample.number: shot for shot in reversed(plan(0, split, 20 * count))}
    shots = [firsts[number] for number in sorted(firsts)]
    chosen = [shot for shot in shots if shot.sample.cell_type == cell_type][:count]
    return [draw_scene(shot, seed=0, size=192) for shot in chosen]


def scores(found: Sequence[Scene], grid: Sequence[Settings]) -> list[float]:
    """Return the score of each setting, the mean over scenes."""
    looks = [contrasts(scene.image) for scene in found]
    pairs = list(zip(found, looks, strict=True))
    return [
        float(np.mean([precision(scene.cells, find_cells(look[each.look], each)) for scene, look in pairs]))
        for each in grid
    ]


def measure(*, tuned_on: int, scored_on: int) -> Mapping[str, tuple[float, Settings]]:
    """Return, by cell type, the score on test scenes of the settings that are best on training scenes."""
    found = {}
    for cell_type in KINDS:
        tuned = scores(scenes("train", cell_type, tuned_on), GRID)
        best = GRID[int(np.argmax(tuned))]
        found[cell_type] = scores(scenes("test", cell_type, scored_on), [best])[0], best
    return found


def mean_score(found: Mapping[str, tuple[float, Settings]]) -> float:
    """Return the mean over the cell types."""
    return float(np.mean([score for score, _ in found.values()]))


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer scenes: half a minute")
    return parser.parse_args()


def main() -> int:
    """Print the score of each type and of all; exit code 1 if it is outside of its limits."""
    args = parse_args()
    start = time.perf_counter()
    found = measure(**(QUICK if args.quick else FULL))
    for cell_type, (score, settings) in found.items():
        print(f"{cell_type}: mAP {score:.3f} with {settings}")
    low, high = LIMITS
    mean = mean_score(found)
    print(f"all: mAP {mean:.3f} (limits {low:.2f} and {high:.2f}; {time.perf_counter() - start:.0f} s)")
    return int(not low < mean < high)


if __name__ == "__main__":
    run(main)
