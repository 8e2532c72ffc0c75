"""Whatever ends a trial becomes a row, or the error that the run itself would end with."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mmengine.config import Config

from segloop.experiments.dry_run.attempt import (
    Before,
    attempt,
    crop_keys,
    free_disk,
    kept_samples,
    loader_rows,
    memory_rows,
    nearest_folder,
    place_of,
)
from segloop.experiments.dry_run.report import BAD, Report
from segloop.experiments.dry_run.samples import Demand
from segloop.experiments.dry_run.stopwatch import Stopwatch
from segloop.experiments.dry_run.trial import Loading, Untried
from segloop.utils.errors import ConfigError
from segloop.utils.workers import cpu_count


def config(**dataset: Any) -> Config:
    loader = {"batch_size": 8, "dataset": {"type": "D", **dataset}}
    return Config({"work_dir": "work_dirs/mine", "train_dataloader": loader})


def fail(error: BaseException, tmp_path: Path) -> Report:
    report = Report(io.StringIO())
    watch = Stopwatch(tmp_path)
    watch.at("training")
    with attempt(report, watch, config=config(), loader="train_dataloader", hide=tmp_path / "work/mine"):
        raise error
    return report


@pytest.mark.parametrize(
    ("error", "name", "text"),
    [
        (Untried("no image is left"), "training", "no image is left."),
        (MemoryError(), "memory", "a batch of 8 does not fit: MemoryError"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "memory", "in training, a batch of 8"),
        (RuntimeError("DataLoader worker (pid 3) is killed by signal: Killed."), "memory", "does not fit"),
        (RuntimeError("worker is killed by signal: Bus error."), "memory", "loader processes share is full"),
    ],
)
def test_what_ends_a_trial_becomes_a_row(error: Exception, name: str, text: str, tmp_path: Path) -> None:
    (row,) = fail(error, tmp_path).findings
    assert row.name == name
    assert text in row.text


def test_any_other_error_keeps_its_traceback(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (row,) = fail(AssertionError(), tmp_path).findings
    assert "AssertionError in test_attempt.py:" in row.text
    assert "raise error" in row.text  # it says nothing itself
    assert "Traceback" in capsys.readouterr().err


def test_what_a_loader_process_met_is_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    text = "Caught ValueError in DataLoader worker process 0.\nOriginal Traceback:\nValueError: no mask here"
    (row,) = fail(ValueError(text), tmp_path).findings
    assert row.text.endswith("ValueError: no mask here (traceback on stderr)")


def test_refusals_name_the_work_dir_of_the_run(tmp_path: Path) -> None:
    saved = tmp_path / "work/mine/iter_1.pth"
    report = fail(ConfigError(f"{saved} is damaged"), tmp_path)
    assert [str(error) for error in report.errors] == ["work_dirs/mine/iter_1.pth is damaged"]


def test_a_full_folder_of_temporary_files_is_no_fault_of_the_run(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    refused = ConfigError("iter_1.pth could not be saved")
    refused.__cause__ = full
    for error in (full, refused):
        report = fail(error, tmp_path)
        assert report.errors == []
        assert "→ set TMPDIR" in report.findings[0].below[0]


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fail(KeyboardInterrupt(), tmp_path)


def test_what_others_print_is_held_back(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    report = Report(io.StringIO())
    with attempt(report, Stopwatch(tmp_path), config=config(), loader="train_dataloader", hide=tmp_path):
        print("loading annotations into memory...")
    assert capsys.readouterr().out == ""


def test_the_keys_of_crops_are_named_in_full() -> None:
    steps = [{"type": "Load"}, {"type": "RandomCrop", "crop_size": 9}, {"type": "Resize", "scale": (1, 2)}]
    wrapped = config(dataset={"type": "E", "pipeline": steps})
    assert crop_keys(wrapped, "train_dataloader") == [
        "train_dataloader.dataset.dataset.pipeline.1.crop_size",
        "train_dataloader.dataset.dataset.pipeline.2.scale",
    ]


def loading(**changes: Any) -> Loading:
    demand = Demand(samples=100, indices=[0, 1], sizes_hw=[(10, 10), (30, 10)], instances=[0, 0])
    plain = {"demand": demand, "batch_size": 8, "batches": 5, "workers": 2, "dataset": None}
    return Loading(**plain | changes)


def test_samples_that_are_kept_in_memory_are_counted() -> None:
    keeping = config(pipeline=[{"type": "KeepInMemory", "share": 0.5}])
    assert kept_samples(loading(), keeping, "train_dataloader", free=10**9) == 2 * 100 * 200 * 4
    assert kept_samples(loading(), keeping, "train_dataloader", free=1000) == 500
    assert kept_samples(loading(), config(pipeline=[]), "train_dataloader", free=10**9) == 0


def test_more_loader_processes_than_cores_are_told() -> None:
    (row,) = loader_rows(loading(workers=cpu_count() + 1), split="train")
    assert "train_dataloader.num_workers is" in row.text
    assert not list(loader_rows(loading(workers=1), split="train"))


def test_memory_of_the_gpu_has_a_row_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    watch = Stopwatch(tmp_path)
    watch.settled = watch.gpu_settled = 10**9
    trial: Any = SimpleNamespace(watch=watch, loaders={"train": loading()})
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda: 9 * 10**9)
    rows = list(memory_rows(trial, config(), split="train", free=10**12, gpu_free=5 * 10**9))
    assert [row.name for row in rows] == ["memory", "GPU memory"]
    assert rows[1].mark == BAD
    assert rows[1].below == ("→ --cfg-options train_dataloader.batch_size=3 (now 8)",)
    assert len(list(memory_rows(trial, config(), split="train", free=10**12, gpu_free=0))) == 1


def test_a_busy_machine_is_told() -> None:
    busy = Before(memory=0, load=3.0 * cpu_count(), clock=0.0)
    (row,) = busy.rows()
    assert row.text.endswith("so times are too long")
    (row,) = busy.rows(alone_s=0.25)
    assert row.text.endswith("alone, a step would take 0.2 s at the most")
    assert not list(Before(memory=0, load=0.1, clock=0.0).rows())
    assert 0 <= Before.now().passed_s < 60


def test_free_disk_is_that_of_the_nearest_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert nearest_folder(tmp_path / "a/b/c") == tmp_path
    assert free_disk(tmp_path / "a/b") > 0
    assert place_of(tmp_path / "a/b") == str(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work_dirs").mkdir()
    assert place_of(Path("work_dirs/mine")) == "work_dirs"
    assert place_of(Path("other/mine")) == "the current folder"
