"""The tool reads any format, writes its folder, and tells a mistake in words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.data.statistics.sets import picture_of, semantic_map
from tests.experiments.cells import write_cells

ROOT = Path(__file__).resolve().parents[2]


def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools/eda.py"), *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def shore(tmp_path: Path) -> Path:
    """A set in mmseg's folders, without a dataset.json."""
    root = tmp_path / "shore"
    for number in range(4):
        classes = semantic_map(number)
        for kind, picture in (("img_dir", picture_of(classes, number)), ("ann_dir", classes)):
            folder = root / kind / "train"
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f"{number}.png"), picture)
    return root


def test_a_set_of_index_masks(shore: Path, tmp_path: Path) -> None:
    done = run(shore, "--labels", "background", "disc", "bar", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "work_dirs/eda/shore"
    assert "work_dirs/eda/shore/index.html" in done.stdout
    assert json.loads((folder / "eda.json").read_text())["kind"] == "semantic"
    assert "shore" in (folder / "index.html").read_text()


def test_a_coco_set_with_a_broken_picture_ends_with_findings(tmp_path: Path) -> None:
    write_cells(tmp_path)
    (tmp_path / "2.png").write_bytes(b"")
    done = run(tmp_path / "ann.json", "--images", tmp_path, "--out", "eda", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "1 images cannot be used" in done.stdout
    numbers = json.loads((tmp_path / "eda/eda.json").read_text())
    assert numbers["kind"] == "instances"
    assert numbers["totals"]["objects"] == 1
    assert "anchor_generator" in numbers["config"]


def test_mistakes_are_told_in_words(tmp_path: Path) -> None:
    for words, message in (
        (("nowhere",), "does not exist"),
        ((".", "--from", "coca"), "Did you mean 'coco'"),
        ((".", "--workers", "-2"), "no fewer than 0"),
    ):
        done = run(*words, cwd=tmp_path)
        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_a_grid_of_zeros_is_drawn(tmp_path: Path) -> None:
    """A set of one image of nothing, in the plainest way."""
    for kind in ("img_dir", "ann_dir"):
        (tmp_path / "s" / kind / "val").mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "s" / kind / "val/0.png"), np.zeros((9, 7), np.uint8))
    done = run(tmp_path / "s", "--labels", "background", "thing", "--out", "o", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "No image shows thing." in (tmp_path / "o/index.html").read_text()
