"""An experiment on a set of objects goes through the tools: it trains, resumes to the bit, is tried."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from segloop.experiments.browse import browse
from segloop.experiments.launch import Options, train
from segloop.utils.errors import ConfigError, DataError
from tests.experiments.dry_run.trying import contents, tried_training
from tests.experiments.objects import change, write_experiment, write_objects

PASTE = (
    "load = [dict(type='LoadImageFromFile'), dict(type='LoadInstances')]",
    "train_dataloader['dataset']['pipeline'] = [*load, dict(type='InstanceCrop', size=40), "
    "dict(type='PasteInstances', prob=0.9), dict(type='PackDetInputs')]",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_objects(tmp_path / "data")


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, map_location="cpu", weights_only=False)["state_dict"]


def test_a_run_that_pastes_objects_goes_on_exactly(root: Path, tmp_path: Path) -> None:
    config = str(write_experiment(tmp_path, root, *PASTE))
    longer = ["train_cfg.max_iters=3", "train_cfg.val_interval=3"]
    whole, parts = str(tmp_path / "whole"), str(tmp_path / "parts")
    train(Options(config=config, overrides=longer, work_dir=whole))
    Path(parts).mkdir()
    for name in ("last_checkpoint", "iter_2.pth"):
        (Path(parts) / name).write_bytes((Path(whole) / name).read_bytes().replace(b"iter_3", b"iter_2"))
    (Path(parts) / "last_checkpoint").write_text(f"{parts}/iter_2.pth")
    train(Options(config=config, overrides=longer, work_dir=parts), resume="auto")
    one, other = weights(Path(whole) / "iter_3.pth"), weights(Path(parts) / "iter_3.pth")
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_training_is_tried_and_its_objects_are_counted(root: Path, tmp_path: Path) -> None:
    config = write_experiment(tmp_path, root)
    before = contents(tmp_path)
    tried = tried_training(config)
    assert tried.code == 0, f"{tried.text} {tried.error}"
    assert "the file has the 2 classes in this order: cell, dust" in tried.row("classes", "✓")
    assert "train: 6 in the file, 6 kept" in tried.row("instances", "✓")
    assert "4 kept; 1 of these show nothing to learn" in tried.row("images")
    assert "the fullest (3 instances) first" in tried.row("training", "✓")
    assert "rules of its own" not in tried.text
    left = contents(tmp_path)
    assert {name for name in left if ".segloop" not in str(name)} == set(before)


def test_batches_are_shown_with_their_objects(root: Path, tmp_path: Path) -> None:
    config = str(write_experiment(tmp_path, root, *PASTE))
    shown = browse(Options(config=config), count=2)
    assert shown.classes.names == ("cell", "dust")
    images = [image for batch in shown.batches for image in batch.images]
    assert len(images) == 4
    assert any(len(image.labels) for image in images)
    assert all(len(image.masks) == len(image.labels) == len(image.boxes_xyxy) for image in images)


def test_a_fold_of_a_described_set_trains(root: Path, tmp_path: Path) -> None:
    config = str(write_experiment(tmp_path, root))
    runner = train(Options(config=config, overrides=["kfold.fold=1", "kfold.folds=2"]))
    assert len(runner.train_dataloader.dataset) == len(runner.val_dataloader.dataset) == 2
    assert runner.val_dataloader.dataset.metainfo["classes"] == ("cell", "dust")


def test_can_report_a_wrong_number_of_classes_and_broken_images(root: Path, tmp_path: Path) -> None:
    config = str(write_experiment(tmp_path, root))
    heads = ["model.roi_head.bbox_head.num_classes=3", "model.roi_head.mask_head.num_classes=3"]
    with pytest.raises(ConfigError, match="but the data have 2 classes: cell, dust"):
        train(Options(config=config, overrides=heads))
    (root / "images/train/train_1.png").unlink()
    (root / "images/train/train_2.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"2 image\(s\) of .*instances_train\.json cannot be used") as error:
        train(Options(config=config))
    assert "images/train/train_1.png: " in str(error.value)
    assert "images/train/train_2.png: " in str(error.value)


def test_can_report_faults_of_both_splits_at_once(root: Path, tmp_path: Path) -> None:
    config = str(write_experiment(tmp_path, root))
    change(root, area=0)
    change(root, "val", annotations=[{"id": 1, "image_id": 7, "category_id": 3}])
    with pytest.raises(DataError, match="area 0") as error:
        train(Options(config=config))
    assert "instances_train.json cannot be used as it is" in str(error.value)
    assert "instances_val.json cannot be used as it is" in str(error.value)


def test_two_thousand_objects_in_an_image_train(root: Path, tmp_path: Path) -> None:
    file = root / "annotations/instances_train.json"
    content = json.loads(file.read_text())
    last = content["annotations"][-1]
    content["annotations"] += [{**last, "id": number} for number in range(100, 2100)]
    file.write_text(json.dumps(content))
    config = str(write_experiment(tmp_path, root))
    runner = train(
        Options(config=config, overrides=["train_cfg.max_iters=2", "train_dataloader.batch_size=4"])
    )
    assert runner.iter == 2


def test_can_report_weights_of_another_model_and_takes_those_of_another_task(
    root: Path, tmp_path: Path
) -> None:
    config = str(write_experiment(tmp_path, root))
    train(Options(config=config))
    other = {"state_dict": {"backbone.encoder.0.weight": torch.zeros(3)}, "meta": {}}
    torch.save(other, tmp_path / "unet.pth")
    with pytest.raises(ConfigError, match=r"unet\.pth is a checkpoint of another model: 0 of \d+ tensors"):
        train(
            Options(
                config=config, overrides=[f"load_from={tmp_path / 'unet.pth'}"], work_dir=str(tmp_path / "w2")
            )
        )
    start = f"load_from={tmp_path / 'work/iter_2.pth'}"
    one = ["train_dataloader.dataset.join=thing", "val_dataloader.dataset.join=thing"]
    one += ["model.roi_head.bbox_head.num_classes=1", "model.roi_head.mask_head.num_classes=1"]
    one += ["model.guide.num_classes=1"]
    runner = train(Options(config=config, overrides=[start, *one], work_dir=str(tmp_path / "w3")))
    assert runner.iter == 2
    log = next((tmp_path / "w3").glob("*/*.log")).read_text()
    assert "anew start:\n  roi_head.bbox_head.fc_cls.weight\n  roi_head.bbox_head.fc_cls.bias" in log
    with pytest.raises(ConfigError, match=r"another model: (.*\n)*.*--resume cannot .*load_from="):
        train(
            Options(config=config, overrides=one, work_dir=str(tmp_path / "w4")), resume=start.split("=")[1]
        )
