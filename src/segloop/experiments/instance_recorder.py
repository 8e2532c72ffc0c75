"""What a RUN records of each image of an instance model: what was found, and how it agrees with the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from segloop.analysis.match_file import MatchWriter, from_record, to_record
from segloop.analysis.results_file import ResultsWriter, results_of
from segloop.data.coco_losses import read_coco
from segloop.experiments.instance_metrics import SegLoopInstanceMetric
from segloop.experiments.instance_samples import no_truth
from segloop.experiments.run_images import annotation_file, plain_datasets
from segloop.experiments.run_writer import ImageRow, SpooledImages, without_nan
from segloop.utils.errors import UserError


class InstanceRecorder:
    """The objects found in each image, as COCO's results, and their matches with the true ones."""

    kind = "instance"
    image_columns = ("coco_id",)

    def __init__(self, folder: Path, *, dataset: Any, metric: SegLoopInstanceMetric | None = None) -> None:
        self.folder = folder
        meta = dict(getattr(dataset, "metainfo", None) or {})
        self.no_matches: str | None = None
        if metric is None:
            metric, self.no_matches = metric_for(dataset)
        self.metric = metric
        self.class_names = self.metric.class_names
        self.palette = [list(map(int, color)) for color in meta.get("palette") or ()]
        self.category_ids = category_ids(dataset, self.class_names)
        sources = (getattr(part, "source", None) for part in plain_datasets(dataset))
        self.join = next((name for each in sources if (name := getattr(each, "join", None))), None)

    def record(self, sample: Any, row: ImageRow) -> dict[str, Any]:
        """Return the objects of an image as COCO has them, and their matches."""
        content = sample.to_dict()
        judged = self.metric.recent.get(str(content["img_path"]))  # the evaluator has just matched it
        if judged is None:
            judged = self.metric.judge(content, blind=self.no_matches is not None)
        if judged.matches is None and self.no_matches is None:
            self.no_matches = str(no_truth())
        number = content.get("img_id", row.image_id)
        matches = None
        if judged.matches is not None:
            matches = to_record(replace(judged.matches, image_id=row.image_id))
        results = results_of(judged.found, image_id=number, category_ids=self.category_ids)
        return {"coco_id": number, "results": results, "matches": matches, "no_matches": self.no_matches}

    def save_part(self) -> None:
        """Keep nothing: all that a process recorded is in its spool."""

    def write_tables(self, images: SpooledImages) -> dict[str, Any]:
        """Write results, matches and counts; return the scores for `metrics.json`, as fractions."""
        results = ResultsWriter(self.folder / "predictions" / "results.json")
        for _, data in images:
            results.add(data["results"])
            self.no_matches = self.no_matches or data["no_matches"]
        results.close()
        if self.no_matches is not None:
            return {"scores": {}, "rules": {}, "images": 0, "objects": 0}
        scorer, objects = self.metric.scorer(), 0
        with MatchWriter(self.folder, class_names=self.class_names) as tables:
            for _, data in images:
                image = from_record(data["matches"])
                tables.add(image)
                scorer.add(image)
                objects += int(np.count_nonzero(~image.truth.crowd))
        return {
            "scores": without_nan(scorer.scores()),
            "rules": self.metric.rules_in_words(scorer),
            "images": len(images),
            "objects": objects,
        }

    def describe(self) -> dict[str, Any]:
        """Return the classes, how they were counted, and what it takes to read the results."""
        return {
            "classes": self.class_names,
            "palette": self.palette,
            "category_ids": self.category_ids,
            "join": self.join,
            **self.metric.describe(),
            "no_matches": self.no_matches,
        }


def metric_for(dataset: Any) -> tuple[SegLoopInstanceMetric, str | None]:
    """Return a metric for a test whose evaluator has none of ours, and why it cannot see the truth, if so."""
    metric = SegLoopInstanceMetric()
    metric.dataset_meta = dict(getattr(dataset, "metainfo", None) or {})
    file = annotation_file(dataset)
    if file is None:
        return metric, None  # the samples may have it
    metric.ann_file = str(file)
    try:
        metric.read_file()
    except UserError as error:
        return metric, str(error)
    return metric, None


def category_ids(dataset: Any, class_names: Sequence[str]) -> list[int]:
    """Return the ids that the annotation file has for the classes, in their order; else they count from 1."""
    file = annotation_file(dataset)
    try:
        by_name = {each["name"]: each["id"] for each in read_coco(file)["categories"]} if file else {}
    except UserError:  # told where the truth is looked for
        by_name = {}
    if set(class_names) <= set(by_name):
        return [by_name[name] for name in class_names]
    return list(range(1, len(class_names) + 1))
