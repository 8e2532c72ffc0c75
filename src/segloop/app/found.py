"""What a model found in an image, for a screen and for a table: classes, scores, areas, masks over it."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segloop.app.pictures import size_within
from segloop.data.masks import areas, boxes_xyxy, components, paint
from segloop.data.palette import complete_colors
from segloop.experiments.predict.results import InstancePrediction, Prediction
from segloop.viz.overlay import outlined

COLUMNS = ("image", "object", "class", "score", "pixels", "share", "left", "top", "right", "bottom")


@dataclass(frozen=True)
class Found:
    """One object, or one connected part of a class: number from 1, class, score if there is one, pixels, box.

    The box is left, top, right and bottom, the last two one past the last pixel; `share` is of the image.
    """

    number: int
    label: str
    score: float | None
    pixels: int
    share: float
    box_xyxy: tuple[int, int, int, int]


def found_in(prediction: Prediction) -> list[Found]:
    """Return the objects of a prediction, as it has them; of an index mask the connected parts by class."""
    names = prediction.classes.names
    if isinstance(prediction, InstancePrediction):
        runs, scores = list(prediction.runs), prediction.scores.tolist()
        labels = prediction.labels.tolist()
    else:
        mask, background = prediction.mask, prediction.classes.background
        parts = [
            (label, part)
            for label in np.unique(mask).tolist()
            if label != background and label < len(names)
            for part in components(mask == label)
        ]
        labels, runs = [label for label, _ in parts], [part for _, part in parts]
        scores = [None] * len(parts)
    if not runs:
        return []
    height, width = prediction.size_hw
    boxes = np.asarray(boxes_xyxy(runs, prediction.size_hw)).tolist()
    return [
        Found(number, names[label], score, int(area), int(area) / (height * width), _whole(box))
        for number, (label, score, area, box) in enumerate(
            zip(labels, scores, areas(runs), boxes, strict=True), start=1
        )
    ]


def by_class(found: Iterable[Found]) -> list[tuple[str, int, float, float | None]]:
    """Return class, objects, share of the image and best score of each class, the largest first."""
    groups: dict[str, list[Found]] = {}
    for each in found:
        groups.setdefault(each.label, []).append(each)
    rows = [
        (
            label,
            len(group),
            sum(each.share for each in group),
            max((each.score for each in group if each.score is not None), default=None),
        )
        for label, group in groups.items()
    ]
    return sorted(rows, key=lambda row: (-row[2], row[0]))


def painted(
    prediction: Prediction,
    image: np.ndarray,
    *,
    opacity: float = 0.45,
    classes: Collection[str] | None = None,
    score_from: float = 0.0,
    side: int | None = None,
) -> np.ndarray:
    """Return the RGB image with what was found tinted and outlined: of some classes, from a score on.

    Of a larger image than `side` pixels a smaller one is drawn, which is what a screen shows of a photograph.
    """
    labels = prediction.classes
    palette = complete_colors([label.color for label in labels.labels], background=labels.background)
    nothing = len(palette)
    shown = [classes is None or name in classes for name in labels.names]
    if isinstance(prediction, InstancePrediction):
        order = np.argsort(prediction.scores, kind="stable").tolist()
        kept = [
            place
            for place in order
            if shown[int(prediction.labels[place])] and prediction.scores[place] >= score_from
        ]
        drawn: np.ndarray = np.full(prediction.size_hw, nothing, np.int32)
        objects: np.ndarray = np.zeros(prediction.size_hw, np.int32)
        runs = [prediction.runs[place] for place in kept]
        paint(runs, [int(prediction.labels[place]) for place in kept], drawn)
        paint(runs, [place + 1 for place in kept], objects)
    else:
        hidden = [place for place, each in enumerate(shown) if not each or place == labels.background]
        drawn = np.where(np.isin(prediction.mask, hidden), nothing, prediction.mask.astype(np.int32))
        objects = drawn
    if side is not None and side < max(image.shape[:2]):
        size = size_within(image.shape[:2], side)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        drawn, objects = (
            cv2.resize(each, size, interpolation=cv2.INTER_NEAREST) for each in (drawn, objects)
        )
    return outlined(image, drawn, objects, palette, ground=nothing, opacity=opacity)


def table_csv(found: Sequence[tuple[str, Sequence[Found]]]) -> str:
    """Return what was found in images, by id, as CSV: a row an object, in the order of the images."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for image_id, objects in found:
        for each in objects:
            score = "" if each.score is None else f"{each.score:.4f}"
            row = [_plain(image_id), each.number, _plain(each.label), score, each.pixels, f"{each.share:.6f}"]
            table.writerow([*row, *each.box_xyxy])
    return text.getvalue()


def _plain(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _whole(box: Sequence[float]) -> tuple[int, int, int, int]:
    left, top, right, bottom = (int(side) for side in box)
    return left, top, right, bottom
