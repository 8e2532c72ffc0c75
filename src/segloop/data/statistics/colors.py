"""The pixels of one image: colours, brightness, sharpness, and how they fit to what is drawn over them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from segloop.data.statistics.bins import LEVELS
from segloop.data.statistics.canvas import Canvas, mask_of
from segloop.data.statistics.tally import Tally

ENOUGH_PIXELS = 10_000  # for the mean colours of classes
ENOUGH_FOR_LEVELS = 50_000  # pixels of whole rows, for a histogram
_THREE, _NINE = np.ones((3, 3), np.uint8), np.ones((9, 9), np.uint8)


@dataclass(frozen=True, slots=True)
class Look:
    """What an image's pixels are like; NaN where there are none, or no labels to compare them with.

    `brightness` and `deviation` are of the grey image, 0 to 255; `sharp` is the deviation of its Laplacian.

    `contrast` is how far the mean colour inside the objects is from that around them, in deviations.
    `follow` is the mean step between neighbours under outlines over that beside them: about 1 where outlines
    follow nothing.
    """

    brightness: float = math.nan
    deviation: float = math.nan
    sharp: float = math.nan
    contrast: float = math.nan
    follow: float = math.nan


NO_LOOK = Look()


def look(image: np.ndarray, canvas: Canvas, tally: Tally) -> Look:
    """Look at the pixels of a BGR image, and count what is to be counted of them."""
    pixels = image.shape[0] * image.shape[1]
    mean, deviation = (each.ravel()[::-1] for each in cv2.meanStdDev(image))
    tally.decoded += 1
    tally.color_pixels += pixels
    tally.color_sum += mean * pixels
    tally.color_squares += (deviation**2 + mean**2) * pixels
    classes, step = canvas.small, canvas.step
    rows = image[:: max(1, pixels // ENOUGH_FOR_LEVELS)]
    for channel in range(3):
        counts = cv2.calcHist([rows], [2 - channel], None, [LEVELS.count], [0, 256])
        tally.levels[channel] += counts.ravel().astype(np.int64)
    if step > 1:
        image = cv2.resize(image, classes.shape[::-1], interpolation=cv2.INTER_AREA)
    tally.grey += bool(
        deviation[0] == deviation[1] == deviation[2] and (image[..., 0] == image[..., 2]).all()
    )
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    bright, spread = (float(each[0, 0]) for each in cv2.meanStdDev(grey))
    sharp = float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S, ksize=3))[1][0, 0])
    _class_colors(image, classes, canvas, tally)
    return Look(bright, spread, sharp, *_compare(image, grey, classes, canvas))


def _class_colors(image: np.ndarray, classes: np.ndarray, canvas: Canvas, tally: Tally) -> None:
    """Add up the colours of each class, of every so many-th pixel where there are many: a mean needs few."""
    step = max(1, round(math.sqrt(classes.size / ENOUGH_PIXELS)))
    if step > 1:
        size = max(1, classes.shape[1] // step), max(1, classes.shape[0] // step)
        image, classes = (
            cv2.resize(each, size, interpolation=cv2.INTER_NEAREST) for each in (image, classes)
        )
    for label in np.flatnonzero(canvas.counts[: canvas.ignored]).tolist():
        inside = mask_of(classes, label)
        count = cv2.countNonZero(inside)
        tally.label_colors[label] += np.asarray(cv2.mean(image, inside))[2::-1] * count
        tally.label_pixels[label] += count


def _compare(image: np.ndarray, grey: np.ndarray, classes: np.ndarray, canvas: Canvas) -> tuple[float, float]:
    """Return the contrast of what is drawn to what is around it, and how outlines follow the gradient."""
    rim = cv2.morphologyEx(classes, cv2.MORPH_GRADIENT, _THREE)
    rim = cv2.threshold(rim, 0, 1, cv2.THRESH_BINARY)[1].astype(np.uint8, copy=False)
    if not cv2.countNonZero(rim):
        return math.nan, math.nan
    reach = cv2.dilate(rim, _NINE)
    beside = cv2.subtract(reach, cv2.dilate(rim, _THREE))
    steps = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, _THREE)  # a pixel wide on both sides of an edge
    on, off = (float(np.asarray(cv2.mean(steps, where))[0]) for where in (rim, beside))
    follow = (on + 1) / (off + 1)  # 1 where all is flat
    outside = cv2.bitwise_and(mask_of(classes, canvas.ground), reach)
    inside = cv2.subtract(reach, outside)
    if canvas.counts[canvas.ignored]:
        inside = cv2.subtract(inside, mask_of(classes, canvas.ignored))
    return _contrast(image, inside, outside), follow


def _contrast(image: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> float:
    """Return how far the mean colours of two regions are apart, in deviations; NaN if one is empty."""
    if not cv2.countNonZero(inside) or not cv2.countNonZero(outside):
        return math.nan
    mean, deviation = (each.ravel() for each in cv2.meanStdDev(image, mask=inside))
    mean_around, deviation_around = (each.ravel() for each in cv2.meanStdDev(image, mask=outside))
    spread = np.sqrt((deviation**2 + deviation_around**2).mean() / 2)
    return float(np.sqrt(((mean - mean_around) ** 2).mean()) / (spread + 1))
