"""The XML and the images of an export are found wherever CVAT or its user put them."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_converters.archives import Member
from data_converters.cvat_source import Images, open_source
from segloop.utils.errors import DataError, FormatError
from tests.data_converters.cvat_cases import picture, write_xml, write_zip


def test_an_image_is_found_with_its_suffix_or_without() -> None:
    images = Images("here")
    for name in ("train/a.png", "a.png", "b.jpg", "b.png", "frame_000001.PNG", "val/c.png"):
        images.add(name, Path(name))
    assert images.find("a.png", "train") == "train/a.png"
    assert images.find("a.png", "val") == "a.png"
    assert images.find("a.png", None) == "a.png"
    assert images.find("frame_000001", None) == "frame_000001.PNG"
    assert images.find("c.bmp", "val") == "val/c.png"
    assert images.find("b.png", None) == "b.png"
    assert images.find("b", None) is None, "it could be either"
    assert images.find("c.png", None) is None


def test_a_zip_with_another_name_for_its_xml_and_a_folder_around(tmp_path: Path) -> None:
    members = {
        "x/my.xml": "<annotations/>",
        "x/images/s/a.png": picture(),
        "images/b.png": b"",
        "x/images/c.txt": b"",
    }
    source = open_source(write_zip(tmp_path, members), None)
    assert source.xml.read_text() == "<annotations/>"
    assert list(source.images.by_name) == ["s/a.png"]
    member = source.images.by_name["s/a.png"]
    assert isinstance(member, Member)
    assert source.shelf is not None
    assert source.shelf.file(member).read_bytes() == picture()


def test_which_xml_of_a_zip(tmp_path: Path) -> None:
    both = {"b.xml": "<b/>", "annotations.xml": "<annotations/>"}
    assert open_source(write_zip(tmp_path, both), None).xml.read_text() == "<annotations/>"
    with pytest.raises(FormatError, match=r"holds 2 XML files and no annotations.xml.*\n  b.xml\n  c/c.XML"):
        open_source(write_zip(tmp_path, {"b.xml": "", "c/c.XML": ""}), None)
    with pytest.raises(FormatError, match=r"a.zip: there is no annotations.xml in it"):
        open_source(write_zip(tmp_path, {"a.json": ""}), None)


def test_archives_that_climb_out_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="climbs out of the archive"):
        open_source(write_zip(tmp_path, {"annotations.xml": "", "../a.png": ""}), None)
    with pytest.raises(FormatError, match="not a zip archive"):
        open_source(write_xml(tmp_path, "<annotations/>", "b.zip"), None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip"]


def test_the_unpacked_xml_goes_with_its_owner(tmp_path: Path) -> None:
    source = open_source(write_zip(tmp_path, {"annotations.xml": "<annotations/>"}), None)
    file = source.xml
    assert file.exists()
    del source
    assert not file.exists()


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.xml does not exist"):
        open_source(tmp_path / "none.xml", None)
    with pytest.raises(DataError, match=r"has no annotations\.xml; name the XML or the zip"):
        open_source(tmp_path, None)
    with pytest.raises(DataError, match=r"There is no folder .*gone with images"):
        open_source(write_xml(tmp_path, ""), tmp_path / "gone")
