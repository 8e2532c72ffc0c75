"""What a model costs is read from the records of its training and its tests, and missing ones are None."""

from __future__ import annotations

import json
import os

import pytest

from segloop.analysis.run_costs import costs, curves, hardware, inference, minutes_to, score_levels
from segloop.analysis.runs import Run, read_run
from tests.analysis.runs_compared import write_shifted, write_timing, write_training


@pytest.fixture
def run(tmp_path):
    made = write_shifted(tmp_path, 1, number=2, checkpoint={"file": "best.pth", "sha256": "cafe"})
    folder = write_training(made)
    (folder / "best.pth").write_bytes(b"x" * 123)
    (folder / "best.onnx").write_bytes(b"x" * 45)
    return made


def test_all_that_is_recorded(run):
    write_timing(run.folder, 0.5)
    found = costs(run)
    assert {name: found[name] for name in ("parameters", "trainable", "model_bytes", "flops")} == {
        "parameters": 1000, "trainable": 900, "model_bytes": 4000, "flops": 2_000_000_000
    }  # fmt: skip
    assert found["checkpoint_bytes"] == 123
    assert found["exported_bytes"] == 45
    assert found["train_s"] == 90  # both starts
    assert found["val_s"] == 5
    assert found["train_memory"] == {"process_bytes": 2_000_000, "gpu_bytes": None}
    assert found["flops_not_counted"] == ["relu"]
    assert found["train_hardware"] == "chip, 2 threads, 4 cores"
    assert found["inference"]["this"]["median"] == 0.5


@pytest.mark.parametrize("up", [0, 1])
def test_a_run_may_be_named_from_within_its_folder(run, monkeypatch, up):
    monkeypatch.chdir([run.folder, *run.folder.parents][up])
    here = read_run(run.folder.relative_to([run.folder, *run.folder.parents][up]))
    assert costs(here) == costs(run)
    assert here.name == run.name


def test_nothing_recorded_is_none_and_no_error(tmp_path):
    run = write_shifted(tmp_path, 1, number=1)
    found = costs(run)
    assert found["parameters"] is found["train_s"] is found["checkpoint_bytes"] is None
    assert found["inference"] == {"this": None, "one": None, "best": None}
    assert curves(run) == {}


def test_batches_of_one_and_the_best_come_from_other_tests_of_the_same_checkpoint(run):
    def other(name, median, *, digest="cafe", command=("tools/test.py", "a.py"), **options):
        folder = run.folder.parent / name
        folder.mkdir()
        meta = {"checkpoint": {"sha256": digest} if isinstance(digest, str) else digest, "command": command}
        (folder / "meta.json").write_text(json.dumps(meta))
        write_timing(folder, median, **options)

    write_timing(run.folder, 0.5, batch_size=8)
    assert inference(run)["one"] is None
    assert inference(run)["best"] is None
    other("val-one", 0.7, batch_size=1)
    other("val-large", 0.4, batch_size=32)
    other("val-gpu", 0.01, batch_size=64, device="cuda")
    other("val-else", 0.02, batch_size=1, digest="beef")
    other("val-damaged", 0.02, batch_size=1, digest=["cafe"])
    other("val-edited", 0.02, batch_size=1, command=5)
    other("train-views", 0.03, batch_size=1, command=("tools/test.py", "a.py", "--tta"))
    found = inference(run)
    assert found["this"]["batch_size"] == 8
    assert (found["one"]["batch_size"], found["one"]["median"]) == (1, 0.7)
    assert (found["best"]["batch_size"], found["best"]["median"]) == (32, 0.4)


def test_minutes_of_training_by_hand(run):
    found = curves(run)
    # 100 steps of 0.6 s are a minute, 100 more of 1.2 s two
    assert found["mDice_fg"] == [[100, 1.0, 41.0], [200, 3.0, 67.0]]
    assert found["loss"] == [[100, 1.0, 1.5], [200, 3.0, 0.5]]
    assert found["val_loss"] == [[100, 1.0, 1.2], [200, 3.0, 0.9]]
    assert minutes_to(found["mDice_fg"], 41) == 1
    assert minutes_to(found["mDice_fg"], 60) == 3
    assert minutes_to(found["mDice_fg"], 68) is None


def test_levels_are_round_reached_and_few():
    assert score_levels([[[1, 1.0, 5.0], [2, 2.0, 97.0]], []]) == [70, 80, 90, 92, 94, 96]
    assert score_levels([[[1, 1.0, 4.0]]]) == []
    assert score_levels([]) == []


def test_machines_in_words():
    assert hardware({"gpu": "H200", "cpu": "x"}) == "H200"
    assert hardware(None) is None


def test_a_test_into_another_folder_knows_its_training(run, tmp_path):
    folder = run.folder.parents[1]
    (tmp_path / "elsewhere/test").mkdir(parents=True)
    moved = tmp_path / "elsewhere/test" / run.folder.name
    run.folder.rename(moved)
    told = Run(
        moved, run.meta | {"checkpoint": {"file": os.path.relpath(folder / "best.pth", moved.parents[1])}}
    )
    found = costs(told)
    assert told.training == folder.resolve()
    assert (found["parameters"], found["train_s"], found["checkpoint_bytes"]) == (1000, 90, 123)


def test_the_time_of_a_training_that_was_killed_once_is_not_known(run):
    file = run.folder.parents[1] / "train.json"
    record = json.loads(file.read_text())
    record["earlier"].append({"state": "running", "train_s": 0.5, "val_s": 0})
    file.write_text(json.dumps(record))
    assert costs(run)["train_s"] is None


def test_one_core_is_one_core():
    assert hardware({"cpu": "chip", "threads": 1, "cores": 1}) == "chip, 1 thread, 1 core"
