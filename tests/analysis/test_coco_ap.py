"""COCO's scores: golden cases by hand, and to the last bit those of pycocotools."""

from __future__ import annotations

import contextlib
import io
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from segloop.analysis.coco_ap import CocoAP
from segloop.analysis.instances import Instances
from segloop.analysis.matching import match
from segloop.data.masks import areas, boxes_xyxy, to_strings
from tests.analysis.cases import NAMES, nothing, objects, random_pair

Image = tuple[Instances, Instances]


def ours(images: list[Image], **options: Any) -> dict[str, float]:
    score = CocoAP(NAMES, **options)
    for number, (truth, found) in enumerate(images):
        score.add(match(truth, found, image_id=f"{number:04d}"))
    return score.scores()


def annotations(side: Instances, image: int, first: int, *, kind: str) -> list[dict[str, Any]]:
    boxes = side.boxes_xyxy if side.boxes_xyxy is not None else boxes_xyxy(side.runs, side.size_hw)
    made = []
    for place, (text, box, area) in enumerate(
        zip(to_strings(side.runs), boxes.tolist(), areas(side.runs), strict=True)
    ):
        each: dict[str, Any] = {"image_id": image, "category_id": int(side.labels[place]) + 1}
        xywh = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
        mask = {"size": list(side.size_hw), "counts": text}
        if side.scores is None:
            crowd = int(side.crowd[place]) if side.crowd is not None else 0
            area = float(side.coco_areas[place]) if side.coco_areas is not None else area
            each |= {"id": first + place, "iscrowd": crowd, "area": area, "bbox": xywh, "segmentation": mask}
        else:
            each |= {"score": float(side.scores[place])}
            each |= {"bbox": xywh} if kind == "bbox" else {"segmentation": mask}
        made.append(each)
    return made


def theirs(images: list[Image], *, kind: str, max_dets: tuple[int, ...]) -> dict[str, float]:
    truth: dict[str, Any] = {"categories": [{"id": k, "name": n} for k, n in enumerate(NAMES, 1)]}
    truth |= {"images": [], "annotations": []}
    found: list[dict[str, Any]] = []
    for number, (true, other) in enumerate(images, 1):
        truth["images"].append({"id": number, "height": true.size_hw[0], "width": true.size_hw[1]})
        truth["annotations"] += annotations(true, number, len(truth["annotations"]) + 1, kind=kind)
        found += annotations(other, number, 0, kind=kind)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        run = COCOeval(coco, coco.loadRes(found), kind)
        run.params.maxDets = list(max_dets)
        run.evaluate()
        run.accumulate()

    def mean(values: np.ndarray) -> float:
        return float(values[values > -1].mean()) if (values > -1).any() else math.nan

    precision, recall, name = run.eval["precision"], run.eval["recall"], f"coco/{kind}"
    scores = {f"{name}_mAP{s}": mean(precision[..., a, -1]) for a, s in enumerate(("", "_s", "_m", "_l"))}
    scores |= {
        f"{name}_mAP_50": mean(precision[0, :, :, 0, -1]),
        f"{name}_mAP_75": mean(precision[5, :, :, 0, -1]),
    }
    scores |= {f"{name}_AR@{most}": mean(recall[:, :, 0, k]) for k, most in enumerate(max_dets)}
    scores |= {
        f"{name}_AR{s}@{max_dets[-1]}": mean(recall[:, :, a, -1]) for a, s in enumerate(("_s", "_m", "_l"), 1)
    }
    return scores | {f"{name}_mAP.{label}": mean(precision[:, :, k, 0, -1]) for k, label in enumerate(NAMES)}


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 4),
    size_hw=st.sampled_from([(8, 9), (60, 50), (130, 120)]),
    max_dets=st.sampled_from([(1, 10, 100), (1, 2, 3)]),
    kind=st.sampled_from(["segm", "bbox"]),
)
def test_agrees_with_pycocotools(
    seed: int, count: int, size_hw: tuple[int, int], max_dets: tuple[int, ...], kind: Any
) -> None:
    draw = np.random.default_rng(seed)
    images = [random_pair(draw, size_hw=size_hw) for _ in range(count)]
    for truth, found in images:
        if draw.random() < 0.5:  # areas and boxes that are not those of the masks
            object.__setattr__(truth, "coco_areas", draw.integers(0, 10**4, len(truth)).astype(float))
            boxes = boxes_xyxy(found.runs, size_hw) + draw.integers(0, 4, (len(found), 4)) / 4
            object.__setattr__(found, "boxes_xyxy", boxes.reshape(-1, 4))
    if not any(len(found) for _, found in images):
        return  # pycocotools cannot load no results
    found_scores = ours(images, kind=kind, max_dets=max_dets)
    wanted = theirs(images, kind=kind, max_dets=max_dets)
    assert found_scores.keys() == wanted.keys()
    for key, value in wanted.items():
        assert found_scores[key] == pytest.approx(value, abs=1e-12, nan_ok=True), key


def two_objects() -> Image:
    return objects("aaaa....bbbb...."), objects("xxxx.....yyyy...", scores=[0.9, 0.8])


def test_average_precision_worked_by_hand() -> None:
    scores = ours([two_objects()])
    # IoU 1, and 3/5 that counts at .50, .55 and .60; else recall 1/2 at precision 1: 51 of 101 recalls
    assert scores["coco/segm_mAP"] == pytest.approx((3 * 1 + 7 * 51 / 101) / 10)
    assert scores["coco/segm_mAP_50"] == 1
    assert scores["coco/segm_mAP_75"] == pytest.approx(51 / 101)
    assert scores["coco/segm_mAP.a"] == scores["coco/segm_mAP"] == scores["coco/segm_mAP_s"]
    assert scores["coco/segm_AR@1"] == pytest.approx(1 / 2)
    assert scores["coco/segm_AR@100"] == pytest.approx((3 * 1 + 7 / 2) / 10)
    assert all(math.isnan(scores[f"coco/segm_{key}"]) for key in ("mAP.b", "mAP_m", "mAP_l", "AR_l@100"))


def test_a_sure_mistake_halves_the_precision() -> None:
    truth, found = objects("aa.."), objects("xxyy", scores=[0.5, 0.9])
    assert ours([(truth, found)])["coco/segm_mAP"] == pytest.approx(1 / 2)


def test_a_crowd_takes_many_and_counts_none() -> None:
    truth = objects("ccccaa", "ac", crowd="c")
    found = objects("xxyyzz", scores=[0.9, 0.8, 0.7])
    assert ours([(truth, found)])["coco/segm_mAP"] == pytest.approx(1)


def test_sets_without_truth_or_without_finds() -> None:
    empty = nothing((1, 2))
    assert math.isnan(ours([])["coco/segm_mAP"])
    assert math.isnan(ours([(empty, objects("xx", scores=[1]))])["coco/segm_mAP"])
    assert ours([(objects("aa"), empty)])["coco/segm_mAP"] == 0
    assert math.isnan(ours([(objects("aa", crowd="a"), empty)])["coco/segm_mAP"])


def test_the_order_of_images_decides_nothing() -> None:
    draw = np.random.default_rng(8)
    images = [match(*random_pair(draw), image_id=str(number)) for number in range(6)]
    scores = []
    for order in (images, images[::-1]):
        score = CocoAP(NAMES)
        for image in order:
            score.add(image)
        scores.append(score.scores())
    np.testing.assert_equal(scores[0], scores[1])


def test_what_is_not_kept_counts_too() -> None:
    score = CocoAP(NAMES)
    score.add(match(*two_objects(), kept=[False, False]))
    assert score.scores()["coco/segm_mAP_50"] == 1
