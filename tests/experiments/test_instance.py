"""An mmdetection experiment goes through the same tools: Mask R-CNN trains and tests without compiled ops."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

from segloop.analysis.runs import read_run
from segloop.analysis.thresholds import InstanceRule, Thresholds, write_thresholds
from segloop.experiments.launch import Options, evaluate, train
from segloop.experiments.rerun import plan
from segloop.utils.errors import ConfigError, DataError
from tests.experiments.cells import write_cells
from tests.experiments.objects import change, write_objects


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config of a small Mask R-CNN, and its data."""
    return write_cells(tmp_path)


def test_mask_rcnn_trains_and_writes_its_predictions(config: Path, tmp_path: Path) -> None:
    train(Options(config=str(config)))
    metrics, folder = evaluate(
        Options(config=str(config)),
        checkpoint=str(tmp_path / "work/epoch_1.pth"),
        out=str(tmp_path / "p.pkl"),
    )
    assert "coco/segm_mAP" in metrics
    predictions = pickle.loads((tmp_path / "p.pkl").read_bytes())
    assert [item["img_id"] for item in predictions] == [1, 2]
    assert folder == tmp_path / "work/test/test-epoch_1"
    assert (folder / "meta.json").is_file()
    with pytest.raises(ConfigError, match=r"must end in \.json .* or \.pkl"):
        evaluate(Options(config=str(config)), out="folder")


def test_our_metric_scores_the_run_and_thresholds_apply(config: Path, tmp_path: Path) -> None:
    text = config.read_text()
    begin, end = text.index("val_evaluator = "), text.index("test_evaluator = ")
    ours = "val_evaluator = dict(type='SegLoopInstanceMetric', scores=('cells', 'spacecraft', 'coco'))\n"
    ours += "custom_imports = dict(imports=['segloop.experiments.components'])\n"
    config.write_text(f"{text[:begin]}{ours}{text[end:]}")
    train(Options(config=str(config)))
    rules = Thresholds({"cell": InstanceRule(0.0, min_area=1), "dust": InstanceRule(1.0)})
    write_thresholds(tmp_path / "work", rules)
    checkpoint, out = str(tmp_path / "work/epoch_1.pth"), tmp_path / "found.json"
    metrics, folder = evaluate(
        Options(config=str(config)), checkpoint=checkpoint, out=str(out), show_dir="drawn"
    )
    run = read_run(folder)
    assert run.kind == "instance"
    assert {"cells/mAP", "spacecraft/mIoU", "spacecraft/image_fgIoU", "coco/segm_mAP"} <= set(metrics)
    for image_id, matches in zip(("1", "2"), run.matches(), strict=True):
        assert matches.image_id == image_id
        assert len(matches.found) == len(run.found(image_id))
        assert (matches.found.kept == (matches.found.labels == 0) & (matches.found.areas > 0)).all()
    assert run.meta["thresholds"]["file"] == "thresholds.json"
    assert out.read_bytes() == run.prediction_file("1").read_bytes()
    assert len(list((tmp_path / "work").glob("*/drawn/*.png"))) == 2
    assert metrics["spacecraft/IoU.cell"] == pytest.approx(100 * run.scores["spacecraft/IoU.cell"], abs=1e-3)
    evaluate(Options(config=str(config)), checkpoint=checkpoint, thresholds=False)
    assert read_run(folder).meta["thresholds"]["classes"]["cell"] == {"score": 0.5, "min_area": 1}


def test_can_report_categories_that_mmdet_would_misname(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "ann.json"
    text = file.read_text()
    file.write_text(text.replace('"name": "cell"', '"name": "a cell"'))
    with pytest.raises(
        DataError, match=r"no category 'cell'. Did you mean 'a cell'(.*\n)*.*: cell, dust\n.*: a cell, dust"
    ):
        train(Options(config=str(config)))
    file.write_text(text.replace('"cell"', '"x"').replace('"dust"', '"cell"').replace('"x"', '"dust"'))
    with pytest.raises(DataError, match="label 0 would be 'dust' and be called 'cell'"):
        train(Options(config=str(config)))


def test_a_fold_of_coco_files_trains_tests_and_could_run_again(config: Path, tmp_path: Path) -> None:
    options = Options(config=str(config), overrides=["kfold.fold=2", "kfold.folds=2"])
    runner = train(options)
    assert len(runner.train_dataloader.dataset) == len(runner.val_dataloader.dataset) == 1
    record = json.loads((tmp_path / "work/train.json").read_text())
    assert record["data"]["content_hash"] is None  # there is no dataset.json …
    assert record["data"]["read"]["files"] == 4  # … but two pictures and the annotations of each part
    found = plan(tmp_path / "work", tool=Path("train.py"))
    assert found.differences == []
    metrics, folder = evaluate(options, checkpoint=str(tmp_path / "work/epoch_1.pth"), split="val")
    assert "coco/segm_mAP" in metrics
    assert len((folder / "images.csv").read_text().splitlines()) == 2
    annotations = tmp_path / "ann.json"
    annotations.write_text(annotations.read_text().replace('"area": 768', '"area": 700'))
    assert {each.kind for each in plan(tmp_path / "work", tool=Path("train.py")).differences} == {"data"}


def test_a_plain_config_of_mmdet_needs_no_compiled_operators(config: Path) -> None:
    code = f"from segloop.experiments.launch import *; prepare(Options(config={str(config)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_can_report_another_number_of_classes_and_a_missing_file(config: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"model\.roi_head\.mask_head\.num_classes is 3, but the data have 2 classes"
    ):
        train(Options(config=str(config), overrides=["model.roi_head.mask_head.num_classes=3"]))
    (tmp_path / "ann.json").rename(tmp_path / "other.json")
    with pytest.raises(DataError, match=r"The annotation file .*ann\.json does not exist"):
        train(Options(config=str(config)))


def test_heads_that_tell_something_else_may_have_another_number() -> None:
    from segloop.experiments.data_checks import head_classes

    model = {
        "backbone": {"num_classes": 1000},
        "rpn_head": {"num_classes": 1},
        "roi_head": {
            "bbox_head": [
                {"num_classes": 2},
                {"num_classes": 3, "loss_cls": {"type": "SeesawLoss", "num_classes": 9}},
            ],
            "semantic_head": {"num_classes": 183},
        },
        "auxiliary_head": [{"type": "STDCHead", "num_classes": 2}],
    }
    assert list(head_classes(model)) == [
        ("model.roi_head.bbox_head.0", 2),
        ("model.roi_head.bbox_head.1", 3),
    ]


def test_images_and_masks_that_cannot_be_used_are_told_together(tmp_path: Path) -> None:
    from segloop.experiments.data_checks import require_objects

    root = write_objects(tmp_path / "data")
    change(root, segmentation=[[500, 500, 520, 500, 520, 520]])
    (root / "images/train/train_0.png").unlink()
    config = Config({"model": {}})
    told = (
        r"train_0\.png: No such file(.*\n)*1 x masks without a pixel in the image\n  annotation 6 of train_3"
    )
    with pytest.raises(DataError, match=told):
        require_objects(config, {"type": "InstanceDataset", "data_root": str(root)})


def test_images_that_lie_deeper_than_the_annotations_say_are_told_with_their_place(tmp_path: Path) -> None:
    from segloop.experiments.data_checks import require_objects

    root = write_objects(tmp_path / "data")
    folder = root / "images/train/BV2"
    folder.mkdir()
    for file in (root / "images/train").glob("*.png"):
        file.rename(folder / file.name)
    told = r"→ images/train/train_0\.png lies in images/train/BV2: move .*convert\.py .*--from coco --to"
    with pytest.raises(DataError, match=told):
        require_objects(Config({"model": {}}), {"type": "InstanceDataset", "data_root": str(root)})
