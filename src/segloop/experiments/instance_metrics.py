"""The metric of objects in mmengine's evaluator: matches each image once, derives all scores from that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from mmengine.dist import get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.registry import METRICS

from segloop.analysis.instance_scores import GROUPS, InstanceScorer
from segloop.analysis.instances import Instances
from segloop.analysis.matching import ImageMatches, match
from segloop.analysis.thresholds import InstanceRule, keep_instances, read_thresholds
from segloop.data.instance_labels import DROPPABLE, InstanceSource, load_split
from segloop.data.masks import areas
from segloop.experiments.instance_samples import (
    found_instances,
    listed_instances,
    loaded_instances,
    name_of,
    no_truth,
)
from segloop.experiments.metrics import format_table
from segloop.utils.errors import ConfigError, DataError, nearest

ALIASES = {"coco": "coco/segm"}
DEFAULT = ("coco", "match")


@dataclass(frozen=True)
class Judged:
    """One image: what was found, and how it agrees with the truth (None where there is no truth)."""

    found: Instances
    matches: ImageMatches | None


@METRICS.register_module()
class SegLoopInstanceMetric(BaseMetric):
    """Scores of instance segmentation, in percent for the logs, named as in `analysis.instance_scores`.

    Scores that rank (COCO's and Cityscapes' AP) take all that a model finds. Scores that count (all others)
    take what is sure enough and large enough; masks may overlap, and are not cut.

    Args:
        scores: which families of scores: `coco` (masks), `coco/bbox`, `cells`, `ships`, `pq`, `match`,
            `cityscapes`, `spacecraft`.
        ann_file: the COCO file with the truth; by default the data samples have it (`instances`, or the
            `gt_instances` that a pipeline loaded).
        score_thr: from which confidence on an object counts, for all classes or as a dict by class.
        min_area: from how many pixels on.
        thresholds: a `thresholds.json`, whose values by class replace those two.
        per_class: log the scores of each class too.
        max_dets: found objects per image that COCO's AP looks at; AP goes by the last number.
        collect_device, prefix, collect_dir: as in mmengine.
    """

    def __init__(
        self,
        scores: Sequence[str] = DEFAULT,
        *,
        ann_file: str | None = None,
        score_thr: float | Mapping[str, float] = 0.5,
        min_area: int = 1,
        thresholds: str | None = None,
        per_class: bool = True,
        max_dets: Sequence[int] = (1, 10, 100),
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        # mmengine warns of a metric without a prefix; the names of ours have their families before them.
        super().__init__(collect_device=collect_device, prefix=prefix or "none", collect_dir=collect_dir)
        self.prefix = prefix
        self.families = families(scores)
        self.ann_file = ann_file
        self.score_thr = score_thr
        self.min_area = min_area
        self.thresholds = thresholds
        self.per_class = per_class
        self.max_dets = tuple(max_dets)
        self.recent: dict[str, Judged] = {}
        """The images of the last batch, by path, for who records them too."""
        self._rules: list[InstanceRule] | None = None
        self._listed: dict[Any, dict[str, Any]] | None = None
        self._scorer: InstanceScorer | None = None
        self._told = False

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Match the objects of a batch of data samples, as mmengine's evaluator passes them."""
        self.recent = {}
        for sample in data_samples:
            judged = self.judge(sample)
            if judged.matches is None:
                raise no_truth()
            self.recent[str(sample["img_path"])] = judged
            if get_world_size() == 1:  # nothing of the image stays but what its scores need
                self._scorer = self._scorer or self.scorer()
                self._scorer.add(judged.matches)
                self.results.append(None)
            else:
                self.results.append(judged.matches)

    def judge(self, sample: Mapping[str, Any], *, blind: bool = False) -> Judged:
        """Match the objects of one data sample; if `blind`, do not look for the truth."""
        found = found_instances(sample, class_names=self.class_names)
        truth = None if blind else self.truth(sample)
        if truth is None:
            return Judged(found, None)
        return Judged(found, match(truth, found, image_id=name_of(sample), kept=self.kept(found)))

    def kept(self, found: Instances) -> npt.NDArray[np.bool_]:
        """Return which found objects pass the thresholds, [N]."""
        scores = found.scores if found.scores is not None else np.ones(len(found))
        return keep_instances(found.labels, scores, areas(found.runs), rules=self.rules)

    def truth(self, sample: Mapping[str, Any]) -> Instances | None:
        """Return the true objects of a data sample: from the file, else as it brings them; None without."""
        if self.ann_file is not None:
            image = self._listed_in_file(sample)
            return listed_instances(image["instances"], {**sample, "unscored": image.get("unscored")})
        if "instances" in sample:
            return listed_instances(sample["instances"], sample)
        return loaded_instances(sample) if "gt_instances" in sample else None

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Score all images, print one table and the rules, and return the scores in percent."""
        scorer, self._scorer, self.recent = self._scorer or self.scorer(), None, {}
        for matches in results:
            if matches is not None:
                scorer.add(matches)
        scores = scorer.scores()
        rules = "" if self._told else "\n" + "\n".join(self.rules_in_words(scorer).values())
        self._told = True  # a training validates often, and the rules stay as they are
        print_log(f"\n{score_table(scores, self.class_names)}{rules}", logger="current")
        return {
            name: round(100 * value, 4)
            for name, value in scores.items()
            # What there is nothing to judge by has no score, and scalars.json shall stay valid JSON.
            if not math.isnan(value) and (self.per_class or "." not in name)
        }

    def scorer(self) -> InstanceScorer:
        """Return a scorer of the families that were asked for."""
        return InstanceScorer(class_names=self.class_names, groups=self.families, max_dets=self.max_dets)

    @property
    def score_names(self) -> list[str]:
        """The names of the scores over all classes that this metric may give; some can be undefined."""
        names = headline(self.families, max_dets=self.max_dets)
        return [f"{self.prefix}/{name}" if self.prefix else name for name in names]

    def rules_in_words(self, scorer: InstanceScorer) -> dict[str, str]:
        """Return the rules of the scores that are asked for, and what the thresholds were."""
        return scorer.rules() | {"thresholds": self.rule_of_found()}

    def rule_of_found(self) -> str:
        """Say which found objects pass the thresholds."""
        by_rule: dict[InstanceRule, list[str]] = {}
        for name, rule in zip(self.class_names, self.rules, strict=True):
            by_rule.setdefault(rule, []).append(name)
        told = [
            f"{'' if len(by_rule) == 1 else ', '.join(names) + ': '}score >= {rule.score:g}"
            + (f" and >= {rule.min_area} pixels" if rule.min_area > 1 else "")
            for rule, names in by_rule.items()
        ]
        source = f" of {Path(self.thresholds).name}" if self.thresholds else ""
        return f"The thresholds{source}: {'; '.join(told)}."

    def describe(self) -> dict[str, Any]:
        """Return what a RUN keeps of how objects were counted."""
        return {
            "score_families": list(self.families),
            "max_dets": list(self.max_dets),
            "thresholds": {
                "file": Path(self.thresholds).name if self.thresholds else None,
                "classes": {
                    name: asdict(rule) for name, rule in zip(self.class_names, self.rules, strict=True)
                },
            },
        }

    @property
    def rules(self) -> list[InstanceRule]:
        """What a found object of each class needs to count, in the order of the classes."""
        if self._rules is None:
            self._rules = self._find_rules()
        return self._rules

    @property
    def class_names(self) -> list[str]:
        """The names of the classes, from the data set's metainfo."""
        names = (self.dataset_meta or {}).get("classes")
        if not names:
            raise ConfigError(
                "The data set names no classes: set metainfo=dict(classes=(…), palette=[…]) in its config, "
                "or put a dataset.json beside the images."
            )
        return [str(name) for name in names]

    def _find_rules(self) -> list[InstanceRule]:
        names = self.class_names
        if self.thresholds is not None:
            return read_thresholds(self.thresholds).of(names, InstanceRule)
        if not isinstance(self.score_thr, Mapping):
            return [InstanceRule(float(self.score_thr), self.min_area) for _ in names]
        unknown = [name for name in self.score_thr if name not in names]
        missing = [name for name in names if name not in self.score_thr]
        if unknown or missing:
            told = [f"{name!r} is no class.{nearest(name, names)}" for name in unknown]
            told += [f"{name!r} has no value" for name in missing]
            raise ConfigError(f"score_thr of SegLoopInstanceMetric, by class: {'; '.join(told)}")
        return [InstanceRule(float(self.score_thr[name]), self.min_area) for name in names]

    def read_file(self) -> dict[Any, dict[str, Any]]:
        """Return the images of `ann_file` with their true objects, by image id; it is read once."""
        if self._listed is None:
            assert self.ann_file is not None
            file = Path(self.ann_file)
            given = {"ann_file": file.name, "metainfo": {"classes": tuple(self.class_names)}}
            source = InstanceSource.find(file.parent, "", given)
            images = load_split(source, training=False, drop=DROPPABLE)
            self._listed = {image["img_id"]: image for image in images}
        return self._listed

    def _listed_in_file(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        images = self.read_file()
        if sample["img_id"] not in images:
            raise DataError(
                f"{name_of(sample)}: {self.ann_file}, which the metric reads, has no image of id "
                f"{sample['img_id']!r}. Is it the file of this split?",
                image_id=name_of(sample),
            )
        return images[sample["img_id"]]


def families(names: Sequence[str] | str) -> tuple[str, ...]:
    """Return the families of scores that are asked for; an unknown one is answered with those there are."""
    asked = [ALIASES.get(name, name) for name in ((names,) if isinstance(names, str) else names)]
    known = (*ALIASES, *GROUPS)
    unknown = [name for name in asked if name not in GROUPS]
    if unknown or not asked:
        told = (
            f"there is no family {unknown[0]!r}.{nearest(unknown[0], known)}"
            if unknown
            else "none is asked for."
        )
        raise ConfigError(f"scores of SegLoopInstanceMetric: {told} There are: {', '.join(known)}.")
    return tuple(dict.fromkeys(asked))


def headline(groups: Sequence[str], *, max_dets: Sequence[int] = (1, 10, 100)) -> list[str]:
    """Return the names of the scores over all classes that families of scores have."""
    scorer = InstanceScorer(class_names=("class",), groups=families(groups), max_dets=max_dets)
    return [name for name in scorer.scores() if "." not in name]


def score_table(scores: Mapping[str, float], class_names: Sequence[str]) -> str:
    """Return a table of the scores of each class, and last of all classes, in percent.

    >>> print(score_table({"match/IoU": 0.5, "match/IoU.a": 0.25}, ["a"]))
    | Class | match/IoU |
    |-------|-----------|
    | a     |     25.00 |
    | all   |     50.00 |
    """
    heads = list(dict.fromkeys(name.partition(".")[0] for name in scores if "." in name))
    means = {head: head if head in scores else head.replace("/", "/m") for head in heads}
    # COCO's recalls and sizes are many; the log has them.
    lone = [name for name in scores if "." not in name and not name.startswith("coco/")]
    means |= {name: name for name in lone if name not in means.values()}
    rows = [
        (name, *(_percent(scores.get(f"{head}.{name}", math.nan)) for head in means)) for name in class_names
    ]
    rows.append(("all", *(_percent(scores.get(mean, math.nan)) for mean in means.values())))
    return format_table(("Class", *means), rows)


def _percent(fraction: float) -> str:
    return "–" if math.isnan(fraction) else f"{100 * fraction:.2f}"
