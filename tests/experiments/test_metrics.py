"""The metric in mmengine's evaluator: the scores, the table, the masks, and mmseg's conventions."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from segloop.analysis.scores import RULES
from segloop.experiments import metrics as metrics_module
from segloop.experiments.metrics import SegLoopSemanticMetric, encode_mask, find_background, format_table
from segloop.utils.errors import ConfigError, DataError

META = {"classes": ["background", "disc", "star"], "palette": [[0, 0, 0], [255, 0, 0], [0, 255, 0]]}


def sample(pred, truth, image="images/1.png", **more):
    data = SegDataSample(metainfo={"img_path": image, "seg_map_path": f"masks/{image}", **more})
    data.pred_sem_seg = PixelData(data=torch.as_tensor(pred)[None])
    if truth is not None:
        data.gt_sem_seg = PixelData(data=torch.as_tensor(truth)[None])
    return data


def evaluate(samples, meta=META, **options):
    evaluator = Evaluator({"type": "SegLoopSemanticMetric", **options})
    evaluator.dataset_meta = meta
    for one in samples:
        evaluator.process([one])
    return evaluator.evaluate(len(samples)), evaluator.metrics[0]


# 10 pixels: 6 background (5 right, 1 called disc), 4 disc (3 right, 1 called background), and 1 ignored
TWO = [
    sample([[0, 0, 0, 0], [0, 1, 1, 1]], [[0, 0, 0, 0], [1, 0, 1, 1]]),
    sample([[0, 1, 2]], [[0, 1, 255]], image="images/2.png"),
]


def test_scores_are_percent_of_the_case_worked_by_hand():
    scores, metric = evaluate(TWO)
    assert scores["aAcc"] == pytest.approx(80)
    assert scores["mIoU"] == pytest.approx(100 * (5 / 7 + 3 / 5) / 2, abs=1e-4)
    assert scores["mDice_fg"] == pytest.approx(75)
    assert scores["Dice.disc"] == pytest.approx(75)
    assert "IoU.star" not in scores  # nowhere in the set: no score, and no NaN in scalars.json
    assert metric.confusion.tolist() == [[5, 1, 0], [1, 3, 0], [0, 0, 0]]
    assert metric.results == []


def test_per_class_scores_can_be_left_out():
    assert set(evaluate(TWO, per_class=False)[0]) == {"aAcc", "mIoU", "mAcc", "mDice", "mIoU_fg", "mDice_fg"}


def test_prefix_and_ignore_index():
    scores, _ = evaluate(TWO[:1], prefix="val", ignore_index=0)
    assert scores["val/aAcc"] == pytest.approx(200 / 3, abs=1e-4)


def test_one_table_and_its_rule_are_printed(monkeypatch):
    printed = []
    monkeypatch.setattr(metrics_module, "print_log", lambda text, **_: printed.append(text))
    evaluate(TWO)
    assert len(printed) == 1
    lines = printed[0].strip().splitlines()
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == [
        "Class",
        "IoU",
        "Dice",
        "Acc",
        "Share",
    ]
    assert [cell.strip() for cell in lines[3].strip("|").split("|")] == [
        "disc",
        "60.00",
        "75.00",
        "75.00",
        "40.00",
    ]
    assert "–" in lines[4]
    assert RULES["set"] in lines[-1]


def test_nothing_is_said_of_a_missing_prefix(monkeypatch):
    import mmengine.evaluator.metric as mmengine_metric

    def fail(*_, **__):
        raise AssertionError("a warning that a user can do nothing about")

    monkeypatch.setattr(mmengine_metric, "print_log", fail)
    assert SegLoopSemanticMetric().prefix is None


def test_masks_are_written_as_mmseg_does(tmp_path):
    evaluate(TWO, output_dir=str(tmp_path / "out"), keep_results=True)
    assert cv2.imread(str(tmp_path / "out/1.png"), cv2.IMREAD_UNCHANGED).tolist() == [
        [0, 0, 0, 0],
        [0, 1, 1, 1],
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["1.png", "2.png"]


def test_reduced_zero_label_is_given_back(tmp_path):
    evaluate([sample([[0, 1]], [[0, 1]], reduce_zero_label=True)], output_dir=str(tmp_path))
    assert cv2.imread(str(tmp_path / "1.png"), cv2.IMREAD_UNCHANGED).tolist() == [[1, 2]]


def test_images_of_one_name_do_not_overwrite_each_other(tmp_path):
    images = ["d/a/1.png", "d/b/1.png"]
    evaluate([sample([[i]], [[0]], image=image) for i, image in enumerate(images)], output_dir=str(tmp_path))
    assert cv2.imread(str(tmp_path / "1.png"), cv2.IMREAD_UNCHANGED).tolist() == [[0]]
    assert cv2.imread(str(tmp_path / "b/1.png"), cv2.IMREAD_UNCHANGED).tolist() == [[1]]


def test_format_only_needs_no_truth(tmp_path):
    scores, _ = evaluate([sample([[0, 2]], None)], output_dir=str(tmp_path), format_only=True)
    assert scores == {}
    assert (tmp_path / "1.png").is_file()
    with pytest.raises(ConfigError, match="output_dir"):
        SegLoopSemanticMetric(format_only=True)


def test_a_truth_outside_the_classes_names_its_file():
    with pytest.raises(DataError, match=r"masks/images/1.png: the truth holds .*: 3 \(1 pixels\)"):
        evaluate([sample([[0]], [[3]])])


def test_a_data_set_without_class_names():
    with pytest.raises(ConfigError, match="names no classes"):
        evaluate(TWO, meta={})


def test_predictions_of_a_single_output_channel_are_floats():
    scores, _ = evaluate([sample([[0.0, 1.0]], [[0, 1]])], meta={"classes": ["background", "disc"]})
    assert scores["mIoU"] == 100


@pytest.mark.parametrize(
    ("background", "meta", "expected"),
    [
        ("auto", {"classes": ["a", "Background"]}, 1),
        ("auto", {"classes": ["a", "b"]}, None),
        ("auto", {"classes": ["background", "b"], "background": None}, None),
        ("auto", {"classes": ["a", "b"], "background": 0}, 0),
        (1, {"classes": ["background", "b"]}, 1),
        (None, {"classes": ["background", "b"]}, None),
    ],
)
def test_where_the_background_comes_from(background, meta, expected):
    assert find_background(background, meta) == expected


def test_more_than_256_classes_are_written_with_16_bits():
    read = cv2.imdecode(np.frombuffer(encode_mask(np.array([[0, 700]])), np.uint8), cv2.IMREAD_UNCHANGED)
    assert read.dtype == np.uint16
    assert read.tolist() == [[0, 700]]


def test_the_name_is_ours_alone():
    from mmdet.registry import METRICS as MMDET
    from mmseg.registry import METRICS as MMSEG

    assert METRICS.get("SegLoopSemanticMetric") is SegLoopSemanticMetric
    assert "SegLoopSemanticMetric" not in MMSEG.module_dict
    assert "SegLoopSemanticMetric" not in MMDET.module_dict


def test_format_table_takes_wide_cells():
    assert format_table(("A", "B"), [("long name", "1")]).splitlines()[0] == "| A         | B |"
