"""Sizes come from labels or files, and must agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from data_converters.archives import Shelf, open_archive
from data_converters.base import BadRecord
from data_converters.cvat_images import Export
from tests.data_converters.cvat_cases import one_image, picture, read_text, write_zip


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ('width="8"', "line 3: <image> has the width '8' and height None"),
        ('width="0" height="6"', "has the width '0' and height '6'"),
        ('width="8.5" height="6"', "has the width '8.5' and height '6'"),
        ('width="-8" height="6"', "has the width '-8' and height '6'"),
        ('width="99999" height="99999"', "has 99999x99999 pixels; the limit is 268435456 in all"),
        ('width="99999999999" height="1"', "has the width '99999999999'"),
    ],
)
def test_sizes_that_are_none(tmp_path: Path, head: str, told: str) -> None:
    with pytest.raises(BadRecord, match=told):
        list(read_text(tmp_path, one_image("", head=head)))


def test_a_turned_photograph_is_of_the_size_that_cvat_shows(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 8)).save(tmp_path / "images" / "i.jpg", exif=exif)
    (record,) = read_text(tmp_path, one_image("").replace("i.png", "i.jpg"))
    assert record.size_hw == (6, 8)
    (record,) = read_text(tmp_path, one_image("", head="").replace("i.png", "i.jpg"))
    assert record.size_hw == (6, 8)


def test_an_image_of_a_damaged_archive(tmp_path: Path) -> None:
    file = write_zip(tmp_path, {"a.png": picture()})
    member = open_archive(file).members["a.png"]
    file.write_bytes(b"\0" * 10)
    problems: list[str] = []
    export = Export(tmp_path / "a.xml", "UTF-8", {}, shelf=Shelf(file))
    assert export.open_image(member, problems) is None
    assert "a.png: damaged" in problems[0]
