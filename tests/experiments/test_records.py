"""Differences between two trainings' origins are named one by one, and what does not matter is none."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from segloop.experiments.provenance import now
from segloop.experiments.records import claimed, config_differences, differences, running_process
from segloop.utils.errors import ConfigError
from segloop.utils.processes import machine

HASH = "sha256:" + "0123456789ab" + 52 * "c"
RECORD: dict[str, Any] = {
    "data": {"root": "../data", "content_hash": HASH, "read": {"files": 8, "hash": HASH}},
    "weights": [{"key": "model.init_cfg.checkpoint", "file": "a.pth", "sha256": 64 * "d"}],
    "versions": {"torch": "2.6.0", "mmdet": None},
    "operators": {"kind": "torch"},
    "code": {"commit": 40 * "e", "dirty": False, "source": HASH},
    "hardware": {"cpu": "Z80", "instructions": "AVX2", "threads": 2, "cores": 4, "memory_bytes": 1},
    "device": "cpu",
    "processes": 1,
    "seed": 0,
}


def changed(*keys: str, to: Any) -> dict[str, Any]:
    record: Any = copy.deepcopy(RECORD)
    inner = record
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = to
    return record


@pytest.mark.parametrize(
    ("keys", "to", "told"),
    [
        (
            ("data", "read"),
            {"files": 9, "hash": HASH},
            "data: files read: recorded 8 files, sha256:0123456789ab…",
        ),
        (("data", "read"), None, "now nothing"),
        (("weights",), [], "data: weights model.init_cfg.checkpoint: recorded dddddddddddd…, now nothing"),
        (("versions", "torch"), "2.7.0", "versions: torch: recorded 2.6.0, now 2.7.0"),
        (("versions", "mmdet"), "3.4.0", "versions: mmdet: recorded nothing, now 3.4.0"),
        (("operators", "kind"), "compiled", "versions: mmcv operators: recorded torch, now compiled"),
        (
            ("code", "source"),
            "sha256:x",
            "code: source: recorded sha256:0123456789ab…, commit eeeeeee, now sha256:x",
        ),
        (("hardware", "cpu"), "6502", "hardware: cpu: recorded Z80, now 6502"),
        (("hardware", "threads"), 1, "hardware: threads: recorded 2, now 1"),
        (("device",), "cuda", "hardware: device: recorded cpu, now cuda"),
        (("processes",), 2, "hardware: processes: recorded 1, now 2"),
    ],
)
def test_each_difference_is_named(keys: tuple[str, ...], to: Any, told: str) -> None:
    (found,) = differences(RECORD, changed(*keys, to=to))
    assert told in str(found)


@pytest.mark.parametrize(
    ("keys", "to"),
    [
        (("data", "root"), "elsewhere"),
        (("data", "content_hash"), "sha256:of the test split too"),
        (("code", "commit"), 40 * "f"),
        (("code", "dirty"), True),
        (("hardware", "cores"), 64),
        (("seed",), 1),
    ],
)
def test_what_no_result_depends_on_is_no_difference(keys: tuple[str, ...], to: Any) -> None:
    assert differences(RECORD, changed(*keys, to=to)) == []


def test_where_no_files_are_named_the_whole_set_counts() -> None:
    one, other = changed("data", "read", to=None), changed("data", "read", to=None)
    assert differences(one, other) == []
    other["data"]["content_hash"] = "sha256:other"
    assert [each.name for each in differences(one, other)] == ["content"]


def test_configs_differ_in_what_a_result_depends_on() -> None:
    one = {
        "model": {"depth": 50, "dims": (1, 2)},
        "train_dataloader": {"batch_size": 4, "num_workers": 0, "dataset": {"pipeline": [{"type": "A"}]}},
        "default_hooks": {"checkpoint": {"interval": 1}, "early_stop": {"patience": 1}},
        "work_dir": "a",
        "some_variable": 1,
    }
    other = copy.deepcopy(one)
    other["work_dir"], other["some_variable"] = "b", 2
    other["model"]["dims"] = [1, 2]  # type: ignore[index]
    other["train_dataloader"]["num_workers"] = 2  # type: ignore[index]
    other["default_hooks"]["checkpoint"]["interval"] = 2  # type: ignore[index]
    assert config_differences(one, other) == []
    other["train_dataloader"]["dataset"]["pipeline"][0]["type"] = "B"  # type: ignore[index]
    other["default_hooks"]["early_stop"] = {}  # type: ignore[index]
    other["train_cfg"] = {"max_iters": 3}
    assert [(each.name, each.recorded, each.now) for each in config_differences(one, other)] == [
        ("default_hooks.early_stop", None, {}),
        ("default_hooks.early_stop.patience", 1, None),
        ("train_cfg.max_iters", None, 3),
        ("train_dataloader.dataset.pipeline.0.type", "A", "B"),
    ]


@pytest.mark.parametrize(
    ("changes", "runs"),
    [
        ({}, True),
        ({"state": "done"}, False),
        ({"machine": "another"}, False),
        ({"process": 2**22 + 1}, False),
        ({"process": True}, False),
        # its number was taken over since
        pytest.param(
            {"started": "2001-01-01T00:00:00Z"},
            False,
            marks=pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc"),
        ),
    ],
)
def test_a_training_runs_if_its_process_does(changes: dict[str, Any], runs: bool, tmp_path: Path) -> None:
    record = {"state": "running", "process": os.getpid(), "machine": machine(), "started": now(), **changes}
    (tmp_path / "train.json").write_text(json.dumps(record))
    assert running_process(tmp_path) == (os.getpid() if runs else None)
    assert running_process(tmp_path / "nowhere") is None


def test_a_work_dir_is_claimed_before_there_is_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with claimed(tmp_path):
        assert running_process(tmp_path) == os.getpid()
        monkeypatch.setattr(os, "getpid", os.getppid)  # another training
        with pytest.raises(ConfigError, match="a training writes there now"), claimed(tmp_path):
            pass
        assert running_process(tmp_path)
    assert running_process(tmp_path) is None
    assert not list(tmp_path.iterdir())
