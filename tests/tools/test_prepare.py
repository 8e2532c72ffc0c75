"""tools/prepare.py makes a set in one command, says where it lies, and answers mistakes in words."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from segloop.data.checks import check_semantic
from segloop.data.info import DatasetInfo

TOOL = Path(__file__).resolve().parents[2] / "tools" / "prepare.py"
SMALL = ("--demo", "--count", "train=3", "val=1", "--size", "64", "--workers", "1")


def call(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(TOOL), *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_a_demo_and_a_download_are_prepared_and_found_there_again(tmp_path: Path) -> None:
    done = call("multiclass", *SMALL, cwd=tmp_path, SEGLOOP_DATA=str(tmp_path / "sets"))
    assert done.returncode == 0, done.stderr
    assert "\r" not in done.stderr  # no live line where there is no terminal
    root = tmp_path / "sets" / "multiclass"
    assert f"{root}: 3 train, 1 val; classes background, starfish" in done.stdout
    assert "Nothing was lost." in done.stdout
    assert check_semantic(root, workers=1, cache=False) == []
    assert DatasetInfo.read(root).source == "drawn by SegLoop"

    again = call("multiclass", *SMALL, cwd=tmp_path, SEGLOOP_DATA=str(tmp_path / "sets"))
    assert again.returncode == 0
    assert "is there already, made by the same command" in again.stdout
    other = call("multiclass", *SMALL, "--seed", "3", "--out", str(root), cwd=tmp_path)
    assert other.returncode == 2
    assert "seed: 0 there, 3 asked for" in other.stderr

    mine = call("multiclass", str(root), "--out", "mine", "--workers", "1", cwd=tmp_path)
    assert mine.returncode == 0, mine.stderr
    assert DatasetInfo.read(tmp_path / "mine").content_hash == DatasetInfo.read(root).content_hash
    assert DatasetInfo.read(tmp_path / "mine").generator is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("multiclas", "--demo"), "There is no task 'multiclas'"),
        (("multiclass", "nowhere"), "nowhere does not exist. It reads img_dir/<split>"),
        (("multiclass", "--demo", "--count", "train=0"), "--count takes SPLIT=N, such as train=80, not"),
        (("multiclass", "--demo", "--size", "8"), "the size is 8; scenes have 64 to 2048 pixels a side"),
        (("multiclass", "--sied", "1"), "--sied"),
        ((), "TASK"),
    ],
)
def test_mistakes_cost_one_message(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = call(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_comes_at_once(tmp_path: Path) -> None:
    start = time.process_time()
    done = call("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "data/TASK" in done.stdout
    heavy = subprocess.run(
        [sys.executable, "-X", "importtime", str(TOOL), "--help"], capture_output=True, text=True, check=True
    ).stderr
    assert not any(name in heavy for name in ("numpy", "cv2", "torch"))
    assert time.process_time() - start < 5
