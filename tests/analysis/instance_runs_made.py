"""Writes small instance RUNs out of true and found objects, with the files that a test writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segloop.analysis.instance_scores import InstanceScorer
from segloop.analysis.instances import Instances
from segloop.analysis.match_file import MatchWriter
from segloop.analysis.matching import match
from segloop.analysis.results_file import ResultsWriter, results_of
from segloop.analysis.runs import FORMAT, Run, read_run
from segloop.data.masks import areas, to_strings
from segloop.experiments.run_writer import ImageRow, Spool, SpooledImages, without_nan, write_images

NAMES = ("disc", "bar")
GROUPS = ("coco/segm", "cells", "match", "pq", "spacecraft")


def write_instance_run(
    root: Path,
    images: Mapping[str, tuple[Instances, Instances]],
    *,
    names: Sequence[str] = NAMES,
    kept_from: float = 0.3,
    groups: Sequence[str] = GROUPS,
    pictures: Mapping[str, np.ndarray] | None = None,
    **changes: Any,
) -> Run:
    """Write a COCO set of `images`, true and found objects by id, and the RUN of a test on it."""
    run, data = root / "work_dirs/rcnn/test/test-last", root / "data"
    (data / "annotations").mkdir(parents=True)
    run.mkdir(parents=True)
    ids = sorted(images)
    numbers = {image_id: number for number, image_id in enumerate(ids, start=1)}
    coco = data / "annotations/test.json"
    coco.write_text(json.dumps(_coco(images, numbers, names)))
    digest = hashlib.sha256(coco.read_bytes()).hexdigest()
    spool, scorer = Spool(run / "records-0.jsonl"), InstanceScorer(class_names=names, groups=groups)
    results = ResultsWriter(run / "predictions/results.json")
    with MatchWriter(run, class_names=names) as tables:
        for image_id in ids:
            truth, found = images[image_id]
            kept = None if found.scores is None else found.scores >= kept_from
            matches = match(truth, found, image_id=image_id, kept=kept)
            tables.add(matches)
            scorer.add(matches)
            results.add(
                results_of(found, image_id=numbers[image_id], category_ids=[7 + n for n in range(len(names))])
            )
            draw = np.random.default_rng(numbers[image_id])
            picture = (pictures or {}).get(
                image_id, draw.integers(0, 256, (*truth.size_hw, 3), dtype=np.uint8)
            )
            content = cv2.imencode(".png", picture)[1].tobytes()
            file = data / f"img/{image_id}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            sha = hashlib.sha256(content).hexdigest()
            row = ImageRow(
                image_id, f"img/{image_id}.png", "annotations/test.json", *truth.size_hw, sha, digest
            )
            spool.append(row, {"coco_id": numbers[image_id]})
    results.close()
    write_images(run / "images.csv", SpooledImages([spool.path]), extra=("coco_id",))
    spool.path.unlink()
    metrics = {"scores": without_nan(scorer.scores()), "rules": scorer.rules(), "images": len(images)}
    (run / "metrics.json").write_text(json.dumps({"format": FORMAT, "kind": "instance", **metrics}))
    (run / "timing.json").write_text("{}")
    meta = {
        "format": FORMAT,
        "kind": "instance",
        "experiment": "rcnn",
        "split": "test",
        "finished": "2026-01-01T00:00:00Z",
        "classes": list(names),
        "palette": [],
        "no_matches": None,
        "category_ids": [7 + number for number in range(len(names))],
        "images": len(images),
        "data": {"name": "objects", "root": "../../../../data"},
        "files": ["images.csv", "metrics.json"],
    }
    (run / "meta.json").write_text(json.dumps(meta | changes))
    return read_run(run)


def squares(
    *places: tuple[int, int, int, int], size: int = 64, scores: Sequence[float] | None = None
) -> Instances:
    """Return squares as objects: class, top, left and side of each."""
    masks = np.zeros((len(places), size, size), bool)
    for mask, (_, top, left, side) in zip(masks, places, strict=True):
        mask[top : top + side, left : left + side] = True
    return Instances.of_bitmaps(masks, [place[0] for place in places], size_hw=(size, size), scores=scores)


def _unscored(truth: Instances) -> dict[str, Any]:
    if truth.ignore is None:
        return {}
    text = to_strings([truth.ignore])[0]
    return {"segloop": {"ignore": {"size": list(truth.size_hw), "counts": text}}}


def _coco(
    images: Mapping[str, tuple[Instances, Instances]], numbers: Mapping[str, int], names: Sequence[str]
) -> dict[str, Any]:
    listed: list[dict[str, Any]] = []
    for image_id, (truth, _) in images.items():
        crowd = truth.crowd if truth.crowd is not None else [False] * len(truth)
        for label, text, area, many in zip(
            truth.labels.tolist(), to_strings(truth.runs), areas(truth.runs), crowd, strict=True
        ):
            listed.append(
                {
                    "id": len(listed) + 1,
                    "image_id": numbers[image_id],
                    "category_id": 7 + label,
                    "segmentation": {"size": list(truth.size_hw), "counts": text},
                    "area": int(area),
                    "iscrowd": int(many),
                }
            )
    return {
        "images": [
            {
                "id": number,
                "file_name": f"{image_id}.png",
                "height": truth.size_hw[0],
                "width": truth.size_hw[1],
                **_unscored(truth),
            }
            for image_id, number in numbers.items()
            for truth in [images[image_id][0]]
        ],
        "annotations": listed,
        "categories": [{"id": 7 + number, "name": name} for number, name in enumerate(names)],
    }
