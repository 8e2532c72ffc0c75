"""Folders, files and zips take what a COCO writer has."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_converters.archives import open_archive
from data_converters.coco_outlets import FileOutlet, FolderOutlet, ZipOutlet
from segloop.data.info import content_hash
from segloop.utils.errors import DataError

NAME = "images/default/а & б/1.png"


def fill(outlet: FolderOutlet | ZipOutlet, tmp_path: Path) -> None:
    """Write a file of labels and bring an image along."""
    (tmp_path / "1.png").write_bytes(b"pixels")
    outlet.bring(tmp_path / "1.png", NAME)
    with outlet.stream("annotations/a.json") as stream:
        stream.write(b"{}")
    outlet.close()


@pytest.mark.parametrize("media", ["copy", "link"])
def test_a_folder_knows_its_hash(tmp_path: Path, media: str) -> None:
    outlet = FolderOutlet(tmp_path / "new/folder", media=media)
    fill(outlet, tmp_path)
    assert (outlet.root / NAME).read_bytes() == b"pixels"
    assert (outlet.root / NAME).is_symlink() == (media == "link")
    assert outlet.content_hash() == content_hash(outlet.root)


def test_a_zip_holds_the_same(tmp_path: Path) -> None:
    fill(ZipOutlet(tmp_path / "a.zip", media="copy"), tmp_path)
    archive = open_archive(tmp_path / "a.zip")
    assert {name: archive.read(name) for name in archive.members} == {
        NAME: b"pixels",
        "annotations/a.json": b"{}",
    }
    outlet = ZipOutlet(tmp_path / "b.zip", media="copy")
    with pytest.raises(DataError, match=r"none.png could not be brought along: No such file"):
        outlet.bring(tmp_path / "none.png", "images/none.png")
    outlet.close()


def test_a_file_has_one_name_whatever_it_is_called(tmp_path: Path) -> None:
    outlet = FileOutlet(tmp_path / "new/a.json")
    with outlet.stream("annotations/instances_default.json") as stream:
        stream.write(b"{}")
    outlet.close()
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.json"]
