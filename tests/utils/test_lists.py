"""What is written into a LIST is read from it, or is a comment."""

from pathlib import Path

import pytest

from segloop.data.layout import read_list
from segloop.utils.atomic import write_text
from segloop.utils.lists import list_line


@pytest.mark.parametrize("image_id", ["a/1", "#1", "##", "# 2", "a#1", "плата 1", "a\u2028b", "a\x0cb"])
def test_an_id_is_read_as_it_was_written(image_id: str, tmp_path: Path) -> None:
    write_text(tmp_path / "list.txt", f"# title\n{list_line(image_id)}\nlast\n")
    assert read_list(tmp_path / "list.txt") == [image_id, "last"]


@pytest.mark.parametrize("image_id", ["a ", " a", "a\nb", "a\rb", "caf\udce9"])
def test_what_no_line_can_hold_is_a_comment(image_id: str, tmp_path: Path) -> None:
    write_text(tmp_path / "list.txt", f"{list_line(image_id)}\n")
    assert read_list(tmp_path / "list.txt") == []
