"""The files of a Segmentation mask export are found in folders and zips, and no list is taken for two."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_converters import cvat_mask_files
from data_converters.base import ReadOptions
from data_converters.cvat_mask_files import image_files, listed_images, open_tree
from segloop.utils.errors import DataError, FormatError, UserError
from tests.data_converters.cvat_cases import picture, write_zip

FILES = {
    "labelmap.txt": "a:1,2,3::\n",
    "ImageSets/Segmentation/default.txt": '# a comment\n\nsub/one\n"with blank"\n',
    "SegmentationClass/sub/one.png": b"1",
    "SegmentationObject/sub/one.png": b"2",
    "JPEGImages/sub/one.JPG": picture(),
}


def write_folder(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


@pytest.mark.parametrize("kind", ["folder", "zip", "zip with a folder around"])
def test_folders_and_zips_are_alike(tmp_path: Path, kind: str) -> None:
    if kind == "folder":
        tree = open_tree(write_folder(tmp_path / "export", FILES))
    else:
        top = "export/" if "around" in kind else ""
        tree = open_tree(write_zip(tmp_path, {top + name: data for name, data in FILES.items()}))
    assert sorted(tree.files) == sorted(FILES)
    assert tree.text("labelmap.txt") == "a:1,2,3::\n"
    told: list[str] = []
    assert listed_images(tree, ReadOptions(), told) == [("sub/one", None), ("with blank", None)]
    assert told == []
    images = image_files(tree, ReadOptions())
    assert images.find("sub/one", None) == "sub/one.JPG"


def test_lists_are_splits(tmp_path: Path) -> None:
    lists = {f"ImageSets/Segmentation/{name}.txt": f"{name}1\n" for name in ("train", "val")}
    tree = open_tree(write_folder(tmp_path, lists))
    assert listed_images(tree, ReadOptions(), []) == [("train1", "train"), ("val1", "val")]
    assert listed_images(tree, ReadOptions(split="val"), []) == [("val1", "val")]
    with pytest.raises(UserError, match="no list 'test'; it has train, val"):
        listed_images(tree, ReadOptions(split="test"), [])
    (tmp_path / "ImageSets/Segmentation/trainval.txt").write_text("train1\nval1\n")
    tree = open_tree(tmp_path)
    with pytest.raises(FormatError, match=r"trainval.txt: line 1: 'train1' is listed twice; --split"):
        listed_images(tree, ReadOptions(), [])
    assert len(listed_images(tree, ReadOptions(split="trainval"), [])) == 2


def test_masks_that_no_list_names_are_told(tmp_path: Path) -> None:
    more = {"SegmentationClass/two.png": b"1", "ImageSets/Segmentation/val.txt": "three.jpg\n"}
    tree = open_tree(write_folder(tmp_path, {**FILES, **more, "SegmentationClass/three.png": b"1"}))
    told: list[str] = []
    assert len(listed_images(tree, ReadOptions(), told)) == 3
    assert told == ["1 mask(s) in SegmentationClass/ that no list names are left out: two"]
    listed_images(tree, ReadOptions(split="val"), told)
    assert len(told) == 1


def test_without_lists_all_masks_count(tmp_path: Path) -> None:
    files = {"SegmentationClass/b.png": b"", "SegmentationClass/a/c.png": b"", "SegmentationClass/d.txt": b""}
    told: list[str] = []
    found = listed_images(open_tree(write_folder(tmp_path, files)), ReadOptions(split="mine"), told)
    assert found == [("a/c", "mine"), ("b", "mine")]
    assert told == [
        "There are no lists in ImageSets/Segmentation/: each mask in SegmentationClass/ is an image."
    ]


def test_lists_that_lead_elsewhere(tmp_path: Path) -> None:
    tree = open_tree(write_folder(tmp_path, {"ImageSets/Segmentation/a.txt": "fine\n../../x\n/etc/passwd\n"}))
    with pytest.raises(FormatError) as caught:
        listed_images(tree, ReadOptions(), [])
    assert "line 2: the name '../../x' climbs out" in str(caught.value)
    assert "line 3: the name '/etc/passwd' is the path of one machine" in str(caught.value)


def test_texts_that_are_none_or_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = open_tree(write_folder(tmp_path, {"labelmap.txt": b"\xff\xfe", "long.txt": b"x" * 99}))
    with pytest.raises(FormatError, match=r"labelmap\.txt: no UTF-8 text"):
        tree.text("labelmap.txt")
    monkeypatch.setattr(cvat_mask_files, "MOST_TEXT", 50)
    with pytest.raises(FormatError, match=r"long\.txt: has 99 bytes; at most 50"):
        tree.text("long.txt")


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.zip does not exist"):
        open_tree(tmp_path / "none.zip")
    with pytest.raises(DataError, match=r"There is no folder .*gone with images"):
        image_files(open_tree(tmp_path), ReadOptions(images=tmp_path / "gone"))
