"""What was counted in some images of a set; tallies of parts add up to the tally of the whole."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TypeAlias

import numpy as np

from segloop.data.statistics.bins import (
    ASPECTS,
    BRIGHTNESS,
    CONTRASTS,
    DEVIATIONS,
    FOLLOWS,
    LEVELS,
    SHARPNESS,
    SIZES,
)

GRID = 32  # cells along each side of a position map
KEPT = 6  # examples of each kind that are kept of a class
MOST_BAD = 100  # unusable images that are named
# What makes an image hard, each a number of the image: `Tally.traits` has these columns.
TRAITS = ("small", "faint", "soft", "many", "mixed")
# An example: its rank, the number of its image, its box, its area.
EXAMPLE = np.dtype(
    [("rank", np.float64), ("image", np.int64), ("box_xyxy", np.int64, (4,)), ("area", np.int64)]
)
Examples: TypeAlias = dict[int, np.ndarray]


@dataclass
class Tally:
    """Counts of some images with `num_labels` labels; each array's last axes are said beside it.

    Pixels have one place more than there are labels: those of which nothing is drawn, where the set has no
    class for them.
    """

    num_labels: int
    images: int = 0
    empty: int = 0  # images without an object
    decoded: int = 0  # images whose pixels were read
    grey: int = 0  # of these, images without colour
    ignored: int = 0  # pixels that nobody scores
    shared: int = 0  # pixels that several objects claim
    undrawn: int = 0  # shapes without pixels: boxes, points
    crowds: int = 0
    semantic: int = 0  # images that came with an index map
    pixels: np.ndarray = field(init=False)  # [label or nothing]
    images_with: np.ndarray = field(init=False)  # [label or nothing]
    pixels_beside: np.ndarray = field(init=False)  # [label or nothing]: all scored pixels of those images
    together: np.ndarray = field(init=False)  # [label, label]: images with both
    objects: np.ndarray = field(init=False)  # [label]; so are all up to `filled`
    cut: np.ndarray = field(init=False)  # objects that touch the edge of the image
    holed: np.ndarray = field(init=False)  # objects with a hole
    split: np.ndarray = field(init=False)  # objects of several parts
    specks: np.ndarray = field(init=False)  # parts of a few pixels
    lines: np.ndarray = field(init=False)  # parts at most 2 pixels thick, and long
    filled: np.ndarray = field(init=False)  # sum of area over box
    sizes: np.ndarray = field(init=False)  # [label, SIZES]
    aspects: np.ndarray = field(init=False)  # [label, ASPECTS]
    boxes: np.ndarray = field(init=False)  # [SIZES of the width, SIZES of the height]
    heat: np.ndarray = field(init=False)  # [label, GRID, GRID]: sum of the shares of the cells
    color_sum: np.ndarray = field(init=False)  # [RGB]
    color_squares: np.ndarray = field(init=False)  # [RGB]
    color_pixels: int = 0
    levels: np.ndarray = field(init=False)  # [RGB, LEVELS]
    label_colors: np.ndarray = field(init=False)  # [label or nothing, RGB]: sum of colours
    label_pixels: np.ndarray = field(init=False)  # [label or nothing]: of how many pixels
    brightness: np.ndarray = field(init=False)  # [BRIGHTNESS]: images
    deviations: np.ndarray = field(init=False)  # [DEVIATIONS]: images
    sharpness: np.ndarray = field(init=False)  # [SHARPNESS]: images
    contrasts: np.ndarray = field(init=False)  # [CONTRASTS]: images
    follows: np.ndarray = field(init=False)  # [FOLLOWS]: images
    image_sizes: Counter[tuple[int, int]] = field(default_factory=Counter)  # height and width
    per_image: list[Counter[int]] = field(
        default_factory=list
    )  # [label, and all together]: objects -> images
    traits: list[np.ndarray] = field(default_factory=list)  # [image, its number, TRAITS and follow] each
    random: Examples = field(default_factory=dict)  # by label
    smallest: Examples = field(default_factory=dict)
    largest: Examples = field(default_factory=dict)
    bad: list[tuple[str, str]] = field(default_factory=list)  # image and what is wrong with it
    bad_count: int = 0

    def __post_init__(self) -> None:
        count, integers = self.num_labels, np.int64
        self.pixels, self.images_with, self.pixels_beside, self.label_pixels = (
            np.zeros(count + 1, integers) for _ in range(4)
        )
        self.together = np.zeros((count, count), integers)
        self.objects, self.cut, self.holed, self.split, self.specks, self.lines = (
            np.zeros(count, integers) for _ in range(6)
        )
        self.filled = np.zeros(count)
        self.sizes = np.zeros((count, SIZES.count), integers)
        self.aspects = np.zeros((count, ASPECTS.count), integers)
        self.boxes = np.zeros((SIZES.count, SIZES.count), integers)
        self.heat = np.zeros((count, GRID, GRID))
        self.color_sum, self.color_squares = np.zeros(3), np.zeros(3)
        self.levels = np.zeros((3, LEVELS.count), integers)
        self.label_colors = np.zeros((count + 1, 3))
        self.brightness, self.deviations, self.sharpness, self.contrasts, self.follows = (
            np.zeros(bins.count, integers) for bins in (BRIGHTNESS, DEVIATIONS, SHARPNESS, CONTRASTS, FOLLOWS)
        )
        self.per_image = [Counter() for _ in range(count + 1)]

    def add(self, other: Tally) -> None:
        """Add what another tally counted; it is of later images, and of as many labels."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if each.name == "num_labels":
                continue
            if isinstance(mine, Counter):
                mine.update(theirs)
            elif each.name == "per_image":
                for ours, new in zip(mine, theirs, strict=True):
                    ours.update(new)
            elif isinstance(mine, dict):
                for label, found in theirs.items():
                    mine[label] = best([mine[label], found]) if label in mine else found
            elif isinstance(mine, list):
                mine.extend(theirs)
            elif isinstance(mine, np.ndarray):
                mine += theirs
            else:
                setattr(self, each.name, mine + theirs)
        del self.bad[MOST_BAD:]

    @property
    def scored(self) -> int:
        """How many pixels are not ignored."""
        return int(self.pixels.sum())

    @property
    def mean_rgb(self) -> np.ndarray | None:
        """The mean colour of all pixels, 0 to 255; None where none was read."""
        return self.color_sum / self.color_pixels if self.color_pixels else None

    @property
    def std_rgb(self) -> np.ndarray | None:
        """The deviation of the colours of all pixels, 0 to 255; None where none was read."""
        if not self.color_pixels:
            return None
        mean = self.color_sum / self.color_pixels
        return np.sqrt(np.maximum(self.color_squares / self.color_pixels - mean**2, 0))

    @property
    def trait_table(self) -> np.ndarray:
        """A row an image that has objects and pixels: its number, its TRAITS, and how its outlines follow."""
        width = len(TRAITS) + 2
        return np.concatenate([np.zeros((0, width)), *self.traits])


def best(several: list[np.ndarray], *, most: int = KEPT) -> np.ndarray:
    """Return the examples of the lowest ranks, one of an image as long as there are enough images."""
    found = np.concatenate(several)
    found = found[np.argsort(found["rank"], kind="stable")]
    _, first = np.unique(found["image"], return_index=True)
    if len(first) >= most:
        found = found[np.sort(first)]
    return found[:most]


def total(tallies: list[Tally], *, num_labels: int) -> Tally:
    """Return the tally of several parts together."""
    whole = Tally(num_labels)
    for each in tallies:
        whole.add(each)
    return whole
