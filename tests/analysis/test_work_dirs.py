"""What lies below work_dirs: the dead are found, and each is told how to go on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from segloop.analysis.work_dirs import list_trainings, read_training, resume_command, table
from segloop.utils.errors import UserError
from segloop.utils.processes import machine


def write(folder: Path, *, checkpoint: bool = True, **changes: Any) -> Path:
    """Write a work_dir as a training leaves it; by default it was killed."""
    folder.mkdir(parents=True)
    record = {
        "state": "running",
        "command": ["tools/train.py", "configs/a.py", "--seed", "1"],
        "process": 2**22 + 1,  # larger than any process number
        "machine": machine(),
        "started": "2026-01-01T00:00:00Z",
        "updated": "2026-01-01T01:00:00Z",
        "last_iter": 500,
        "max_iters": 1000,
        "best_score": 87.1576,
        "best_checkpoint": "best_mDice_fg_iter_500.pth",
        "duration_s": 3000.0,
        "earlier": [{"duration_s": 600.0}],
        "code": {"commit": "0123456789", "dirty": True},
        "error": None,
    }
    (folder / "train.json").write_text(json.dumps(record | changes))
    if checkpoint:
        (folder / "iter_500.pth").touch()
        (folder / "last_checkpoint").write_text("/elsewhere/iter_500.pth")
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a config."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/a.py").touch()
    return tmp_path


def test_finds_work_dirs_at_any_depth_and_nothing_inside_them() -> None:
    write(Path("work_dirs/b/fold_1"), state="done")
    write(Path("work_dirs/a"), state="done")
    write(Path("work_dirs/a/test/copy"), state="done")
    write(Path("work_dirs/.trash"), state="done")
    Path("work_dirs/plain").mkdir()
    Path("work_dirs/plain/last_checkpoint").write_text("x.pth")
    found = list_trainings([Path("work_dirs"), Path("work_dirs/a")])
    assert [training.folder.as_posix() for training in found] == [
        "work_dirs/a",
        "work_dirs/b/fold_1",
        "work_dirs/plain",
    ]
    assert found[-1].state == "unknown"
    with pytest.raises(UserError, match="Did you mean 'work_dirs'"):
        list_trainings([Path("workdirs")])


def test_tells_progress_score_time_and_commit() -> None:
    folder = write(Path("work_dirs/a"))
    log = folder / "20260101_000000/vis_data/scalars.json"
    log.parent.mkdir(parents=True)
    log.write_text('{"loss": 1, "iter": 520, "step": 520}\n{"mDice": 1, "step": 500}\n{"loss": 0.9, "it')
    updated = 1767229200  # 2026-01-01 01:00:00 UTC, of the validation before
    for path, seconds in ((log, 60), (folder / "train.json", 0)):
        os.utime(path, (updated + seconds, updated + seconds))
    run = folder / "test/test-best"
    run.mkdir(parents=True)
    (run / "meta.json").write_text("{}")
    (run / "metrics.json").write_text('{"scores": {"mDice_fg": 0.865}}')
    training = read_training(folder)
    assert (training.state, training.iteration, training.max_iters) == ("killed", 520, 1000)
    assert (training.metric, training.score, training.tests) == ("mDice_fg", 87.1576, 1)
    assert training.test_score == pytest.approx(86.5)
    assert (training.duration_s, training.commit) == (3660.0, "0123456+")
    text = table([training])
    for part in ("520/1000", "mDice_fg 87.16", "86.50", "1:01:00", "2026-01-01 01:01:00", "0123456+"):
        assert part in text
    assert text.endswith("To go on:\n  python tools/train.py configs/a.py --seed 1 --resume")


def test_a_copy_took_no_longer_than_what_was_copied() -> None:
    training = read_training(write(Path("work_dirs/copy")))  # its files are of today
    assert training.state == "killed"
    assert training.duration_s == pytest.approx(3600)
    assert training.updated == "2026-01-01T01:00:00Z"


def test_a_score_of_another_split_is_no_test_score() -> None:
    folder = write(Path("work_dirs/a"), state="done")
    for age, (name, split, score) in enumerate(
        (("val-best", "val", 0.9), ("test-best", "test", 0.8), ("train-best", "train", 0.95))
    ):
        run = folder / "test" / name
        run.mkdir(parents=True)
        (run / "metrics.json").write_text(json.dumps({"scores": {"mDice_fg": score}}))
        (run / "meta.json").write_text(json.dumps({"split": split}))
        os.utime(run / "meta.json", (1767229260 + age, 1767229260 + age))
    training = read_training(folder)
    assert (training.test_score, training.test_split) == (pytest.approx(80), "test")
    (folder / "test/test-best/meta.json").unlink()
    training = read_training(folder)
    assert (training.test_score, training.test_split) == (pytest.approx(95), "train")
    assert "95.00 (train)" in table([training])


def test_a_process_that_lives_is_running_and_one_that_was_killed_is_not() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        folder = write(Path("work_dirs/a"), process=process.pid, started=started)
        alive = read_training(folder)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and nobody has noticed
        zombie = read_training(folder)
    assert (alive.state, alive.resume) == ("running", None)
    assert zombie.state == "killed"
    assert read_training(folder).state == "killed"


def test_a_number_that_another_process_took_over_is_dead() -> None:
    folder = write(Path("work_dirs/a"), process=os.getpid(), started="2020-01-01T00:00:00Z")
    assert read_training(folder).state == "killed"


def test_on_another_machine_silence_tells() -> None:
    folder = write(Path("work_dirs/a"), machine="another", process=os.getpid())
    assert read_training(folder).state == "running"
    os.utime(folder / "train.json", (1e9, 1e9))
    assert read_training(folder).state == "killed"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            ["tools/train.py", "configs/a.py", "--resume", "old.pth", "--amp"],
            "python tools/train.py configs/a.py --amp --resume",
        ),
        (["tools/train.py", "--resume", "configs/a.py"], "python tools/train.py configs/a.py --resume"),
        (
            ["tools/train.py", "configs/a.py", "--resume=x.pth", "--cfg-options", "a=[1,2]"],
            "python tools/train.py configs/a.py --cfg-options 'a=[1,2]' --resume",
        ),
        (
            ["tools/train.py", "configs/a.py", "--launcher", "pytorch"],
            "torchrun --nproc_per_node=3 tools/train.py configs/a.py --launcher pytorch --resume",
        ),
        (
            ["tools/train.py", "configs/a.py", "--launcher=pytorch"],
            "torchrun --nproc_per_node=3 tools/train.py configs/a.py --launcher=pytorch --resume",
        ),
        (
            ["tools/train.py", "configs/gone.py"],
            "python tools/train.py work_dirs/a/a.py --work-dir work_dirs/a --resume",
        ),
        (["pytest"], "python tools/train.py work_dirs/a/a.py --work-dir work_dirs/a --resume"),
    ],
)
def test_the_command_that_goes_on(command: list[str], expected: str) -> None:
    folder = write(Path("work_dirs/a"))
    (folder / "a.py").touch()
    assert resume_command({"command": command, "processes": 3}, folder) == expected


def test_of_two_configs_in_a_folder_the_trainings_own_goes_on() -> None:
    folder = write(Path("work_dirs/a"))
    for name in ("a.py", "b.py"):
        (folder / name).touch()
    record = {"command": ["tools/train.py", "configs/gone.py"], "config": {"file": "b.py"}}
    assert resume_command(record, folder).startswith("python tools/train.py work_dirs/a/b.py ")


def test_a_moved_folder_is_named_and_one_without_a_checkpoint_starts_again() -> None:
    folder = write(Path("elsewhere/a b"), checkpoint=False)
    command = {"command": ["tools/train.py", "configs/a.py"]}
    assert resume_command(command, folder) == "python tools/train.py configs/a.py --work-dir 'elsewhere/a b'"


def test_only_the_unfinished_have_a_command() -> None:
    assert read_training(write(Path("w/done"), state="done")).resume is None
    failed = read_training(write(Path("w/failed"), state="failed", error="OSError: disk is full\nmore"))
    assert failed.resume
    assert "w/failed failed (OSError: disk is full). To go on:" in table([failed])


def test_a_damaged_record_does_not_hide_the_others() -> None:
    write(Path("w/a"), state="done")
    (write(Path("w/b")) / "train.json").write_text("{")
    assert [training.state for training in list_trainings([Path("w")])] == ["done", "unknown"]


@pytest.mark.parametrize("odd", [5, "x", True, [1], [[]], {"a": 1}, [None], float("inf"), 1e300])
def test_a_value_of_another_kind_counts_as_missing(odd: Any, tmp_path: Path) -> None:
    record = json.loads((write(Path("w/a")) / "train.json").read_text())
    for number, key in enumerate(record):
        write(Path(f"w/{key}{number}"), **{key: odd, "state": "failed"} if key != "state" else {key: odd})
    write(Path("w/inner"), code={"commit": odd}, earlier=[{"duration_s": odd}, odd])
    (tmp_path / "w/a/test/x").mkdir(parents=True)
    (tmp_path / "w/a/test/x/meta.json").write_text("{}")
    (tmp_path / "w/a/test/x/metrics.json").write_text(json.dumps({"scores": odd}))
    assert "w/inner" in table(list_trainings([Path("w")]))


def test_odd_folders_do_not_hide_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(Path("w/good"))
    for number, note in enumerate((b"\xff", b"a\0b", b"x" * 5000)):
        (write(Path(f"w/note{number}"), checkpoint=False, state="failed") / "last_checkpoint").write_bytes(
            note
        )
    (write(Path("w/log")) / "now/vis_data/scalars.json").mkdir(parents=True)
    (write(Path("w/lines")) / "now/vis_data").mkdir(parents=True)
    Path("w/lines/now/vis_data/scalars.json").write_text('[1]\n{"iter": "x"}\nnull\n{"iter": 700}')
    (write(Path("w/run")) / "test/a/meta.json").mkdir(parents=True)
    write(Path("w/new\nline"))
    Path("w/closed").mkdir()
    look = os.scandir

    def refuse(folder: Path) -> Any:
        if Path(folder).name == "closed":
            raise PermissionError
        return look(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    found = {training.folder.name: training for training in list_trainings([Path("w")])}
    assert set(found) == {"good", "note0", "note1", "note2", "log", "lines", "run", "new\nline"}
    assert found["lines"].iteration == 700
    assert "'w/new\\nline' was killed" in table(list(found.values()))
