"""Flags of the CVAT tool mean what they say; the commands are played in tests/tools/test_cvat.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.cvat.commands import chosen, masks_option
from segloop.utils.errors import UserError


def test_forms_of_masks() -> None:
    assert [masks_option(text) for text in ("masks", "polygons:0", "polygons:1.5")] == [
        "rle",
        "polygon:0",
        "polygon:1.5",
    ]
    for text in ("polygons", "polygons:-1", "polygons:x", "masks:1", "boxes:1"):
        with pytest.raises(UserError, match="polygons:TOL"):
            masks_option(text)


def test_a_list_or_all(tmp_path: Path) -> None:
    (tmp_path / "worst.txt").write_text("# worst first\nb/1\na\n", encoding="utf-8")
    assert (chosen("all"), chosen(str(tmp_path / "worst.txt"))) == (None, ["b/1", "a"])
