"""Writes a prediction as it is sent: an index mask or an overlay as PNG, COCO annotations, run lengths."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from segloop.data.annotations import LabelSet
from segloop.data.masks import Runs, areas, boxes_xyxy, components, encode, to_strings
from segloop.data.palette import complete_colors
from segloop.data.png import encode_grey, encode_indices, encode_rgb
from segloop.experiments.predict.results import InstancePrediction, Prediction, SemanticPrediction
from segloop.experiments.serving.refusals import Refusal
from segloop.utils.errors import nearest

PNG, JSON = "image/png", "application/json"


@dataclass(frozen=True)
class Answer:
    """What is sent: bytes, and their media type."""

    body: bytes
    media_type: str


def answer(prediction: Prediction, *, to: str) -> Answer:
    """Return a prediction in one of `FORMATS`."""
    if to not in FORMATS:
        raise Refusal(400, f"to={to!r} is not known; choose {', '.join(FORMATS)}.{nearest(to, FORMATS)}")
    return FORMATS[to](prediction)


def _mask(prediction: Prediction) -> Answer:
    """Class of each pixel, or number of each object."""
    if isinstance(prediction, InstancePrediction):
        return Answer(prediction.numbers_as_png(), PNG)
    if prediction.mask.dtype != np.uint8:
        return Answer(encode_grey(prediction.mask), PNG)
    classes = prediction.classes
    colors = complete_colors([label.color for label in classes.labels], background=classes.background)
    return Answer(encode_indices(prediction.mask, palette=colors[:256], level=6), PNG)


def _overlay(prediction: Prediction) -> Answer:
    return Answer(encode_rgb(prediction.overlay(), level=1), PNG)


def _coco(prediction: Prediction) -> Answer:
    """One annotation an object; of an index mask, one a connected part of a class."""
    found, size_hw = _objects(prediction), prediction.size_hw
    ids = _category_ids(prediction.classes)
    runs = [each for each, _, _ in found]
    boxes = boxes_xyxy(runs, size_hw) if runs else np.zeros((0, 4))
    rows = zip(found, to_strings(runs), areas(runs), boxes.tolist(), strict=True)
    annotations = [
        {
            "id": number,
            "category_id": ids[place],
            "segmentation": {"size": list(size_hw), "counts": text},
            "area": int(area),
            "bbox": [left, top, right - left, bottom - top],
            "iscrowd": 0,
            **({} if score is None else {"score": score}),
        }
        for number, ((_, place, score), text, area, (left, top, right, bottom)) in enumerate(rows, 1)
    ]
    image = {"height": size_hw[0], "width": size_hw[1]}
    categories = [{"id": ids[place], "name": prediction.classes.names[place]} for place in ids]
    return _json({"image": image, "categories": categories, "annotations": annotations})


def _rle(prediction: Prediction) -> Answer:
    """COCO's compressed run lengths: one a class that is there, or one an object."""
    found: list[tuple[Runs, int, float | None]]
    if isinstance(prediction, SemanticPrediction):
        present = [place for place in np.unique(prediction.mask).tolist() if place != _background(prediction)]
        found = [(encode(prediction.mask == place), place, None) for place in present]
    else:
        found = _objects(prediction)
    masks = [
        {
            "class": prediction.classes.names[place],
            "counts": text,
            **({} if score is None else {"score": score}),
        }
        for (_, place, score), text in zip(found, to_strings([each for each, _, _ in found]), strict=True)
    ]
    return _json({"size": list(prediction.size_hw), "masks": masks})


FORMATS: dict[str, Callable[[Prediction], Answer]] = {
    "png": _mask,
    "overlay": _overlay,
    "coco": _coco,
    "rle": _rle,
}


def _objects(prediction: Prediction) -> list[tuple[Runs, int, float | None]]:
    """Return run lengths, class and score of each object, or of each connected part of an index mask."""
    if isinstance(prediction, InstancePrediction):
        found = zip(prediction.runs, prediction.labels.tolist(), prediction.scores.tolist(), strict=True)
        return [(runs, label, score) for runs, label, score in found]
    mask, background = prediction.mask, _background(prediction)
    return [
        (runs, place, None)
        for place in np.unique(mask).tolist()
        if place != background
        for runs in components(mask == place)
    ]


def _background(prediction: SemanticPrediction) -> int | None:
    return prediction.classes.background


def _category_ids(classes: LabelSet) -> dict[int, int]:
    """Return the category id of each class but the background by its place: from 1, as converters have it."""
    foreground = (place for place in range(len(classes)) if place != classes.background)
    return {place: number for number, place in enumerate(foreground, 1)}


def _json(value: object) -> Answer:
    return Answer(json.dumps(value, ensure_ascii=False).encode(), JSON)
