"""Checkpoints are read as data; what does not fit is named, and nothing in a file is ever run."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from torch import nn

from segloop.experiments.checkpoints import (
    read_checkpoint,
    read_weights,
    require_fit,
    require_own,
    trained_classes,
)
from segloop.experiments.config import find_checkpoint
from segloop.experiments.tensor_file import write_tensors
from segloop.utils.errors import ConfigError


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def test_a_hostile_file_is_refused_and_does_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": Hostile(tmp_path / "ran")}, tmp_path / "hostile.pth")
    with pytest.raises(ConfigError, match="cannot be loaded safely"):
        read_checkpoint(tmp_path / "hostile.pth")
    assert not (tmp_path / "ran").exists()


def test_a_tilde_stands_for_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    torch.save({"state_dict": {"a": torch.ones(2)}}, tmp_path / "a.pth")
    assert list(read_weights("~/a.pth")) == ["a"]
    assert find_checkpoint("~/a.pth", work_dir="run") == tmp_path / "a.pth"


class Config(dict):
    """A class that whoever loads the file does not have."""

    def __reduce__(self):
        return Config, (dict(self),)


@pytest.mark.parametrize("legacy", [False, True])
def test_reads_the_weights_of_files_with_objects_beside_them(tmp_path: Path, legacy: bool) -> None:
    buffer = HistoryBuffer()
    buffer.update(np.float64(1.5))
    content = {
        "state_dict": {"a": torch.ones(2)},
        "meta": {"cfg": Config(a=1), "path": Path("a"), "best": np.float64(0.5), "seen": (1, Config)},
        "message_hub": {"log_scalars": {"loss": buffer}},
    }
    torch.save(content, tmp_path / "run.pth", _use_new_zipfile_serialization=not legacy)
    read = read_checkpoint(tmp_path / "run.pth")
    history = read["message_hub"]["log_scalars"]["loss"]
    assert history["log_history"].tolist() == [1.5]
    assert history["log_history"].dtype == torch.float64
    assert history["count_history"].tolist() == [1]
    assert history["max_length"] == 1000000
    assert read["meta"] == {"cfg": None, "path": None, "best": 0.5, "seen": (1, None)}
    assert list(read_weights(tmp_path / "run.pth")) == ["a"]


def test_a_whole_model_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save(nn.Linear(1, 1), tmp_path / "model.pth")
    with pytest.raises(ConfigError, match="an object of the class Linear"):
        read_checkpoint(tmp_path / "model.pth")


def test_reads_safetensors_wherever_a_checkpoint_is_taken(tmp_path: Path) -> None:
    write_tensors(tmp_path / "a.safetensors", {"a": torch.ones(2)}, notes={"experiment": "x"})
    assert read_checkpoint(tmp_path / "a.safetensors")["meta"] == {"experiment": "x"}
    assert read_weights(tmp_path / "a.safetensors")["a"].tolist() == [1, 1]


@pytest.mark.parametrize("position", range(0, 1400, 100))
def test_a_flipped_byte_is_read_or_told(tmp_path: Path, position: int) -> None:
    path = tmp_path / "a.pth"
    torch.save({"state_dict": {"a": torch.rand(8)}, "best": np.float64(1)}, path)
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= 0xFF
    path.write_bytes(content)
    with contextlib.suppress(ConfigError):
        read_checkpoint(path)


@pytest.mark.parametrize("keep", [0, 100])
def test_can_report_a_truncated_file(tmp_path: Path, keep: int) -> None:
    torch.save({"a": torch.rand(1000)}, tmp_path / "whole.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:keep])
    with pytest.raises(ConfigError, match=r"cut\.pth"):
        read_checkpoint(tmp_path / "cut.pth")


def test_can_report_a_missing_file_and_one_without_weights(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no checkpoint"):
        read_checkpoint(tmp_path / "none.pth")
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    with pytest.raises(ConfigError, match="holds no weights"):
        read_weights(tmp_path / "empty.pth")


def test_weights_that_are_no_numbers_are_refused() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    weights["1.running_var"][0] = torch.inf
    require_fit(model, weights, path="a.pth")  # no weight
    weights["0.weight"][0] = torch.nan
    with pytest.raises(ConfigError, match=r"a\.pth: weights are nan or infinite.*\n +0\.weight"):
        require_fit(model, weights, path="a.pth")


def test_names_the_layers_of_another_model() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    weights = model.state_dict()
    require_fit(model, {f"module.{name}": value for name, value in weights.items()}, path="same.pth")
    views_of_it, in_processes = nn.Module(), nn.Module()
    views_of_it.module, in_processes.module = model, views_of_it
    require_fit(in_processes, weights, path="same.pth")
    other = {name: value for name, value in weights.items() if name != "1.bias"}
    other |= {"0.weight": torch.rand(5, 2), "head.weight": torch.rand(1)}
    with pytest.raises(ConfigError) as caught:
        require_fit(model, other, path="other.pth")
    text = str(caught.value)
    assert "2 of 4 tensors fit" in text
    assert "0.weight: (5, 2) in the checkpoint, (3, 2) in the model" in text
    assert "the checkpoint lacks (1):\n  1.bias" in text
    assert "the model lacks (1):\n  head.weight" in text


@pytest.mark.parametrize(
    ("notes", "names"),
    [
        ({"dataset_meta": {"classes": ("cell", "dust")}}, ["cell", "dust"]),
        ({"classes": '["cell", "dust"]'}, ["cell", "dust"]),  # as SegLoop publishes
        ({"classes": "[broken"}, None),
        ({"dataset_meta": {}}, None),
        (None, None),
    ],
)
def test_the_classes_that_a_checkpoint_was_trained_on(notes: Any, names: list[str] | None) -> None:
    assert trained_classes({"meta": notes}) == names


def test_a_checkpoint_of_other_classes_is_refused_with_both_lists(tmp_path: Path) -> None:
    model = nn.Linear(2, 3)
    content = {"state_dict": model.state_dict(), "meta": {"dataset_meta": {"classes": ["cell", "dust"]}}}
    torch.save(content, tmp_path / "a.pth")
    require_own(model, tmp_path / "a.pth", classes=["cell", "dust"])
    require_own(model, tmp_path / "a.pth", classes=None)
    told = r"it was trained on cell, dust; the data have dust, cell"
    with pytest.raises(ConfigError, match=rf"a\.pth is a checkpoint of other classes: {told}"):
        require_own(model, tmp_path / "a.pth", classes=["dust", "cell"])
    with pytest.raises(ConfigError, match=rf"of another model: 0 of 2 tensors fit(.*\n)*{told}"):
        require_own(nn.Linear(4, 5), tmp_path / "a.pth", classes=["dust", "cell"])
