"""diff, apply and the files of the web page work as commands, from end to end."""

from __future__ import annotations

import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segloop.data.index_masks import read_index_mask
from segloop.data.planting import spoil
from segloop.utils.cli import run
from tools.cvat import main

Tool = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tool:
    """Return what runs the tool in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run_tool(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cvat.py", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            run(main)
        told = capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    return run_tool


def test_the_loop_by_files_brings_the_right_labels_home(tool: Tool, tiny_root: Path, tmp_path: Path) -> None:
    truth = Path(shutil.copytree(tiny_root, tmp_path / "truth"))
    planted = spoil(tiny_root, "train", share=1, seed=0)
    assert planted
    names = [f"train/{each.image_id}" for each in planted]
    (tmp_path / "list.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    assert tool("push", tiny_root, "--images", "list.txt", "--to-files", "loop")[0] == 0
    right = tmp_path / "right"
    (tmp_path / "right.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    assert (
        tool("push", truth, "--images", "right.txt", "--to-files", right)[0] == 0
    )  # what a person would draw
    with zipfile.ZipFile(right / "truth-001/annotations.zip") as archive:
        archive.extract("annotations.xml", tmp_path)
    code, out, err = tool("pull", "loop", "--from-files", "annotations.xml")
    assert (code, err) == (0, "")
    code, out, _ = tool("diff", tiny_root, "loop", "--out", "seen")
    assert code == 0
    assert f"{len(planted)} changed" in out
    assert (tmp_path / "seen/index.html").is_file()
    code, out, _ = tool("apply", tiny_root, "loop")
    assert code == 0
    assert "tools/judge.py CONFIG" in out
    for mask in sorted((truth / "ann_dir").rglob("*.png")):
        made = tiny_root / "versions/1" / mask.relative_to(truth)
        assert np.array_equal(read_index_mask(made), read_index_mask(mask))


def test_mistakes_cost_one_message(tool: Tool, tiny_root: Path, tmp_path: Path) -> None:
    assert "does not exist" in tool("diff", tiny_root, "nowhere")[2]
    (tmp_path / "bare").mkdir()
    assert "has no dataset.json" in tool("apply", "bare", tiny_root)[2]
    assert "NEW=OLD" in tool("apply", tiny_root, tiny_root, "--rename", "a")[2]
    assert "must be at least 0" in tool("diff", tiny_root, tiny_root, "--pictures", "-1")[2]
    code, _, err = tool("apply", tiny_root, tiny_root)
    assert (code, "No label changed" in err) == (2, True)
    assert tool("push", tiny_root, "--to-files", "loop")[0] == 0
    assert "nothing was pulled" in tool("diff", tiny_root, "loop")[2]
    assert "exists already" in tool("push", tiny_root, "--to-files", "loop")[2]
