"""LISTs of ticked images, and the commands that go on from them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from segloop.app.picks import commands, knows_cvat, list_text, push_words, save_list
from segloop.data.layout import read_list
from segloop.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def test_a_saved_list_is_read_back_and_not_replaced_unasked(tmp_path: Path) -> None:
    path = save_list(["b", "x/a", "#1"], folder=tmp_path, name="worst ones.txt", title="two\nlines")
    assert path == tmp_path / "lists/worst ones.txt"
    assert read_list(path) == ["b", "x/a", "#1"]
    with pytest.raises(UserError, match="exists"):
        save_list(["c"], folder=tmp_path, name="worst ones", title="t")
    save_list(["c"], folder=tmp_path, name="worst ones", title="t", replace=True)
    assert read_list(path) == ["c"]


@pytest.mark.parametrize("name", ["../x", "/x", ".hidden", "a/b", "x" * 81, "a\nb"])
def test_names_that_are_paths_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="name of a LIST"):
        save_list(["a"], folder=tmp_path, name=name, title="t")
    assert not any(tmp_path.iterdir())


def test_nothing_ticked_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No image is ticked"):
        save_list([], folder=tmp_path, name="a", title="t")


def test_a_line_break_in_a_title_adds_no_image() -> None:
    assert list_text(["a"], title="x\nb") == "# x b\na\n"


def test_commands_survive_blanks_in_paths() -> None:
    lines = commands(Path("lists/worst ones.txt"), data=Path("my data"), run=Path("a/run"), split="test")
    for line in lines.values():
        words = shlex.split(line)
        assert "my data" in words
        assert "lists/worst ones.txt" in words


def test_the_push_is_one_that_the_tool_takes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n")
    words = push_words(tmp_path / "a.txt", data=tmp_path / "gone", run=Path("r"), split="val")
    bare = {name: value for name, value in os.environ.items() if not name.startswith("CVAT_")}
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False, env=bare
    )
    assert done.returncode == 2
    assert "No server was named" in done.stderr


def test_the_loop_of_a_version_is_that_of_the_tool() -> None:
    for data, loop in (("data/ships", "ships"), ("data/ships/versions/1", "ships-1")):
        words = push_words(Path("runs/lists/a.txt"), data=Path(data), run=Path("r"), split="val")
        assert words[-2:] == ["--loop", f"runs/cvat/{loop}"]


def test_a_push_is_offered_where_the_environment_says_who_asks() -> None:
    assert not knows_cvat({})
    assert not knows_cvat({"CVAT_HOST": "https://cvat.example", "CVAT_USERNAME": "ann"})
    assert knows_cvat({"CVAT_HOST": "https://cvat.example", "CVAT_ACCESS_TOKEN": "x"})
