"""Flags of the CVAT tool mean what they say; the commands are played in tests/tools/test_cvat.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_converters.cvat_commands import chosen, deliver, masks_option
from segloop.data.annotations import Instance
from segloop.utils.errors import UserError
from tests.cvat.sets import LABELS, box, image, set_of


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


def test_every_format_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = image(tmp_path / "img", "a.png", [Instance(label="0", shape=box(1, 1, 5, 5), uid="u")])
    (tmp_path / "out").mkdir()
    deliver(set_of([record], LABELS), tmp_path / "out", ["cvat", "mmseg", "coco"])
    assert (tmp_path / "out" / "cvat.xml").is_file()
    assert list((tmp_path / "out" / "mmseg").rglob("a.png"))
    assert "mmseg does not hold" in capsys.readouterr().out
