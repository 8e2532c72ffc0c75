"""Images that belong together are found by folder, name or table, and what has no group is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.data.groups import by_folder, by_regex, by_table, groups_of
from segloop.utils.errors import ConfigError, DataError

IDS = ["berlin/a/1", "berlin/a/2", "berlin/b/1", "bonn/1", "x"]


def test_by_folder() -> None:
    assert by_folder(IDS) == ["berlin/", "berlin/", "berlin/", "bonn/", "x"]
    assert by_folder(IDS, 2) == ["berlin/a/", "berlin/a/", "berlin/b/", "bonn/", "x"]
    assert by_folder(["a", "a/1"]) == ["a", "a/"]  # an image is no folder of the same name
    assert by_folder([]) == []
    with pytest.raises(DataError, match=r"No image is in a folder that would be its group:\n  a\n  b$"):
        by_folder(["a", "b"])


def test_by_regex() -> None:
    assert by_regex(["s1_2", "s1_3", "s2_2"], r"s\d+") == ["s1", "s1", "s2"]
    assert by_regex(["s1_d2_x", "s1_d2_y"], r"(s\d+)_(d\d+)?") == ["s1/d2", "s1/d2"]


def test_by_table(tmp_path: Path) -> None:
    comma, tabs = tmp_path / "scenes.CSV", tmp_path / "scenes.txt"
    comma.write_text("scene,image_id\n1,a\n2,b\n1,c\n1,a\n", encoding="utf-8-sig")
    tabs.write_text("image_id\tgroup\na\tone, two\n")
    assert by_table(["c", "b", "a"], comma, column="scene") == ["1", "2", "1"]
    assert by_table(["a"], tabs) == ["one, two"]


def test_as_a_config_says_it(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image_id,group\nx,7\n")
    assert groups_of(IDS, None) is None
    assert groups_of(["a/1"], {"folder": 1, "regex": None}) == ["a/"]
    assert groups_of(["a/1"], {"regex": "."}) == ["a"]
    assert groups_of(["x"], {"table": "t.csv"}, root=tmp_path) == ["7"]


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ({"folder": 1, "regex": "x"}, "neither"),
        ({"column": "x"}, "neither"),
        ({"folder": 1, "column": "x"}, "neither"),
        ({"folder": 0}, "1 level or more"),
        ({"regex": "("}, "cannot be read: missing"),
        ({"regex": "b"}, r"(?s)no group in 1 image\(s\):\n  x"),
        ({"regex": r"^(b\w+)?"}, r"(?s)no group in 1 image\(s\):\n  x"),  # nothing is no group
        ({"table": "none.csv"}, "No such file"),
        ({"table": "t.csv", "column": "scnee"}, "no column 'scnee'. Did you mean 'scene'"),
        ({"table": "u.csv"}, "no column 'image_id'"),
        ({"table": "t.csv", "column": "scene"}, r"(?s)names no scene of 4 image\(s\):\n  berlin/a/2"),
        ({"table": "torn.csv"}, r"(?s)into several groups:\n  x"),
        ({"table": "latin.csv"}, "cannot be read"),
    ],
)
def test_can_report(by: dict, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image_id,scene\nberlin/a/1,7\nx,\n")
    (tmp_path / "u.csv").write_text("id,group\n")
    (tmp_path / "torn.csv").write_text("image_id,group\nx,1\nx,2\n")
    (tmp_path / "latin.csv").write_bytes(b"image_id,group\n\xff,1\n")
    with pytest.raises((ConfigError, DataError), match=message):
        groups_of(IDS, by, root=tmp_path)
