"""All scores of instances, from the matches of one image after another, with their rules in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np

from segloop.analysis.cityscapes_ap import CityscapesAP
from segloop.analysis.coco_ap import CocoAP
from segloop.analysis.counting_scores import CompetitionScores, MatchScores, PanopticScores, PixelScores
from segloop.analysis.matching import ImageMatches

RULES: dict[str, str] = {
    "kept": (
        "Scores that count (cells, ships, pq, match, spacecraft) take the found objects that pass the "
        "thresholds of score and size; COCO's and Cityscapes' AP take all of them and rank by score."
    ),
    "one to one": (
        "An object has one partner: pairs are made by falling IoU, and whoever has a partner is passed over."
    ),
    "crowd": (
        "Crowds are no objects to be found; what hits nothing and lies with more than half of its pixels in "
        "crowds or in ignored pixels is no mistake (coco/ and cityscapes/ have rules of their own)."
    ),
    "cells/mAP": (
        "TP / (TP + FP + FN) of an image at IoU > .50, .55 … .95, whatever the classes; the mean over "
        "thresholds, then images. An image in which there is nothing and nothing is found counts 1. "
        "No ranking: not COCO's AP."
    ),
    "ships/F2": (
        "5 TP / (5 TP + 4 FN + FP) of an image at IoU > .50, .55 … .95, whatever the classes; the mean over "
        "thresholds, then images. An empty image counts 1 if nothing is found in it, else 0."
    ),
    "match": (
        "Objects of one class matched at IoU > .5, counted over the set, all classes together: recall is the "
        "share of the true ones, precision of the found ones, IoU the mean of the pairs."
    ),
    "pq": (
        "Per class over the set, matched at IoU > .5: PQ = sum of IoU / (TP + FP/2 + FN/2), SQ = mean IoU of "
        "the pairs, RQ = TP / (TP + FP/2 + FN/2); then the mean of the classes that are in truth or "
        "prediction. Ignored pixels are taken out of the found masks' part of the union."
    ),
    "coco": (
        "As pycocotools: mean precision at 101 recalls, over IoU >= .50, .55 … .95 and the classes that have "
        "true objects, at most max_dets found objects of a class in an image (the last number in the keys "
        "AR@N). Sizes by area: _s to 32², _m to 96², _l above. Of equal scores the image with the lesser id "
        "comes first."
    ),
    "cityscapes": (
        "As cityscapesscripts: area under the curve at IoU > .50, .55 … .95; true objects under 100 pixels "
        "and groups are not counted, and what is found in them or in ignored pixels is no mistake up to the "
        "threshold; the mean over the classes that have true objects."
    ),
    "spacecraft/mIoU": (
        "The masks of a class are united in each image, and pixels counted over the set; the mean of the "
        "classes that are in truth or prediction."
    ),
    "spacecraft/image_fgIoU": (
        "The masks of all classes are united; IoU of each image, the mean over images. An image whose "
        "objects were all missed counts 0, and so does one without objects in which something is found; an "
        "image without either is left out."
    ),
}


class Score(Protocol):
    """Collects images, and then gives scores by key, as fractions."""

    def add(self, matches: ImageMatches) -> None:
        """Add an image."""

    def scores(self) -> dict[str, float]:
        """Return the scores; NaN where there is nothing to judge by."""


Maker = Callable[[Sequence[str], Sequence[int]], Score]
GROUPS: dict[str, Maker] = {
    "coco/segm": lambda names, most: CocoAP(names, kind="segm", max_dets=most),
    "coco/bbox": lambda names, most: CocoAP(names, kind="bbox", max_dets=most),
    "cells": lambda names, most: CompetitionScores(ships=False),
    "ships": lambda names, most: CompetitionScores(cells=False),
    "pq": lambda names, most: PanopticScores(names),
    "match": lambda names, most: MatchScores(),
    "cityscapes": lambda names, most: CityscapesAP(names),
    "spacecraft": lambda names, most: PixelScores(names),
}


class InstanceScorer:
    """Collects images and gives all scores, as fractions; NaN where there is nothing to judge by.

    Args:
        class_names: of the class indices, in order.
        groups: which scores, of `GROUPS`.
        max_dets: found objects per image and class that COCO's scores look at; AP goes by the largest.
    """

    def __init__(
        self,
        *,
        class_names: Sequence[str],
        groups: Iterable[str] = tuple(GROUPS),
        max_dets: Sequence[int] = (1, 10, 100),
    ) -> None:
        self.class_names = list(class_names)
        self.groups = tuple(groups)
        unknown = sorted(set(self.groups) - set(GROUPS))
        if unknown:
            raise ValueError(f"no scores are called {', '.join(unknown)}; there are {', '.join(GROUPS)}")
        self.images = self.objects = self.crowds = 0
        self._parts = [GROUPS[name](self.class_names, max_dets) for name in self.groups]

    def add(self, matches: ImageMatches) -> None:
        """Add an image."""
        highest = max(matches.truth.labels.max(initial=-1), matches.found.labels.max(initial=-1))
        if highest >= len(self.class_names):
            raise ValueError(f"class {highest} of {len(self.class_names)} classes in {matches.image_id!r}")
        crowds = int(np.count_nonzero(matches.truth.crowd))
        self.images, self.crowds = self.images + 1, self.crowds + crowds
        self.objects += len(matches.truth) - crowds
        for part in self._parts:
            part.add(matches)

    def scores(self) -> dict[str, float]:
        """Return the scores of all images added, by key."""
        found: dict[str, float] = {}
        for part in self._parts:
            found |= part.scores()
        return found

    def rules(self) -> dict[str, str]:
        """Return the rules of these scores, to be printed with them, and what a set without objects means.

        A split whose labels are kept back looks like one in which there is nothing: to be silent is perfect.
        """
        rules = rules_of(self.scores())
        if self.images and not self.objects:
            what = f"nothing but {self.crowds} crowds" if self.crowds else "no object"
            rules["nothing to find"] = (
                f"The truth of these {self.images} images holds {what}: no score says how well objects are "
                "found, and those that an image without objects has (cells, ships) only whether the model "
                "kept quiet. Is this a split without labels?"
            )
        return rules


def rules_of(keys: Iterable[str]) -> dict[str, str]:
    """Return the `RULES` that belong to keys of scores, the general ones first.

    >>> list(rules_of(["coco/segm_mAP_50", "cells/mAP"]))
    ['kept', 'one to one', 'crowd', 'cells/mAP', 'coco']
    """
    asked = {
        rule for key in keys for rule in RULES if key == rule or key.startswith((f"{rule}/", f"{rule}."))
    }
    if any(key.startswith("spacecraft/IoU.") for key in keys):
        asked.add("spacecraft/mIoU")
    counting = asked & {"cells/mAP", "ships/F2", "match", "pq"}
    general = {"kept"} if asked else set()
    general |= {"one to one", "crowd"} if counting else set()
    return {name: text for name, text in RULES.items() if name in asked | general}
