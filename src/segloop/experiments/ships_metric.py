"""The metric of ships from a semantic model: parts of a probability map, cut by threshold and size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from mmengine.registry import METRICS

from segloop.analysis.ship_scores import RULES, SHORT, ImageScore, score_image, ship_scores
from segloop.analysis.thresholds import ComponentRule, as_bytes, cut_components, read_thresholds
from segloop.data.masks import decode, unite
from segloop.data.true_objects import TrueObjects
from segloop.experiments.metrics import SegLoopSemanticMetric, class_mask, find_background, format_table
from segloop.utils.errors import ConfigError


@dataclass(frozen=True)
class Cut:
    """What was made of one image: its mask of class indices, its probabilities as bytes, its scores."""

    mask: np.ndarray
    probability: np.ndarray
    score: ImageScore | None


@METRICS.register_module()
class SegLoopShipsMetric(SegLoopSemanticMetric):
    """`SegLoopSemanticMetric`'s scores, and `ships/Dice` and `ships/F2`, of models with one class of objects.

    A pixel is a ship's from `threshold` on, and its connected part counts from `min_area` pixels and a mean
    probability of `min_mean` on; all scores, those of the semantic metric too, are of what counts. The true
    ships are those of the COCO file that `dataset.json` names for the split, for ships side by side are one
    blot in a mask.

    Args:
        threshold: from which probability on, between 0 and 1.
        min_area: pixels.
        connectivity: 4 or 8, whether pixels that meet at a corner are one part.
        min_mean: between 0 and 1.
        thresholds: a `thresholds.json` of `tools/tune.py`, which replaces those four.
        keep_probabilities: let a RUN keep the probabilities as 8-bit PNGs, which tuning reads.
        kwargs: those of `SegLoopSemanticMetric`.
    """

    def __init__(
        self,
        *,
        threshold: float = 0.5,
        min_area: int = 0,
        connectivity: int = 8,
        min_mean: float = 0.0,
        thresholds: str | None = None,
        keep_probabilities: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= threshold <= 1 or min_area < 0 or connectivity not in (4, 8) or not 0 <= min_mean <= 1:
            raise ConfigError(
                f"SegLoopShipsMetric: threshold={threshold} and min_mean={min_mean} lie between 0 and 1, "
                f"min_area={min_area} is a number of pixels, connectivity={connectivity} is 4 or 8."
            )
        self.given = ComponentRule(threshold, min_area, connectivity, min_mean)
        self.thresholds = thresholds
        self.keep_probabilities = keep_probabilities
        self.recent: dict[str, Cut] = {}
        """The images of the last batch, by path, for who records them too."""
        self._rule: ComponentRule | None = None
        self._true = TrueObjects()

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Cut and score a batch of data samples, as mmengine's evaluator passes them."""
        self.recent = {}
        before = len(self.results)
        cut = [self.cut(sample) for sample in data_samples]
        for sample, each in zip(data_samples, cut, strict=True):
            self.recent[str(sample["img_path"])] = each
        decided = [
            {**sample, "pred_sem_seg": {"data": each.mask}}
            for sample, each in zip(data_samples, cut, strict=True)
        ]
        super().process(data_batch, decided)
        scored = [each.score for each in cut]
        self.results[before:] = list(zip(self.results[before:], scored, strict=True))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Print both tables and the rules; return the scores in percent."""
        scores = super().compute_metrics([semantic for semantic, _ in results])
        images = [score for _, score in results if score is not None]
        self.recent = {}
        if self.format_only:
            return scores
        ships = ship_scores(images)
        rows = [(name, "–" if math.isnan(value) else f"{100 * value:.2f}") for name, value in ships.items()]
        table = format_table(("Ships", "%"), rows).splitlines()
        words = ["   over", "", *(f"   {SHORT[name]}" for name in ships)]
        lines = map("".join, zip(table, words, strict=True))
        print_log("\n".join(["", *lines, self.rule_in_words()]), logger="current")
        return scores | {
            name: round(100 * value, 4) for name, value in ships.items() if not math.isnan(value)
        }

    def cut(self, sample: Mapping[str, Any]) -> Cut:
        """Decide what counts as a ship in an image, and score it if its truth is known."""
        probability = as_bytes(self._probability(sample))
        parts = cut_components(probability, rule=self.rule)
        size_hw = (probability.shape[0], probability.shape[1])
        found = decode(unite(parts, [len(parts)], size_hw)[0], size_hw) if parts else np.zeros(size_hw, bool)
        mask = np.where(found, self.object_class, self.other_class).astype(np.uint8)
        if "gt_sem_seg" not in sample or self.format_only:
            return Cut(mask, probability, None)
        truth = class_mask(sample["gt_sem_seg"]["data"])
        ignored = truth == self.ignore_index
        true_mask = truth == self.object_class
        true_parts = self._true.of(sample["seg_map_path"], true_mask)
        score = score_image(found & ~ignored, true_mask, parts=parts, truth=true_parts, ignored=ignored)
        return Cut(mask, probability, score)

    @property
    def rule(self) -> ComponentRule:
        """What counts as a ship."""
        if self._rule is None:
            name = self.class_names[self.object_class]
            self._rule = (
                read_thresholds(self.thresholds).of([name], ComponentRule)[0]
                if self.thresholds
                else self.given
            )
        return self._rule

    @property
    def object_class(self) -> int:
        """The index of the class of objects, the one that is not the background."""
        background = find_background(self.background, dict(self.dataset_meta or {}))
        others = [index for index in range(len(self.class_names)) if index != background]
        if background is None or len(others) != 1:
            raise ConfigError(
                f"SegLoopShipsMetric is for a background and one class of objects; the data have "
                f"{', '.join(self.class_names)}. Take SegLoopSemanticMetric."
            )
        return others[0]

    @property
    def other_class(self) -> int:
        """The index of the background."""
        return 1 - self.object_class

    def rule_in_words(self) -> str:
        """Say from what on something counts as a ship."""
        rule, source = self.rule, f" (from {Path(self.thresholds).name})" if self.thresholds else ""
        sure = f", {rule.min_mean:g} or more on the mean," if rule.min_mean > 0 else ","
        return (
            f"A ship is what is connected ({rule.connectivity} neighbours) at a probability of "
            f"{rule.threshold:g} or more{sure} and has {rule.min_area} pixels or more{source}."
        )

    def rules_in_words(self) -> dict[str, str]:
        """Return the rules of the scores by key, and what counted as a ship."""
        return RULES | {"found": self.rule_in_words()}

    def describe(self) -> dict[str, Any]:
        """Return what a RUN keeps of how ships were cut."""
        return {
            "thresholds": {
                "file": Path(self.thresholds).name if self.thresholds else None,
                "classes": {self.class_names[self.object_class]: asdict(self.rule)},
            }
        }

    def _probability(self, sample: Mapping[str, Any]) -> np.ndarray:
        """Return the probability of the object class, [H, W], from the model's logits."""
        logits = sample.get("seg_logits")
        if logits is None:
            raise ConfigError(
                "SegLoopShipsMetric needs the model's logits (seg_logits), and this model gives masks only."
            )
        data = torch.as_tensor(logits["data"]).detach().float()
        if len(data) == 1:  # mmseg's models with one channel give its probability
            return data[0].cpu().numpy()
        return data.softmax(dim=0)[self.object_class].cpu().numpy()
