"""Two trainings are held against each other bit by bit, and the first difference is told."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from segloop.experiments.comparing import compare, read_log


def work_dir(folder: Path, *, state: str = "done", earlier: tuple[str, ...] = (), **files: Any) -> Path:
    """Write a work_dir: `log=[lines]`, other names are checkpoints."""
    folder.mkdir(exist_ok=True)
    record = {"state": state, "log": "now", "earlier": [{"log": log} for log in earlier]}
    (folder / "train.json").write_text(json.dumps(record))
    for name, content in files.items():
        if name in ("now", *earlier):
            path = folder / name / "vis_data/scalars.json"
            path.parent.mkdir(parents=True)
            path.write_text(
                "\n".join(line if isinstance(line, str) else json.dumps(line) for line in content)
            )
        else:
            torch.save(content, folder / f"{name}.pth")
    return folder


def line(step: int, loss: float, **more: Any) -> dict[str, Any]:
    return {"loss": loss, "iter": step, "step": step, "lr": 0.1, "time": step * loss, "memory": 7, **more}


def weights(value: float = 0.5) -> dict[str, Any]:
    state = {"a.weight": torch.tensor([float("nan"), value]), "b": torch.tensor(3)}
    return {"state_dict": state, "optimizer": {"x": value}}


@pytest.fixture
def one(tmp_path: Path) -> Path:
    log = [line(1, 0.5), line(2, float("nan")), {"mIoU": 40.0, "time": 3, "step": 2}]
    return work_dir(tmp_path / "one", now=log, iter_1=weights(9), iter_2=weights())


def test_the_same_is_told_with_counts(one: Path, tmp_path: Path) -> None:
    log = [line(1, 0.5) | {"time": 99}, line(2, float("nan")), {"mIoU": 40.0, "step": 2}]
    found = compare(one, work_dir(tmp_path / "two", now=log, iter_2=weights()))
    assert found.identical
    assert str(found) == (
        "Identical: the log, 10 numbers of 3 lines, to step 2.\n"
        "Identical: the weights, 2 tensors of iter_2.pth."
    )


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"now": [line(1, 0.5), line(2, 0.25)]}, "the log, first at train step 2: loss nan and 0.25."),
        (
            {"now": [line(1, 0.5 + 1e-16 * 2)]},
            "the log, first at train step 1: loss 0.5 and 0.5000000000000002",
        ),
        ({"now": [line(1, 0.5), line(2, float("nan"), extra=1)]}, "step 2: extra None and 1"),
        ({"now": [line(1, 0.5), {"mIoU": 41.0, "step": 2}]}, "at val step 2: mIoU 40.0 and 41.0"),
        ({"now": [line(1, 0.5), line(3, 0.5)]}, "3 lines are in one only, first train step 2"),
        (
            {"iter_2": weights(0.5000001)},
            "1 of 2 tensors differ, first a.weight: 2 of its 2 numbers, by at most",
        ),
        (
            {"iter_2": {"state_dict": weights()["state_dict"] | {"c": torch.ones(1)}}},
            "first c, which only one",
        ),
        (
            {"iter_2": {"state_dict": weights()["state_dict"] | {"b": torch.tensor(3.0)}}},
            r"first b: () torch.int64 and () torch.float32.",
        ),
        ({"iter_2": weights() | {"ema_state_dict": {"a": torch.ones(1)}}}, "first a, which only one has"),
    ],
)
def test_the_first_difference_is_told(files: dict[str, Any], told: str, one: Path, tmp_path: Path) -> None:
    found = compare(one, work_dir(tmp_path / "two", **files))
    assert not found.identical
    assert told in found.differ[0]


class Hostile:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def test_a_hostile_checkpoint_is_not_run_but_told(one: Path, tmp_path: Path) -> None:
    two = work_dir(tmp_path / "two", iter_2=weights() | {"extra": Hostile(tmp_path / "ran")})
    for folders in ((one, two), (two, one)):
        found = compare(*folders)
        assert "iter_2.pth cannot be loaded safely" in found.unknown[1]
        assert not found.same
    assert not (tmp_path / "ran").exists()


def test_minus_zero_is_not_zero(tmp_path: Path) -> None:
    folders = [
        work_dir(tmp_path / name, iter_1={"state_dict": {"a": torch.tensor([value])}})
        for name, value in (("one", 0.0), ("two", -0.0))
    ]
    assert not compare(*folders).identical


def test_an_unfinished_training_is_compared_as_far_as_it_came(one: Path, tmp_path: Path) -> None:
    two = work_dir(tmp_path / "two", state="running", now=[line(1, 0.5), '{"loss": 0.'], iter_1=weights(9))
    found = compare(one, two)
    assert found.identical
    assert "to step 1" in found.same[0]
    assert found.same[1].endswith("iter_1.pth.")


def test_the_later_session_counts(tmp_path: Path) -> None:
    folder = work_dir(
        tmp_path / "a", earlier=("then",), then=[line(1, 1.0), line(2, 2.0), line(3, 9.0)], now=[line(3, 3.0)]
    )
    work_dir(tmp_path / "b").joinpath("other/vis_data").mkdir(parents=True)
    log = read_log(folder)
    assert [log["train", step]["loss"] for step in (1, 2, 3)] == [1.0, 2.0, 3.0]
    assert read_log(tmp_path / "b") == {}


def test_what_cannot_be_compared_is_told(one: Path, tmp_path: Path) -> None:
    found = compare(one, work_dir(tmp_path / "two", iter_3=weights()))
    assert (found.same, found.differ, found.identical) == ([], [], False)
    assert "no scalars.json" in found.unknown[0]
    assert "no checkpoint of one iteration" in found.unknown[1]
    content = (one / "iter_2.pth").read_bytes()
    two = work_dir(tmp_path / "three", now=[line(7, 0.5)], state="failed")
    (two / "iter_2.pth").write_bytes(content[:-100])
    found = compare(one, two)
    assert "no step in common" in found.unknown[0]
    assert "iter_2.pth: its end is missing" in found.unknown[1]
    torch.save({"optimizer": 1}, one / "iter_9.pth")
    torch.save({"optimizer": 1}, two / "iter_9.pth")
    assert "iter_9.pth holds none" in compare(one, two).unknown[1]
