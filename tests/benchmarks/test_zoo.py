"""The zoo's listing tells models apart by architecture, and its results survive an interruption."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import zoo
import zoo_configs
import zoo_step

CONV = {"type": "Conv", "channels": 8, "init_cfg": {"type": "Pretrained"}, "norm_cfg": {"type": "SyncBN"}}


def test_architecture_leaves_out_data_schedule_and_pretraining() -> None:
    first = {
        "head": {**CONV, "num_classes": 19},
        "data_preprocessor": {"size": (512, 512)},
        "pretrained": "x",
    }
    second = {"head": {**CONV, "num_classes": 150, "norm_cfg": {"type": "BN"}}}
    assert zoo_configs.architecture(first) == zoo_configs.architecture(second)
    wider = {"head": {**CONV, "channels": 16}}
    assert zoo_configs.architecture(first) != zoo_configs.architecture(wider)
    assert zoo_configs.architecture(first, sizes=False) == zoo_configs.architecture(wider, sizes=False)


def test_lists_the_installed_configs() -> None:
    for repo, least in (("mmseg", 600), ("mmdet", 700)):
        configs = zoo_configs.list_configs(repo)
        assert len(configs) > least
        assert not any("_base_" in path.parts for path in configs)
    assert [path.parent.name for path in zoo_configs.list_configs("mmseg", "erfnet/")] == ["erfnet"]


def test_one_model_stands_for_its_data_sets() -> None:
    configs = zoo_configs.list_configs("mmseg", "bisenetv2/") + zoo_configs.list_configs("mmseg", "erfnet/")
    models, unreadable = zoo_configs.distinct_models("mmseg", configs)
    assert not unreadable
    assert [model.family for model in models] == ["bisenetv2", "erfnet"]
    assert len(models[0].members) > 1
    detectors, _ = zoo_configs.distinct_models("mmdet", zoo_configs.list_configs("mmdet", "fcos/fcos_r50"))
    assert detectors == []


def test_small_model_needs_no_download_and_no_group() -> None:
    model = {"backbone": {**CONV, "pretrained": "open-mmlab://x", "img_size": (512, 512)}, "img_size": 640}
    small = zoo_step.small_model(model, 64)
    assert small["backbone"]["init_cfg"] is None
    assert small["backbone"]["pretrained"] is None
    assert small["backbone"]["norm_cfg"]["type"] == "BN"
    assert small["backbone"]["img_size"] == (64, 64)
    assert model["backbone"]["img_size"] == (512, 512)


def test_results_go_on_after_an_interruption(tmp_path: Path) -> None:
    rows = [
        {
            "with": "ours",
            "key": "a",
            "repo": "mmseg",
            "family": "f",
            "status": "fail",
            "reason": "error",
            "error": "x",
        },
        {"with": "ours", "key": "a", "repo": "mmseg", "family": "f", "status": "pass"},
        {
            "with": "plain",
            "key": "a",
            "repo": "mmseg",
            "family": "f",
            "status": "fail",
            "reason": "r",
            "error": "y",
        },
    ]
    path = tmp_path / "zoo.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"with": "ours", "ke')
    found = zoo.read_results(path)
    assert [(row["with"], row["status"]) for row in found] == [("ours", "pass"), ("plain", "fail")]
    assert "| mmseg | f | 1 | 1 | 0 |" in zoo.table(found)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModuleNotFoundError("No module named 'mmcv._ext'"), "needs compiled operators"),
        (ImportError("Failed to import mmpretrain.models"), "missing package"),
        (KeyError("x is not in the mmseg::model registry"), "missing package"),
        (OSError("the network is off while the zoo runs"), "needs a download"),
        (ValueError("shapes"), "error"),
    ],
)
def test_reasons(error: Exception, reason: str) -> None:
    assert zoo_step.reason(error) == reason
