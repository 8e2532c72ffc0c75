"""All scores of instances, from the matches of one image after another, with their rules in words."""

from __future__ import annotations

from collections.abc import Sequence

from segloop.analysis.matching import ImageMatches

GROUPS = ("coco", "cells", "ships", "pq", "match", "cityscapes", "spacecraft")


class InstanceScorer:
    """Collects images and gives all scores, as fractions; NaN where there is nothing to judge by.

    Args:
        class_names: of the class indices, in order.
        groups: which scores: `coco cells ships pq match cityscapes spacecraft`.
        max_dets: found objects per image and class that COCO's AP looks at; AP goes by the last number.
    """

    def __init__(
        self,
        *,
        class_names: Sequence[str],
        groups: Sequence[str] = GROUPS,
        max_dets: Sequence[int] = (1, 10, 100),
    ) -> None:
        self.class_names = list(class_names)
        self.groups = tuple(groups)

    def add(self, matches: ImageMatches) -> None:
        """Add an image."""

    def scores(self) -> dict[str, float]:
        """Return the scores of all images added."""
        return {}
