"""What a test's flags make of an instance config: thresholds, splits, outputs, pictures, augmentation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from segloop.analysis.thresholds import ComponentRule, InstanceRule, Thresholds, write_thresholds
from segloop.data.info import ClassInfo, DatasetInfo, Files
from segloop.experiments.testing import (
    copy_results,
    next_test,
    prepare_test,
    settle_outputs,
    split_instead,
    use_split,
    use_thresholds,
)
from segloop.utils.errors import ConfigError, DataError

RULES = Thresholds(
    {"panel": InstanceRule(0.4, min_area=12), "body": InstanceRule(0.6)},
    {"split": "val", "metric": "cells/mAP", "score": 0.5},
)


def config(**changes: Any) -> Config:
    """Return what these functions look at of an instance config."""
    return Config(
        {
            "default_scope": "mmdet",
            "model": {"type": "MaskRCNN", "roi_head": {"bbox_head": {}, "mask_head": {}}},
            "test_dataloader": {"dataset": {"type": "InstanceDataset", "data_root": "d", "pipeline": []}},
            "test_evaluator": {"type": "SegLoopInstanceMetric"},
            **changes,
        }
    )


def settle(config: Config, **flags: Any) -> Config:
    """Settle outputs with flags that are off otherwise."""
    off = {"out": None, "show": False, "show_dir": None, "wait_time": 2.0, "tta": False}
    settle_outputs(config, **off | flags)
    return config


def test_thresholds_beside_the_checkpoint_are_applied_and_told(tmp_path: Path) -> None:
    file = write_thresholds(tmp_path, RULES)
    checkpoint = tmp_path / "best.pth"
    tested = config(test_evaluator=[{"type": "SegLoopInstanceMetric"}, {"type": "CocoMetric"}])
    told = use_thresholds(tested, checkpoint=checkpoint)
    assert told == (
        f"Thresholds of {file}, tuned on 'val' for cells/mAP: body 0.6, panel 0.4 from 12 px. "
        "Without them: --no-thresholds"
    )
    assert tested.test_evaluator[0].thresholds == str(file)
    assert "thresholds" not in tested.test_evaluator[1]
    write_thresholds(tmp_path, replace(RULES, tuned_on={"checkpoint": "iter_9.pth"}))
    assert "12 px; they were tuned on iter_9.pth, not on best.pth" in str(
        use_thresholds(tested, checkpoint=checkpoint)
    )
    told = use_thresholds(tested, checkpoint=checkpoint, wanted=False)
    assert told == f"{file} is not applied (--no-thresholds)."
    assert "thresholds" not in tested.test_evaluator[0]


def test_without_a_file_or_a_metric_of_ours_nothing_is_told(tmp_path: Path) -> None:
    assert use_thresholds(config(), checkpoint=tmp_path / "best.pth") is None
    write_thresholds(tmp_path, RULES)
    other = config(test_evaluator={"type": "CocoMetric"})
    assert use_thresholds(other, checkpoint=tmp_path / "best.pth") is None


def test_thresholds_of_another_task_are_refused(tmp_path: Path) -> None:
    write_thresholds(tmp_path, Thresholds({"ship": ComponentRule(0.5)}))
    kinds = "of kind 'components', and this model needs 'instance'"
    with pytest.raises(DataError, match=f"{kinds}.* beside it is that model, name one of this task"):
        use_thresholds(config(), checkpoint=tmp_path / "best.pth")


def test_another_split_is_taken_by_name_without_the_files_of_the_first(tmp_path: Path) -> None:
    DatasetInfo(
        name="d",
        task="cells",
        classes=(ClassInfo("panel", (1, 2, 3)),),
        splits={"train": 1, "val": 1},
        images=Files("img/{split}", ".png"),
        coco={"train": "a.json", "val": "b.json"},
    ).write(tmp_path)
    tested = config()
    tested.test_dataloader.dataset.update(data_root=str(tmp_path), ann_file="b.json", split="val")
    use_split(tested, "train")
    assert tested.test_dataloader.dataset.split == "train"
    assert "ann_file" not in tested.test_dataloader.dataset
    with pytest.raises(ConfigError, match=r"--split 'tran': .* has train, val. Did you mean 'train'"):
        use_split(tested, "tran")


def test_another_split_of_index_masks_is_not_read_from_the_folders_of_the_first(tiny_root: Path) -> None:
    def loader(split: str, **named: Any) -> dict[str, Any]:
        return {"dataset": {"type": "SemanticDataset", "data_root": str(tiny_root), "split": split, **named}}

    own = {"data_prefix": {"seg_map_path": "ann_dir/test"}, "ann_file": "good.txt"}
    tested = config(test_dataloader=loader("test", **own), val_dataloader=loader("val"))
    use_split(tested, "test")
    assert tested.test_dataloader == loader("test", **own)
    use_split(tested, "val")
    assert tested.test_dataloader == loader("val")
    others = {"data_prefix": {"seg_map_path": "masks_2/val"}}
    tested = config(test_dataloader=loader("test", **own), val_dataloader=loader("val", **others))
    use_split(tested, "val")
    assert tested.test_dataloader == loader("val", **others)


def test_another_split_of_other_peoples_data_sets_is_their_loaders() -> None:
    def loader(name: str) -> dict[str, Any]:
        return {"dataset": {"type": "CocoDataset", "ann_file": f"{name}.json", "pipeline": [{"type": name}]}}

    several = {
        "dataset": {"type": "ConcatDataset", "datasets": [loader("a")["dataset"], loader("b")["dataset"]]}
    }
    tested = config(train_dataloader=several, val_dataloader=loader("val"), test_dataloader=loader("test"))
    use_split(tested, "val")
    loaded = {"pipeline": [{"type": "test"}], "test_mode": True}  # and nothing that mmdet's sets do not take
    assert tested.test_dataloader.dataset == {"type": "CocoDataset", "ann_file": "val.json", **loaded}
    use_split(tested, "train")
    assert tested.test_dataloader.dataset.type == "ConcatDataset"
    assert tested.test_dataloader.dataset.datasets[1] == {
        "type": "CocoDataset",
        "ann_file": "b.json",
        **loaded,
    }
    assert tested.train_dataloader == several


def test_another_split_of_a_set_without_a_description_is_its_loaders(tmp_path: Path) -> None:
    def loader(name: str) -> dict[str, Any]:
        return {
            "dataset": {"type": "InstanceDataset", "data_root": str(tmp_path), "ann_file": f"{name}.json"}
        }

    tested = config(val_dataloader=loader("val"), test_dataloader=loader("test"))
    use_split(tested, "val")
    assert tested.test_dataloader.dataset.ann_file == "val.json"
    with pytest.raises(ConfigError, match="the config has no train_dataloader"):
        use_split(tested, "train")


def test_metrics_read_the_truth_of_the_split_that_is_tested(tmp_path: Path) -> None:
    def loader(name: str) -> dict[str, Any]:
        data = {"type": "CocoDataset", "data_root": str(tmp_path), "ann_file": f"{name}.json"}
        return {"dataset": data}

    def metric(name: str) -> dict[str, Any]:
        return {"type": "CocoMetric", "ann_file": str(tmp_path / name)}

    loaders = {f"{name}_dataloader": loader(name) for name in ("train", "val", "test")}
    of_test = [metric("test.json"), metric("other.json"), {"type": "SegLoopInstanceMetric"}]
    tested = config(**loaders, test_evaluator=of_test, val_evaluator=metric("val.json"))
    use_split(tested, "train")
    files = [each.get("ann_file") for each in tested.test_evaluator]
    assert files == [str(tmp_path / "train.json"), str(tmp_path / "other.json"), None]
    use_split(tested, "val")
    assert tested.test_evaluator == metric("val.json")


def test_a_set_without_the_configs_test_split_is_told_with_the_split_to_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    DatasetInfo(
        name="d",
        task="cityscapes",
        classes=(ClassInfo("car", (1, 2, 3)),),
        splits={"train": 1, "val": 1},
        images=Files("img/{split}", ".png"),
        coco={"train": "a.json", "val": "b.json"},
    ).write(tmp_path)
    tested = config(work_dir=str(tmp_path))
    tested.test_dataloader.dataset.update(data_root=str(tmp_path), split="test")
    assert split_instead(tested) == "val"
    monkeypatch.chdir(tmp_path)
    usual, other = (next_test(Path("c.py"), tmp_path / name, tested) for name in ("work_dirs/c", "a b"))
    assert usual == "python tools/test.py c.py --split val"
    assert other == "python tools/test.py 'a b' --split val"
    with pytest.raises(ConfigError, match=r"no split 'test'.* it has train, val\. .*--split val"):
        prepare_test(tested, checkpoint=tmp_path / "best.pth", split=None, command=[])
    tested.test_dataloader.dataset.split = "val"
    assert split_instead(tested) is None


def test_views_of_models_with_masks_are_merged_by_ours_and_boxes_by_mmdets() -> None:
    settled = settle(config(tta_model=None), tta=True)
    assert settled.model.type == "SegLoopMaskTTAModel"
    assert "mask_head" in settled.model.module.roi_head
    assert (
        settle(config(tta_model={"type": "SegLoopMaskTTAModel", "views": "hv"}), tta=True).model.views == "hv"
    )
    left = config(tta_model=None, tta_pipeline=[{"type": "LoadImageFromFile"}])  # would lose the masks
    assert settle(left, tta=True).model.type == "SegLoopMaskTTAModel"
    with pytest.raises(ConfigError, match="DetTTAModel needs a tta_pipeline; SegLoopMaskTTAModel needs none"):
        settle(config(tta_model={"type": "DetTTAModel"}), tta=True)
    pipeline = [{"type": "LoadImageFromFile"}, {"type": "PackDetInputs"}]
    boxes = config(model={"type": "FasterRCNN", "roi_head": {"bbox_head": {}}}, tta_model=None)
    boxes.test_dataloader.dataset.pipeline = pipeline
    assert settle(boxes, tta=True).model.type == "DetTTAModel"
    boxes.update(tta_model={"type": "SegLoopMaskTTAModel"}, model={"type": "FasterRCNN", "roi_head": {}})
    assert settle(boxes, tta=True).model.type == "DetTTAModel"


def test_turned_views_that_nothing_turns_back_are_refused() -> None:
    def tested(pack: dict[str, Any], tta_model: str = "SegLoopTTAModel") -> Config:
        views = [[{"type": "QuarterTurn", "turns": turns} for turns in (0, 1)], [pack]]
        return config(
            default_scope="mmseg",
            tta_model={"type": tta_model},
            tta_pipeline=[{"type": "LoadImageFromFile"}, {"type": "TestTimeAug", "transforms": views}],
        )

    pack = {"type": "PackSegInputs", "meta_keys": ("img_path", "ori_shape", "quarter_turns")}
    settled = settle(tested(pack), tta=True)
    assert settled.model.type == "SegLoopTTAModel"
    with pytest.raises(ConfigError, match="'quarter_turns' among its meta_keys"):
        settle(tested({"type": "PackSegInputs"}), tta=True)
    with pytest.raises(ConfigError, match="SegTTAModel does not turn back"):
        settle(tested(pack, "SegTTAModel"), tta=True)


def test_pictures_are_drawn_by_our_hook() -> None:
    assert settle(config(), show_dir="drawn").custom_hooks == [
        {"type": "InstancePicturesHook", "folder": "drawn", "show": False, "wait_time": 2.0}
    ]
    assert settle(config(), show=True).custom_hooks[0].show is True


def test_results_go_to_json_or_pickle(tmp_path: Path) -> None:
    assert settle(config(), out="a.pkl").test_evaluator[1].type == "DumpDetResults"
    assert settle(config(), out="a.json").test_evaluator.type == "SegLoopInstanceMetric"
    with pytest.raises(ConfigError, match=r"must end in \.json \(COCO's results\) or \.pkl"):
        settle(config(), out="a")
    run = tmp_path / "run"
    with pytest.raises(ConfigError, match="finds no masks"):
        copy_results(run, str(tmp_path / "a.json"))
    (run / "predictions").mkdir(parents=True)
    (run / "predictions/results.json").write_text("[\n]\n")
    copy_results(run, str(tmp_path / "a.json"))
    assert (tmp_path / "a.json").read_text() == "[\n]\n"
    copy_results(run, None)
