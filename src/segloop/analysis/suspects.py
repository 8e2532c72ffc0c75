"""Finds what may be mistakes of the annotation: regions where sure predictions contradict the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segloop.analysis.gathering import Gathered
from segloop.analysis.regions import CLASS, EDGE, INVENTED, MISSED

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

# What a mistake of the model would be called, if it is the annotation's.
MEANING: dict[int, tuple[str, str]] = {
    INVENTED: ("missing", "the model is sure of {pred} here, and nothing is labelled"),
    MISSED: ("extra", "{truth} is labelled here, and the model is sure that there is none"),
    CLASS: ("wrong class", "labelled {truth}, and the model is sure that it is {pred}"),
    EDGE: ("shifted edge", "the outline between {truth} and {pred} lies elsewhere for the model"),
}
LEAST_DOUBT = 0.005  # the confidence is kept in percent
PRIOR = 0.05  # so often any kind of mistake may happen to the model, whatever was seen
RULE = (
    "Suspicion of a region: the root of its pixels, times the square of -log(1 - confidence), over how often "
    "the model makes this kind of mistake between these classes anyway (plus one in twenty). It ranks; "
    "it is no probability. Predictions of a model that was trained on the same labels know less: test the "
    "folds that it was not trained on."
)


@dataclass(frozen=True)
class Suspect:
    """A region that may be labelled wrongly: whose image, what is suspected, and how much."""

    image_id: str
    score: float
    meaning: str
    truth: int
    pred: int
    area: int
    confidence: float
    box_xyxy: tuple[int, int, int, int]
    places: tuple[int, int] = (-1, -1)  # of an instance RUN: the true and the found object, -1 for none


def suspicion(gathered: Gathered) -> FloatArray:
    """Return how suspect each candidate region is.

    A sure prediction against the label is suspect; less so where the model often invents, misses or mixes up
    just these classes. Where the confidence is not known, all regions count as equally sure.
    """
    regions = gathered.regions
    doubt = np.where(np.isnan(regions.confidence), 0.5, 1 - regions.confidence)
    certainty = -np.log(np.maximum(doubt, LEAST_DOUBT))
    confusion = gathered.confusion
    called, true = confusion.sum(axis=0)[regions.pred], confusion.sum(axis=1)[regions.truth]
    possible = np.where(regions.kind == INVENTED, called, true)
    usual = gathered.mistakes[regions.kind, regions.truth, regions.pred] / np.maximum(possible, 1)
    return np.sqrt(regions.area) * certainty**2 / (usual + PRIOR)


def find_suspects(gathered: Gathered) -> list[Suspect]:
    """Return the suspect regions of all images, the most suspect first; equal ones by image and place."""
    regions, scores = gathered.regions, suspicion(gathered)
    ranked = np.argsort(-scores, kind="stable")
    return [
        Suspect(
            image_id=gathered.image_ids[int(gathered.owner[place])],
            score=float(scores[place]),
            meaning=MEANING[int(regions.kind[place])][0],
            truth=int(regions.truth[place]),
            pred=int(regions.pred[place]),
            area=int(regions.area[place]),
            confidence=float(regions.confidence[place]),
            box_xyxy=tuple(regions.box_xyxy[place].tolist()),
        )
        for place in ranked.tolist()
        if scores[place] > 0
    ]


def image_suspicion(suspects: Sequence[Suspect], ids: Sequence[str]) -> FloatArray:
    """Return how suspect each image is, [images]; 0 where nothing is.

    Squares are summed: what counts is the most suspect region, and a second one of a moved object adds to it.
    """
    squares: dict[str, float] = {}
    for each in suspects:
        squares[each.image_id] = squares.get(each.image_id, 0.0) + each.score**2
    return np.sqrt([squares.get(image_id, 0.0) for image_id in ids])


def as_rows(suspects: Sequence[Suspect], class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the suspects as rows of a table."""
    return [
        {
            "rank": rank,
            "image_id": each.image_id,
            "suspicion": round(each.score, 2),
            "kind": each.meaning,
            "labelled": class_names[each.truth] if each.truth >= 0 else "",
            "predicted": class_names[each.pred] if each.pred >= 0 else "",
            "pixels": each.area,
            "confidence": None if np.isnan(each.confidence) else round(each.confidence, 4),
            **dict(zip(("left", "top", "right", "bottom"), each.box_xyxy, strict=True)),
        }
        for rank, each in enumerate(suspects, start=1)
    ]
