"""Each layout that masks come in is found, and what belongs to what."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters import masks
from data_converters.base import ReadOptions
from segloop.data.annotations import Bitmap, ImageRecord, Instance, Label, Remark
from segloop.data.masks import encode
from segloop.utils.errors import DataError, UserError
from tests.data.masks.cases import RING
from tests.data_converters.masks_cases import (
    BLOCK,
    IMAGE,
    NUMBERS,
    SIZE,
    nucleus,
    numbered,
    pixels_of,
    put,
    trouble,
    write,
)


def test_the_bowls_layout_is_read_split_by_split(tmp_path: Path) -> None:
    nucleus(tmp_path, "stage1_train/b2", RING, BLOCK)
    nucleus(tmp_path, "stage1_train/a1")
    nucleus(tmp_path, "stage1_test/c3", BLOCK)
    source = masks.read(tmp_path, options=ReadOptions())
    records = list(source)
    assert [(each.split, each.image_id, each.name, len(each.instances)) for each in records] == [
        ("stage1_test", "c3", "c3.png", 1),
        ("stage1_train", "a1", "a1.png", 0),
        ("stage1_train", "b2", "b2.png", 2),
    ]
    assert records[2].file == tmp_path / "stage1_train/b2/images/b2.png"
    assert (records[1].size_hw, records[2].remarks) == (SIZE, (Remark("overlaps", 4, "b2: pixel x=2, y=2"),))
    assert source.labels.labels == (Label("object"),)
    assert source.told == ("nothing names what the masks show; they are called 'object'",)
    for found, wanted in zip(pixels_of(records[2]), (RING, BLOCK), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_folder_of_a_split_and_of_one_image_are_read_too(tmp_path: Path) -> None:
    nucleus(tmp_path, "train/a1", RING)
    inside = masks.read(tmp_path / "train", options=ReadOptions(split="fluo", labels=("nucleus",)))
    assert [(each.split, each.image_id) for each in inside] == [("fluo", "a1")]
    assert (inside.labels.names, inside.told) == (("nucleus",), ())
    alone = masks.read(tmp_path / "train/a1", options=ReadOptions())
    assert [(each.split, each.image_id) for each in alone] == [(None, "a1")]


def test_a_link_that_leads_back_makes_no_second_image(tmp_path: Path) -> None:
    nucleus(tmp_path, "train/a1", RING)
    (tmp_path / "train/latest").symlink_to(".")
    assert [each.image_id for each in masks.read(tmp_path, options=ReadOptions())] == ["a1"]


def test_a_split_is_picked_and_a_list_narrows(tmp_path: Path) -> None:
    for place in ("train/a", "train/b", "val/c"):
        nucleus(tmp_path, place, RING)
    assert [each.image_id for each in masks.read(tmp_path, options=ReadOptions(split="val"))] == ["c"]
    (tmp_path / "list.txt").write_text("b\nc\n")
    listed = ReadOptions(list_file=tmp_path / "list.txt")
    assert [each.image_id for each in masks.read(tmp_path, options=listed)] == ["b", "c"]
    with pytest.raises(DataError, match=r"no split 'vall' \(it has: train, val\). Did you mean 'val'"):
        masks.read(tmp_path, options=ReadOptions(split="vall"))
    (tmp_path / "list.txt").write_text("x\n")
    with pytest.raises(DataError, match=r"names 1 image\(s\) that are not there:\n  x"):
        masks.read(tmp_path, options=listed)


@pytest.mark.parametrize("numbers", [False, True])
def test_images_of_no_split_may_be_beside_those_of_splits(tmp_path: Path, numbers: bool) -> None:
    shape = Bitmap(SIZE, encode(RING))
    records = [
        ImageRecord(
            image_id=image_id,
            name=f"{image_id}.png",
            size_hw=SIZE,
            split=split,
            instances=(Instance(label="cell", shape=shape),),
        )
        for split, image_id in ((None, "a"), (None, "sub/b"), ("train", "a"), ("val", "sub/c"))
    ]
    write(tmp_path, records, (Label("cell"),), numbers=numbers, media="none")
    source = masks.read(tmp_path, options=ReadOptions())
    assert [(each.split, each.image_id, len(each.instances)) for each in source] == [
        (each.split, each.image_id, 1) for each in records
    ]
    alone = masks.read(tmp_path, options=ReadOptions(split="train"))
    assert [(each.split, each.image_id) for each in alone] == [("train", "a")]
    with pytest.raises(DataError, match=r"no split 'trian' \(it has: train, val\)"):
        masks.read(tmp_path, options=ReadOptions(split="trian"))


def test_can_report_images_without_masks_and_what_is_no_set_of_masks(tmp_path: Path) -> None:
    nucleus(tmp_path, "train/a", RING)
    put(tmp_path / "test/b/images/b.png", IMAGE)
    assert trouble(masks.read(tmp_path, options=ReadOptions())) == {
        "b": ("the folder test/b/masks does not exist",)
    }
    with pytest.raises(DataError, match=r"holds no masks that we know\. Expected is a folder for each image"):
        masks.read(tmp_path / "test/b/images", options=ReadOptions())
    with pytest.raises(DataError, match="is no folder"):
        masks.read(tmp_path / "nowhere", options=ReadOptions())
    with pytest.raises(UserError, match="which of a, b they are; name one label"):
        masks.read(tmp_path, options=ReadOptions(labels=("a", "b")))


def test_stardists_folders_and_images_elsewhere_are_found(tmp_path: Path) -> None:
    numbered(tmp_path / "train", "a", NUMBERS)
    (tmp_path / "train/instances").rename(tmp_path / "train/masks")
    assert [each.image_id for each in masks.read(tmp_path, options=ReadOptions())] == ["a"]
    (tmp_path / "train/images").rename(tmp_path / "photos")
    found = masks.read(tmp_path / "train/masks", options=ReadOptions(images=tmp_path / "photos"))
    assert [each.file for each in found] == [tmp_path / "photos/a.png"]
    (tmp_path / "train/masks").rename(tmp_path / "train/instances")
    (alone,) = masks.read(tmp_path / "train", options=ReadOptions())
    assert (alone.file, alone.name, alone.size_hw) == (None, "a.png", SIZE)
    with pytest.raises(DataError, match="which is no folder"):
        masks.read(tmp_path / "train", options=ReadOptions(images=tmp_path / "gone"))


def test_folders_that_macos_leaves_beside_a_set_are_no_images(tmp_path: Path) -> None:
    nucleus(tmp_path, "set/a", RING)
    put(tmp_path / "__MACOSX/set/a/masks/._1.png", b"\0\5\x16\7")
    put(tmp_path / "__MACOSX/set/a/images/._a.png", b"\0\5\x16\7")
    assert [each.image_id for each in masks.read(tmp_path, options=ReadOptions())] == ["a"]


def test_masks_of_numbers_whose_suffix_is_in_capitals_are_found(tmp_path: Path) -> None:
    for name in "ab":
        numbered(tmp_path, name, NUMBERS)
    (tmp_path / "instances").rename(tmp_path / "masks")
    for name in "ab":
        (tmp_path / f"masks/{name}.png").rename(tmp_path / f"masks/{name}.PNG")
    assert [each.image_id for each in masks.read(tmp_path, options=ReadOptions())] == ["a", "b"]


def test_masks_alone_of_several_suffixes_are_all_read(tmp_path: Path) -> None:
    for name in "abc":
        numbered(tmp_path, name, NUMBERS)
    shutil.rmtree(tmp_path / "images")
    folder = tmp_path / "instances"
    Image.open(folder / "b.png").save(folder / "b.tif")
    (folder / "b.png").unlink()
    source = masks.read(tmp_path, options=ReadOptions())
    assert [each.image_id for each in source] == ["a", "b", "c"]
    shutil.copy(folder / "b.tif", folder / "c.tif")
    assert trouble(masks.read(tmp_path, options=ReadOptions())) == {
        "c": ("c.png, c.tif: which is the mask of c?",)
    }


def test_the_bowls_images_may_lie_elsewhere(tmp_path: Path) -> None:
    for name in "ab":
        folder = nucleus(tmp_path / "set", name, RING)
        shutil.rmtree(folder / "images")
    put(tmp_path / "photos/a.png", IMAGE)
    source = masks.read(tmp_path / "set", options=ReadOptions(images=tmp_path / "photos"))
    assert next(iter(source)).file == tmp_path / "photos/a.png"
    assert trouble(source) == {"b": ("masks without an image: b/masks: no image b",)}
