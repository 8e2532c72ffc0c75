"""tools/make_demo.py draws a set, says where it lies, and answers mistakes in words."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from segloop.data.info import DatasetInfo

TOOL = Path(__file__).resolve().parents[2] / "tools" / "make_demo.py"


def call(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, str(TOOL), *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


SMALL = ("--counts", "train=1", "val=1", "--size", "64", "--workers", "1")


def test_draws_under_the_data_root_and_refuses_to_overwrite(tmp_path: Path) -> None:
    done = call("multiclass", *SMALL, cwd=tmp_path, SEGLOOP_DATA=str(tmp_path / "sets"))
    assert done.returncode == 0, done.stderr
    assert "\r" not in done.stderr  # no live line where there is no terminal
    root = tmp_path / "sets" / "multiclass"
    info = DatasetInfo.read(root)
    assert done.stdout.startswith(f"{root}: 1 train, 1 val; classes background, starfish")

    again = call("multiclass", *SMALL, cwd=tmp_path, SEGLOOP_DATA=str(tmp_path / "sets"))
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1
    assert "exists already" in again.stderr

    forced = call("multiclass", *SMALL, "--seed", "3", "--force", "--out", str(root), cwd=tmp_path)
    assert forced.returncode == 0, forced.stderr
    assert DatasetInfo.read(root).seed == 3
    assert DatasetInfo.read(root).content_hash != info.content_hash


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("multiclas",), "No demo 'multiclas'; there is: multiclass. Did you mean 'multiclass'?"),
        (("multiclass", "--counts", "train"), "--counts takes SPLIT=N, such as train=800, not 'train'"),
        (("multiclass", "--counts", "train=0"), "train=0: a split needs at least 1 scene"),
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
    assert "data/<task>" in done.stdout
    heavy = subprocess.run(
        [sys.executable, "-X", "importtime", str(TOOL), "--help"], capture_output=True, text=True, check=True
    ).stderr
    assert not any(name in heavy for name in ("numpy", "cv2", "torch"))
    assert time.process_time() - start < 5
