"""Finds true objects that may be labelled wrongly: sure detections that contradict them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segloop.analysis.instance_gathering import Candidate, GatheredObjects
from segloop.analysis.suspects import LEAST_DOUBT, PRIOR

MEANING: dict[str, tuple[str, str]] = {
    "invented": ("missing", "the model is sure of {pred} here, and nothing is labelled"),
    "missed": ("extra", "{truth} is labelled here, and the model sees nothing near it"),
    "class": ("wrong class", "labelled {truth}, and the model is sure that it is {pred}"),
    "outline": ("shifted edge", "the outline of this {truth} lies elsewhere for the model"),
}
RULE = (
    "Suspicion of an object: the root of its pixels in doubt, times the square of -log(1 - score), over how "
    "often the model makes this kind of mistake with its class anyway (plus one in twenty). Of an object "
    "that was missed the score is one less the best of anything near it, times 0.8: silence proves less than "
    "a sure detection. An outline counts three tenths: those of detectors are coarse. It ranks; it is no "
    "probability."
)
# Chosen by benchmarks/planted_objects.py with seeds that docs/analyze.md does not report.
SILENCE = 0.8  # of the score, for what was missed
COARSE = 0.3  # of the suspicion, for outlines


def suspicions(gathered: GatheredObjects) -> list[tuple[float, Candidate]]:
    """Return the candidates with how suspect each is, the most suspect first."""
    usual = _rates(gathered)
    told = []
    for place, each in enumerate(gathered.candidates):
        sure = SILENCE * each.score if each.kind == "missed" else each.score
        certainty = -np.log(max(1 - sure, LEAST_DOUBT))
        rate = usual.get((each.kind, each.true_label if each.kind != "invented" else each.label), 0.0)
        weight = COARSE if each.kind == "outline" else 1.0
        told.append((weight * float(np.sqrt(each.pixels) * certainty**2 / (rate + PRIOR)), place, each))
    told.sort(key=lambda each: (-each[0], each[1]))
    return [(score, each) for score, _, each in told if score > 0]


def suspicion_by_image(suspects: Sequence[tuple[float, Candidate]], ids: Sequence[str]) -> list[float]:
    """Return how suspect each image is: the root of the sum of squares; 0 where nothing is."""
    squares: dict[str, float] = {}
    for score, each in suspects:
        squares[each.image_id] = squares.get(each.image_id, 0.0) + score**2
    return [float(np.sqrt(squares.get(image_id, 0.0))) for image_id in ids]


def meaning(candidate: Candidate, class_names: Sequence[str]) -> tuple[str, str]:
    """Return what is suspected of a candidate: a name, and a sentence."""
    name, text = MEANING[candidate.kind]
    pred = class_names[candidate.label] if candidate.label >= 0 else "nothing"
    truth = class_names[candidate.true_label] if candidate.true_label >= 0 else "nothing"
    return name, text.format(pred=pred, truth=truth)


def _rates(gathered: GatheredObjects) -> dict[tuple[str, int], float]:
    """Return how often each kind of mistake is made with each class: of its found, or of its true objects."""
    count = gathered.num_classes
    confusion = gathered.confusion
    called = confusion[:, :count].sum(axis=0)
    true = confusion[:count].sum(axis=1)
    hits = gathered.sizes[:, :, 1].sum(axis=1)
    loose = np.zeros(count)
    for each in gathered.candidates:
        if each.kind == "outline":
            loose[each.true_label] += 1
    rates: dict[tuple[str, int], float] = {}
    for label in range(count):
        other = confusion[label, :count].sum() - confusion[label, label]
        rates["invented", label] = confusion[count, label] / max(called[label], 1)
        rates["missed", label] = confusion[label, count] / max(true[label], 1)
        rates["class", label] = other / max(true[label], 1)
        rates["outline", label] = loose[label] / max(hits[label], 1)
    return rates
