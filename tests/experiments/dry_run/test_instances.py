"""What mmdet drops in silence, and names that differ, are told before an instance training starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from segloop.data.coco_losses import Losses, compare_names
from segloop.experiments.data_checks import reads_as_coco
from segloop.experiments.dry_run.instances import (
    coco_rows,
    image_rows,
    loaded_rows,
    loader_rules,
    loss_rows,
    metric_rows,
    name_rows,
    repeated_rows,
)
from segloop.experiments.dry_run.report import BAD, GOOD, NOTE, Row
from segloop.experiments.launch import Options, train
from tests.experiments.cells import write_cells
from tests.experiments.dry_run.trying import contents, tried_test, tried_training


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config of a small Mask R-CNN, and its data."""
    return write_cells(tmp_path)


def change(config: Path, **changes: Any) -> None:
    """Change the second annotation of the set, or the lists of the file."""
    file = config.parent / "ann.json"
    content = json.loads(file.read_text())
    for key, value in changes.items():
        if key in content:
            content[key] = value
        else:
            content["annotations"][1][key] = value
    file.write_text(json.dumps(content))


def test_an_instance_training_and_its_test_are_tried(config: Path, tmp_path: Path) -> None:
    before = contents(tmp_path)
    tried = tried_training(config)
    assert tried.code == 0, f"{tried.text} {tried.error}"
    assert "the file has the 2 classes in this order: cell, dust" in tried.row("classes", "✓")
    assert "train: 2 in the file, 2 kept" in tried.row("instances", "✓")
    assert "train: 2 in the file, 2 kept" in tried.row("images", "✓")
    assert "the largest (64x64) and the fullest (1 instance) first" in tried.row("training", "✓")
    assert "MaskRCNN" in tried.row("model")
    assert contents(tmp_path) == before

    train(Options(config=str(config)))
    before = contents(tmp_path)
    tried = tried_test(config, checkpoint=str(tmp_path / "work/epoch_1.pth"), out=str(tmp_path / "p.pkl"))
    assert tried.code == 0, f"{tried.text} {tried.error}"
    assert "2 batches x" in tried.row("time")
    assert contents(tmp_path) == before


def test_losses_are_told_with_their_reasons(config: Path) -> None:
    change(config, iscrowd=1, segmentation={"size": [64, 64], "counts": [0, 64, 4032]})
    tried = tried_training(config)
    row = tried.row("instances", "!")
    assert "train: 2 in the file, 1 kept, 1 ignored as crowds" in row
    assert "1 ignored: iscrowd=1, e.g. annotation 2 of 2.png → CVAT exports each mask with iscrowd=1" in row
    assert tried.code == 0, f"{tried.text} {tried.error}"


def test_names_that_no_class_has_are_refused_and_nothing_is_tried(config: Path) -> None:
    change(config, categories=[{"id": 1, "name": "Cell"}, {"id": 2, "name": "Dust"}])
    tried = tried_training(config, "train_dataloader.dataset.filter_cfg.filter_empty_gt=True")
    assert tried.code == 2
    assert "the file has no category 'cell'. Did you mean 'Cell'?" in str(tried.error)
    assert "No step was tried" in tried.text


def test_labels_that_would_be_misnamed_are_refused(config: Path) -> None:
    change(config, categories=[{"id": 2, "name": "dust"}, {"id": 1, "name": "cell"}])
    tried = tried_training(config)
    assert tried.code == 2
    assert "label 0 would be 'dust' and be called 'cell'" in str(tried.error)


def test_images_that_are_broken_or_of_another_size_are_findings(config: Path, tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:100])
    content = json.loads((tmp_path / "ann.json").read_text())
    content["images"][1]["width"] = 70
    rows = list(image_rows("train", {"data_root": str(tmp_path)}, content, facts={}))
    assert [row.mark for row in rows] == [BAD, BAD]
    assert rows[0].below[0].startswith("1.png: truncated")
    assert rows[1].below == ("2.png: 70x64 there, 64x64 on disk",)


def test_a_file_of_another_form_is_refused(config: Path, tmp_path: Path) -> None:
    (tmp_path / "ann.json").write_text("{")
    tried = tried_training(config)
    assert tried.code == 2
    assert "not valid JSON" in str(tried.error)


def test_one_class_without_a_comma_is_told(config: Path) -> None:
    text = config.read_text().replace("classes=('cell', 'dust')", "classes=('cell')")
    config.write_text(text)
    tried = tried_training(
        config, "model.roi_head.bbox_head.num_classes=4", "model.roi_head.mask_head.num_classes=4"
    )
    assert tried.code == 2
    assert "write classes=('cell',), with a comma" in str(tried.error)


def names(*there: str, classes: tuple[str, ...] = ("cell", "dust")) -> list[Row]:
    content = {"categories": [{"id": n, "name": name} for n, name in enumerate(there)]}
    return list(name_rows("train", compare_names(content, classes), content=content, classes=classes))


def test_names_of_a_file_and_of_classes() -> None:
    assert [row.mark for row in names("cell", "dust")] == [GOOD]
    (extra,) = names("cell", "dust", "hair")
    assert (extra.mark, "not learnt: 'hair'" in extra.text) == (NOTE, True)
    (missing,) = names("dust")
    assert (missing.mark, "no category 'cell'" in missing.text) == (BAD, True)
    assert "several categories of the file are called 'dust'" in names("cell", "dust", "dust")[0].text


def test_faults_are_findings() -> None:
    losses = Losses(instances=2, kept=1, images=1, images_kept=1)
    losses.faults["no-mask"] = 1
    losses.note("no-mask", "annotation 2 of 1.png")
    *_, row = loss_rows("train", losses)
    assert row.mark == BAD
    assert row.text == "train: 1 x annotations without segmentation, e.g. annotation 2 of 1.png"


def test_rules_are_read_from_the_config() -> None:
    pipeline = [
        {"type": "LoadImageFromFile"},
        {"type": "LoadAnnotations", "with_mask": True, "poly2mask": False},
    ]
    dataset = {
        "type": "CityscapesDataset",
        "pipeline": pipeline,
        "filter_cfg": {"filter_empty_gt": True, "min_size": 32},
    }
    rules = loader_rules(dataset, ["a"])
    assert (rules.with_mask, rules.poly2mask, rules.crowds_are_empty) == (True, False, True)
    assert (rules.filter_empty_gt, rules.min_size) == (True, 32)
    rules = loader_rules({**dataset, "type": "CocoDataset", "test_mode": True}, ["a"])
    assert (rules.filter_empty_gt, rules.min_size, rules.crowds_are_empty) == (False, 0, False)


def test_a_metric_that_reads_another_file_is_told_if_images_are_missing(config: Path, tmp_path: Path) -> None:
    dataset = {"type": "CocoDataset", "data_root": str(tmp_path), "ann_file": "ann.json"}
    metric = {"type": "CocoMetric", "ann_file": str(tmp_path / "other.json")}
    content = json.loads((tmp_path / "ann.json").read_text())
    (tmp_path / "other.json").write_text(json.dumps(content))
    assert not list(metric_rows("val", [metric, {"type": "Other"}], dataset))
    del content["images"][1]
    (tmp_path / "other.json").write_text(json.dumps(content))
    (row,) = metric_rows("val", metric, dataset)
    assert "lacks 1 images" in row.text
    assert row.below == ("2.png",)
    (tmp_path / "other.json").unlink()
    (row,) = metric_rows("val", metric, dataset)
    assert "cannot be read" in row.text


def test_only_what_reads_as_coco_is_counted() -> None:
    kinds = {
        "CocoDataset": True,
        "CityscapesDataset": True,
        "LVISV1Dataset": False,
        "CocoPanopticDataset": False,
    }
    assert {kind: reads_as_coco({"type": kind}) for kind in [*kinds, "XMLDataset"]} == {
        **kinds,
        "XMLDataset": False,
    }
    dataset = {"type": "LVISV1Dataset", "ann_file": "gone.json"}
    (row,) = coco_rows("train", dataset, facts={}, counts=[])
    assert (row.mark, "rules of its own" in row.text) == (NOTE, True)


def test_a_loader_with_rules_of_its_own_is_told() -> None:
    class Loaded:
        def __len__(self) -> int:
            return 2

        def get_data_info(self, index: int) -> dict[str, Any]:
            return {"instances": [{}, {}]}

    losses = Losses(instances=4, kept=4, images=2, images_kept=2)
    assert not list(loaded_rows("train", Loaded(), losses))
    losses.kept = 3
    (row,) = loaded_rows("train", Loaded(), losses)
    assert "hands on 4 instances in 2 images" in row.text
    assert not list(loaded_rows("train", Loaded(), losses, most=1))


def test_what_is_left_out_of_images_that_are_listed_again_is_told() -> None:
    whole = {"images": [{"id": 1}, {"id": 2}], "annotations": [{}, {}, {}]}
    (row,) = repeated_rows("train", whole, {"images": [{"id": 1}], "annotations": [{}]})
    assert row.mark == NOTE
    assert "1 images are listed again" in row.text
    assert "2 objects of the others are left out" in row.text
    assert not list(repeated_rows("train", whole, whole))
