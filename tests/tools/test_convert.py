"""The tool converts a real set from end to end and says what was lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def convert(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "convert.py"), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)


def test_a_set_is_converted_and_converted_back(tiny_root: Path, tmp_path: Path) -> None:
    done = convert(
        str(tiny_root), str(tmp_path / "objects"), "--from", "mmseg", "--to", "masks", "--workers", "0"
    )
    assert done.returncode == 0, done.stderr
    assert "images                  8              8" in done.stdout
    assert "background  " in done.stdout
    back = convert(str(tmp_path / "objects"), str(tmp_path / "back"), "--to", "mmseg", "--workers", "0")
    assert "is read as masks" in back.stdout
    for split in ("train", "val", "test"):
        for mask in (tiny_root / "ann_dir" / split).iterdir():
            ours = np.asarray(Image.open(tmp_path / "back" / "ann_dir" / split / mask.name))
            assert (ours == np.asarray(Image.open(mask))).all()


def test_strict_refuses_a_loss_and_leaves_nothing(tiny_root: Path, tmp_path: Path) -> None:
    words = ["--from", "mmseg", "--to", "masks", "--workers", "0", "--strict"]
    done = convert(str(tiny_root), str(tmp_path / "objects"), *words)
    assert done.returncode == 1
    assert "--strict: nothing was written" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_mistake_costs_one_line_and_the_code_two(tmp_path: Path) -> None:
    done = convert(str(tmp_path / "none"), str(tmp_path / "out"), "--to", "coco")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {tmp_path / 'none'} does not exist.\n"
