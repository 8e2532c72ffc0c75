"""Images and masks of spacecraft find each other, in splits or without; what stands alone is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_converters.base import ReadOptions
from data_converters.spacecraft_boxes import Entry
from data_converters.spacecraft_files import Pair, find_pairs, number_of, with_boxes
from segloop.utils.errors import DataError
from tests.data_converters.spacecraft_cases import write_set

SETS = {"train/img_1": ["R"], "train/sub/img_2": ["G"], "val/img_3": ["B"]}


def ids(pairs: list[Pair]) -> list[tuple[str | None, str]]:
    return [(pair.split, pair.image_id) for pair in pairs]


def test_folders_are_splits(tmp_path: Path) -> None:
    write_set(tmp_path, SETS)
    pairs = find_pairs(tmp_path, ReadOptions())
    assert ids(pairs) == [("train", "img_1"), ("train", "sub/img_2"), ("val", "img_3")]
    assert all(Path(pair.images, pair.name).is_file() and Path(pair.mask).is_file() for pair in pairs)
    assert ids(find_pairs(tmp_path, ReadOptions(split="val"))) == [("val", "img_3")]
    with pytest.raises(DataError, match=r"no split 'vall' .*Did you mean 'val'"):
        find_pairs(tmp_path, ReadOptions(split="vall"))


def test_a_set_without_splits_takes_the_name_that_is_given(tmp_path: Path) -> None:
    write_set(tmp_path, {"img_1": ["R"], "img_2": ["R"]})
    assert ids(find_pairs(tmp_path, ReadOptions())) == [(None, "img_1"), (None, "img_2")]
    assert ids(find_pairs(tmp_path, ReadOptions(split="test"))) == [("test", "img_1"), ("test", "img_2")]


def test_masks_without_images_and_images_without_masks_are_told(tmp_path: Path) -> None:
    write_set(tmp_path, SETS)
    (tmp_path / "mask/train/img_1_mask.png").unlink()
    (tmp_path / "images/val/img_3.png").rename(tmp_path / "images/val/img_4.png")
    found = {pair.image_id: pair.trouble for pair in find_pairs(tmp_path, ReadOptions()) if pair.trouble}
    assert found["img_1"].startswith("images without a mask: images/train/img_1.png: expected mask/train/")
    assert found["img_3"].startswith("masks without an image: mask/val/img_3_mask.png")
    assert found["img_4"].startswith("images without a mask: images/val/img_4.png")


def test_a_split_that_is_on_one_side_only_is_told_image_by_image(tmp_path: Path) -> None:
    write_set(tmp_path, SETS)
    (tmp_path / "mask/val").rename(tmp_path / "mask/test")
    troubles = [pair.trouble for pair in find_pairs(tmp_path, ReadOptions()) if pair.trouble]
    assert len(troubles) == 2
    assert "masks without an image: mask/test/img_3_mask.png: the folder" in troubles[0]
    assert "images without a mask: images/val/img_3.png: the folder" in troubles[1]


def test_masks_alone_are_a_set(tmp_path: Path) -> None:
    write_set(tmp_path / "set", SETS)
    (tmp_path / "set/images").rename(tmp_path / "elsewhere")
    pairs = find_pairs(tmp_path / "set", ReadOptions())
    assert (pairs[0].name, pairs[0].images) == ("img_1.png", "")
    found = find_pairs(tmp_path / "set", ReadOptions(images=tmp_path / "elsewhere"))
    assert all(Path(pair.images, pair.name).is_file() for pair in found)
    with pytest.raises(DataError, match="does not exist"):
        find_pairs(tmp_path / "set", ReadOptions(images=tmp_path / "nowhere"))


def test_masks_may_be_named_as_their_images(tmp_path: Path) -> None:
    write_set(tmp_path, {"img_1": ["R"]})
    (tmp_path / "mask/img_1_mask.png").rename(tmp_path / "mask/img_1.png")
    assert ids(find_pairs(tmp_path, ReadOptions())) == [(None, "img_1")]
    assert not find_pairs(tmp_path, ReadOptions())[0].trouble


def test_two_files_of_one_name_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    write_set(tmp_path, {"img_1": ["R"]})
    (tmp_path / "images/img_1.jpg").touch()
    with pytest.raises(DataError, match=r"img_1\.jpg and img_1\.png would be the same image"):
        find_pairs(tmp_path, ReadOptions())
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no folder 'mask'"):
        find_pairs(tmp_path / "empty", ReadOptions())


def test_a_list_chooses_and_its_unknown_names_are_told(tmp_path: Path) -> None:
    write_set(tmp_path / "set", SETS)
    (tmp_path / "list.txt").write_text("# some\nimg_3\nsub/img_2\n")
    pairs = find_pairs(tmp_path / "set", ReadOptions(list_file=tmp_path / "list.txt"))
    assert ids(pairs) == [("train", "sub/img_2"), ("val", "img_3")]
    (tmp_path / "list.txt").write_text("train/img_1\n")
    with pytest.raises(DataError, match=r"1 image\(s\) that are not there"):
        find_pairs(tmp_path / "set", ReadOptions(list_file=tmp_path / "list.txt"))


@pytest.mark.parametrize(
    ("name", "number"),
    [("img_resize_403", 403), ("007", 7), ("a1/b", None), ("a/b12", 12), ("x" + "9" * 40, None), ("", None)],
)
def test_a_number_ends_a_name(name: str, number: int | None) -> None:
    assert number_of(name) == number


def test_boxes_go_to_images_by_number() -> None:
    pairs = [Pair("train", name, f"{name}.png", "", "") for name in ("img_07", "img_8", "img")]
    entry = Entry(1, ((0.0, 0.0, 1.0, 1.0),))
    assert [pair.boxes for pair in with_boxes(pairs, {7: entry})] == [entry, None, None]
