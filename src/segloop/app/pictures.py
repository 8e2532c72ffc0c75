"""Draws images of a RUN or a data set for a screen: small ones for a page of many, large ones to look at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from segloop.analysis.analyze import Analysis
from segloop.analysis.cases import open_case
from segloop.analysis.instance_errors import ImageErrors
from segloop.analysis.runs import Run
from segloop.data.annotations import ImageRecord, LabelSet
from segloop.data.palette import complete_colors
from segloop.utils.errors import DataError
from segloop.viz import closeup
from segloop.viz.error_pictures import TITLES, Case, draw_tiles
from segloop.viz.overlay import outlined

THUMB = 164  # pixels of the longer side: two beside each other on a phone
LARGE = 1600  # pixels of the longer side of what is looked at closely
LEAST = 512  # a smaller image is enlarged, pixel by pixel, to this or a little more


def read_case(
    run: Run, image_id: str, *, data_root: Path | None = None, kinds: np.ndarray | None = None
) -> Case:
    """Open an image of a RUN with what is true and what was predicted.

    `kinds` says of an instance RUN what became of each found object (`ImageErrors.kinds`).
    """
    of_objects = {} if kinds is None else {image_id: _errors(image_id, kinds)}
    return open_case(Analysis(run, data_root, {}, {}, [], of_objects), image_id)


def thumbnail(case: Case, *, show: str = "errors", side: int = THUMB) -> bytes:
    """Return a small JPEG of an image: `image`, `truth`, `prediction` or `errors`."""
    small = _shrunk(case, 2 * side)
    return jpeg(closeup.fitted(draw_tiles(small)[TITLES.index(show)], side=side))


def tiles(case: Case, *, opacity: float | None = None) -> dict[str, np.ndarray]:
    """Return image, truth, prediction and errors, RGB, as large as they are looked at."""
    small = _shrunk(case, LARGE)
    return {
        name: enlarged(tile) for name, tile in zip(TITLES, draw_tiles(small, opacity=opacity), strict=True)
    }


def label_picture(
    record: ImageRecord, labels: LabelSet, *, opacity: float = 0.35, side: int = LARGE
) -> np.ndarray:
    """Return an image of a data set with its labels tinted and outlined, RGB."""
    image = None if record.file is None else closeup.read_rgb(record.file)
    if image is None:
        raise DataError(f"{record.file or record.name} cannot be read.", image_id=record.image_id)
    size_hw = image.shape[0], image.shape[1]
    classes, objects = closeup.drawn_on(record, labels, size_hw)
    palette = complete_colors([label.color for label in labels.labels], background=labels.background)
    nothing = len(palette)
    classes = np.where(classes < 0, nothing, classes)
    size = size_within(size_hw, side)
    shown = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    classes, objects = (
        cv2.resize(each, size, interpolation=cv2.INTER_NEAREST) for each in (classes, objects)
    )
    return outlined(shown, classes, objects, palette, ground=nothing, opacity=opacity)


def enlarged(image: np.ndarray, *, least: int = LEAST) -> np.ndarray:
    """Return a small image with each pixel as a square of several, so that a browser does not blur it."""
    times = -(-least // max(image.shape[:2]))
    return np.repeat(np.repeat(image, times, axis=0), times, axis=1) if times > 1 else image


def jpeg(image: np.ndarray, *, quality: int = 88) -> bytes:
    """Return an RGB image as JPEG, thin lines in full colour."""
    how = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR]
    done, data = cv2.imencode(".jpg", image[..., ::-1], [*how, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444])
    if not done:  # no user can cause it
        raise ValueError(f"a picture of {image.shape} could not be encoded")
    return data.tobytes()


def _errors(image_id: str, kinds: np.ndarray) -> ImageErrors:
    """Return as much of an image's errors as drawing asks for."""
    none, never = np.zeros(0, np.int64), np.zeros(0, bool)
    return ImageErrors(image_id, kinds, none, np.zeros(0), never, never, never)


def _shrunk(case: Case, side: int) -> Case:
    """Return the case made smaller, so that drawing costs what is shown and not what was measured."""
    size = size_within(case.image.shape[:2], side)
    if size == case.image.shape[1::-1]:
        return case

    def nearest(mask: np.ndarray) -> np.ndarray:
        return cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)

    return replace(
        case,
        image=cv2.resize(case.image, size, interpolation=cv2.INTER_AREA),
        truth=nearest(case.truth),
        pred=nearest(case.pred),
        objects=None if case.objects is None else (nearest(case.objects[0]), nearest(case.objects[1])),
    )


def size_within(size_hw: tuple[int, ...], side: int) -> tuple[int, int]:
    """Return width and height of an image whose longer side is no longer than `side`."""
    scale = min(1.0, side / max(size_hw))
    return max(1, round(size_hw[1] * scale)), max(1, round(size_hw[0] * scale))
