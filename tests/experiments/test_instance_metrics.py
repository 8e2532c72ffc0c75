"""The metric of objects in mmengine's evaluator: scores, thresholds, table, and where the truth is from."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS

from segloop.analysis.thresholds import InstanceRule, Thresholds, write_thresholds
from segloop.experiments import instance_metrics
from segloop.experiments.instance_metrics import SegLoopInstanceMetric, families, headline, score_table
from segloop.utils.errors import ConfigError, DataError
from tests.experiments.instance_drawings import META, found, listed, sample

FAMILIES = ("coco", "cells", "ships", "pq", "match", "cityscapes", "spacecraft")


def evaluate(samples: list[dict], meta: dict = META, **options: Any) -> tuple[dict[str, float], Any]:
    evaluator = Evaluator({"type": "SegLoopInstanceMetric", **options})
    evaluator.dataset_meta = meta
    for one in samples:
        evaluator.process([one])
    return evaluator.evaluate(len(samples)), evaluator.metrics[0]


# Of four panel pixels three are found; the body is missed; a second panel of two pixels is invented.
TRUTH = listed("aa.b aa.b ....", "ab", labels=[0, 1])
FOUND = found("aa.. a... ..cc", "ac", labels=[0, 0], scores=[0.9, 0.6])


def test_scores_are_percent_of_the_case_worked_by_hand() -> None:
    scores, metric = evaluate([sample(FOUND, TRUTH)], scores=("spacecraft", "match", "cells", "coco", "pq"))
    assert scores["spacecraft/IoU.panel"] == 50  # 3 of 6
    assert scores["spacecraft/mIoU"] == 25
    assert scores["spacecraft/image_fgIoU"] == 37.5  # 3 of 8
    assert scores["match/recall"] == 50
    assert scores["match/IoU"] == 75
    assert scores["cells/mAP"] == pytest.approx(100 * 5 / 10 / 3, abs=1e-4)  # IoU 0.75 is over .5 … .7
    assert scores["coco/segm_mAP"] == pytest.approx(100 * 6 / 10 / 2, abs=1e-4)  # COCO's is .75 or more
    assert scores["pq/PQ"] == pytest.approx(100 * 0.75 / 1.5 / 2, abs=1e-4)
    assert metric.results == []
    assert scores == {name: value for name, value in scores.items() if math.isfinite(value)}


def test_scores_that_count_take_what_passes_the_thresholds_and_ap_takes_all() -> None:
    samples = [sample(FOUND, TRUTH)]
    one, _ = evaluate(samples, scores=("spacecraft", "coco"), score_thr=0.7)
    assert one["spacecraft/IoU.panel"] == 75
    assert one["coco/segm_mAP"] == pytest.approx(30)
    none, _ = evaluate(samples, scores=("spacecraft", "coco"), score_thr={"panel": 0.95, "body": 0.1})
    assert none["spacecraft/IoU.panel"] == 0
    assert none["coco/segm_mAP"] == pytest.approx(30)
    large, _ = evaluate(samples, scores=("spacecraft",), min_area=3)
    assert large["spacecraft/IoU.panel"] == 75


def test_tuned_thresholds_replace_those_of_the_config(tmp_path: Path) -> None:
    rules = {"panel": InstanceRule(0.7), "body": InstanceRule(0.2, min_area=9)}
    file = write_thresholds(tmp_path, Thresholds(rules))
    scores, metric = evaluate([sample(FOUND, TRUTH)], scores=("spacecraft",), thresholds=str(file))
    assert scores["spacecraft/IoU.panel"] == 75
    assert metric.rule_of_found() == (
        "The thresholds of thresholds.json: panel: score >= 0.7; body: score >= 0.2 and >= 9 pixels."
    )
    assert metric.describe()["thresholds"]["classes"]["body"] == {"score": 0.2, "min_area": 9}
    with pytest.raises(DataError, match=r"does not fit the model's classes \(ship\)"):
        evaluate([sample(FOUND, TRUTH)], {"classes": ["ship"]}, thresholds=str(file))


@pytest.mark.parametrize("family", FAMILIES)
def test_predictions_empty_everywhere_are_scored_and_no_score_is_nan(family: str) -> None:
    scores, _ = evaluate([sample(found("....", ""), listed("aab.", "ab")) for _ in "12"], scores=(family,))
    assert scores or family == "cityscapes"  # which takes no objects under 100 pixels
    assert all(value == 0 for value in scores.values())
    json.dumps(scores, allow_nan=False)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_set_without_objects_or_with_crowds_only_gives_no_nan(family: str) -> None:
    for truth in ([], listed("aab.", "a", crowd="a")):
        scores, _ = evaluate([sample(found("aab.", ""), truth)], scores=(family,))
        json.dumps(scores, allow_nan=False)
        assert all(value in (0, 100) for value in scores.values())  # 100: nothing was to be found
        hit, _ = evaluate([sample(found("aab.", "a"), truth)], scores=(family,))
        json.dumps(hit, allow_nan=False)


def test_a_split_without_labels_is_told_apart_from_a_perfect_score() -> None:
    nothing: list[dict] = []
    quiet = found("aab.", "")
    scores, metric = evaluate([sample(quiet, nothing)] * 2, scores=("cells",))
    assert scores["cells/mAP"] == 100
    scorer = metric.scorer()
    assert "nothing to find" not in metric.rules_in_words(scorer)  # nothing was scored yet
    scorer.add(metric.judge(sample(quiet, nothing)).matches)
    told = metric.rules_in_words(scorer)["nothing to find"]
    assert told.startswith("The truth of these 1 images holds no object: ")
    assert "Is this a split without labels?" in told
    scorer.add(metric.judge(sample(FOUND, TRUTH)).matches)
    assert "nothing to find" not in metric.rules_in_words(scorer)


def test_images_without_objects_count_by_the_rule_of_each_score() -> None:
    scores, _ = evaluate(
        [sample(FOUND, TRUTH), sample(found("....", ""), []), sample(found("aa..", "a"), [])],
        scores=("spacecraft", "cells"),
    )
    assert scores["spacecraft/image_fgIoU"] == pytest.approx(37.5 / 2)  # the second has nothing to judge by
    assert scores["cells/mAP"] == pytest.approx(100 * (5 / 10 / 3 + 1 + 0) / 3, abs=1e-4)


def test_the_truth_comes_from_the_sample_the_pipeline_or_a_file(tmp_path: Path) -> None:
    import numpy as np

    from segloop.data.patch_masks import PatchMasks

    expected, _ = evaluate([sample(FOUND, TRUTH)])
    bitmaps = [[[1, 1, 0, 0], [1, 1, 0, 0], [0] * 4], [[0, 0, 0, 1], [0, 0, 0, 1], [0] * 4]]
    loaded = {"masks": PatchMasks.of_bitmaps(np.array(bitmaps)), "labels": np.array([0, 1])}
    assert evaluate([sample(FOUND, gt_instances=loaded)])[0] == expected
    file = write_coco(tmp_path, TRUTH, names=("body", "panel"))  # in another order than the classes
    assert evaluate([sample(FOUND, [])], ann_file=str(file))[0] == expected
    with pytest.raises(DataError, match=r"val\.json, which the metric reads, has no image of id 5"):
        evaluate([sample(FOUND, []) | {"img_id": 5}], ann_file=str(file))
    with pytest.raises(ConfigError, match="finds no true objects"):
        evaluate([sample(FOUND)])


def write_coco(folder: Path, objects: list[dict], *, names: tuple[str, ...]) -> Path:
    annotations = [
        {
            "id": number,
            "image_id": 1,
            "category_id": 10 + names.index(META["classes"][each["bbox_label"]]),
            "segmentation": each["mask"],
            "bbox": [0, 0, 4, 3],
            "area": 4,
            "iscrowd": each["ignore_flag"],
        }
        for number, each in enumerate(objects, 1)
    ]
    content = {
        "images": [{"id": 1, "file_name": "1.png", "width": 4, "height": 3}],
        "annotations": annotations,
        "categories": [{"id": 10 + place, "name": name} for place, name in enumerate(names)],
    }
    (folder / "val.json").write_text(json.dumps(content))
    return folder / "val.json"


def test_can_report_classes_that_the_file_lacks(tmp_path: Path) -> None:
    file = write_coco(tmp_path, TRUTH, names=("panel", "body"))
    with pytest.raises(Exception, match=r"val\.json.*no category 'pannel'.*\n?.*Did you mean 'panel'"):
        evaluate([sample(FOUND, [])], {"classes": ["pannel", "body"]}, ann_file=str(file))


def test_can_report_thresholds_and_families_that_are_none() -> None:
    with pytest.raises(ConfigError, match=r"no family 'cell'. Did you mean 'cells'\? There are: coco, "):
        SegLoopInstanceMetric(scores=("cell",))
    with pytest.raises(ConfigError, match="none is asked for"):
        SegLoopInstanceMetric(scores=())
    with pytest.raises(ConfigError, match=r"'panels' is no class\. Did you mean 'panel'.*has no value"):
        evaluate([sample(FOUND, TRUTH)], score_thr={"panels": 0.5, "body": 0.5})
    with pytest.raises(ConfigError, match="names no classes"):
        evaluate([sample(FOUND, TRUTH)], {})


def test_one_table_and_once_the_rules_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[str] = []
    monkeypatch.setattr(instance_metrics, "print_log", lambda text, **_: printed.append(text))
    evaluator = Evaluator({"type": "SegLoopInstanceMetric", "scores": ["spacecraft", "coco"]})
    evaluator.dataset_meta = META
    for _ in range(2):
        evaluator.process([sample(FOUND, TRUTH)])
        evaluator.evaluate(1)
    assert len(printed) == 2
    lines = printed[0].strip().splitlines()
    assert lines[2] == "| panel |          50.00 |         60.00 |                      – |"
    assert lines[4] == "| all   |          25.00 |         30.00 |                  37.50 |"
    assert any(line == "The thresholds: score >= 0.5." for line in lines)
    assert printed[1].strip().splitlines() == lines[:5]


def test_columns_of_the_table_leave_out_cocos_many_recalls() -> None:
    table = score_table({"coco/segm_mAP": 0.5, "coco/segm_mAP.a": 0.5, "coco/segm_AR@1": 0.1}, ["a"])
    assert "AR@1" not in table


def test_per_class_scores_can_be_left_out_and_a_prefix_set() -> None:
    scores, metric = evaluate([sample(FOUND, TRUTH)], per_class=False, prefix="val", scores="match")
    assert (
        set(scores) == {"val/match/IoU", "val/match/recall", "val/match/precision"} == set(metric.score_names)
    )


def test_processes_send_matches_and_one_process_keeps_none(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [sample(FOUND, TRUTH, image=f"d/{number}.png") for number in range(3)]
    expected, _ = evaluate(samples)
    monkeypatch.setattr(instance_metrics, "get_world_size", lambda: 2)
    metric = SegLoopInstanceMetric()
    metric.dataset_meta = META
    metric.process(None, samples)
    assert all(each is not None for each in metric.results)
    assert metric.evaluate(2) == pytest.approx(expected)  # the third is padding, and dropped
    monkeypatch.undo()
    metric.process(None, samples)
    assert metric.results == [None] * 3


def test_families_and_headline() -> None:
    assert families(("coco", "match", "coco/segm")) == ("coco/segm", "match")
    assert headline(("coco",), max_dets=(1, 7))[:2] == ["coco/segm_mAP", "coco/segm_mAP_50"]
    assert "coco/segm_AR@7" in headline(("coco",), max_dets=(1, 7))


def test_the_name_is_ours_alone() -> None:
    from mmdet.registry import METRICS as MMDET
    from mmseg.registry import METRICS as MMSEG

    assert METRICS.get("SegLoopInstanceMetric") is SegLoopInstanceMetric
    assert "SegLoopInstanceMetric" not in MMSEG.module_dict
    assert "SegLoopInstanceMetric" not in MMDET.module_dict
