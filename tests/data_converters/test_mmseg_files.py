"""The pairs of mmseg's folders are found, and what has no other is told."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters import mmseg_files
from data_converters.base import BadRecord, ReadOptions
from data_converters.mmseg import read
from data_converters.mmseg_files import Folders, find_folders
from segloop.data.png import encode_rgb
from segloop.utils.errors import DataError
from tests.data_converters.mmseg_cases import IMAGE, MASK, NAMED, as_file, put, trouble


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two training pairs and one for validation."""
    for place in ("train/a", "train/sub/c", "val/d"):
        put(tmp_path, place)
    return tmp_path


def test_every_split_is_read_and_indices_are_kept(root: Path) -> None:
    source = read(root, options=NAMED)
    assert [(each.split, each.image_id, each.name) for each in source] == [
        ("train", "a", "a.png"),
        ("train", "sub/c", "sub/c.png"),
        ("val", "d", "d.png"),
    ]
    record = next(iter(source))
    assert (record.size_hw, record.instances, record.ignore) == ((6, 8), (), None)
    assert record.semantic is not None
    assert record.semantic.dtype == np.uint8
    np.testing.assert_array_equal(record.semantic, MASK)
    assert record.file == root / "img_dir/train/a.png"


def test_folders_of_masks_without_images_are_told(root: Path) -> None:
    shutil.rmtree(root / "img_dir/val")
    told = "folders in ann_dir that img_dir does not have are left out: val"
    assert told in read(root, options=NAMED).told
    assert told not in read(root, options=replace(NAMED, split="train")).told


def test_one_split_can_be_picked_and_a_misspelt_one_is_guessed(root: Path) -> None:
    assert [each.image_id for each in read(root, options=replace(NAMED, split="val"))] == ["d"]
    with pytest.raises(DataError, match=r"no split 'vla' \(it has: train, val\). Did you mean 'val'"):
        read(root, options=replace(NAMED, split="vla"))


def test_a_set_without_splits_takes_the_name_that_it_is_given(tmp_path: Path) -> None:
    put(tmp_path, "sub/a")
    put(tmp_path, "b")
    assert [(each.split, each.image_id) for each in read(tmp_path, options=NAMED)] == [
        (None, "b"),
        (None, "sub/a"),
    ]
    named = read(tmp_path, options=replace(NAMED, split="test"))
    assert {each.split for each in named} == {"test"}


def test_a_list_picks_images_of_all_splits(root: Path) -> None:
    file = root / "list.txt"
    file.write_text("sub/c\nd\n")
    assert [each.image_id for each in read(root, options=replace(NAMED, list_file=file))] == ["sub/c", "d"]
    file.write_text("sub/c\nx.png\n")
    with pytest.raises(DataError, match=r"names 1 image\(s\) that are not there(.|\n)*  x.png"):
        read(root, options=replace(NAMED, list_file=file))
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="it is no UTF-8 text"):
        read(root, options=replace(NAMED, list_file=file))


def test_a_list_may_name_a_mask_without_an_image_as_a_check_does(root: Path) -> None:
    file = root / "list.txt"
    file.write_text("lonely\nd\n")
    mask = next(root.glob("ann_dir/*/d.png"))
    shutil.copy(mask, mask.with_name("lonely.png"))
    images = read(root, options=replace(NAMED, list_file=file))
    with pytest.raises(BadRecord, match="masks without an image"):
        images.load(images.keys[-1])


def test_images_may_lie_elsewhere(root: Path) -> None:
    (root / "img_dir").rename(root / "photos")
    source = read(root, options=replace(NAMED, images=root / "photos"))
    assert [each.file for each in source][2] == root / "photos/val/d.png"
    one = read(root, options=replace(NAMED, images=root / "photos/val", split="val"))
    assert [each.file for each in one] == [root / "photos/val/d.png"]


def test_masks_alone_are_read_where_there_are_no_images_at_all(root: Path) -> None:
    shutil.rmtree(root / "img_dir")
    source = read(root, options=NAMED)
    assert "no images beside the masks" in source.told[-1]
    assert [(each.split, each.name, each.file, each.size_hw) for each in source] == [
        ("train", "a.png", None, (6, 8)),
        ("train", "sub/c.png", None, (6, 8)),
        ("val", "d.png", None, (6, 8)),
    ]


def test_masks_alone_of_several_suffixes_are_read_or_told(root: Path) -> None:
    shutil.rmtree(root / "img_dir")
    other = root / "ann_dir/train/b.bmp"
    Image.fromarray(MASK).save(other)
    source = read(root, options=NAMED)
    assert len(source) == 4
    assert trouble(source) == {"b": ("b.bmp: the masks here end with .png, this one does not",)}
    for mask in (root / "ann_dir").rglob("*.png"):
        mask.unlink()
    assert [each.image_id for each in read(root, options=replace(NAMED, split="train"))] == ["b"]


def test_can_report_pairs_that_are_not_whole(root: Path) -> None:
    image, _ = put(root, "train/b", image=encode_rgb(IMAGE)[:-16])
    (root / "ann_dir/train/a.png").unlink()
    (root / "img_dir/val/d.png").unlink()
    put(root, "val/e")
    told = trouble(read(root, options=NAMED))
    assert list(told) == ["a", "b", "d"]
    assert told["a"] == ("images without a mask: img_dir/train/a.png: expected ann_dir/train/a.png",)
    assert "img_dir/train/b.png: truncated" in told["b"][0]
    assert told["d"] == ("masks without an image: ann_dir/val/d.png: no image d in img_dir/val",)
    image.unlink()
    image.symlink_to(root / "gone.png")
    assert "No such file or directory" in trouble(read(root, options=NAMED))["b"][0]


def test_can_report_masks_of_0_and_255_for_the_whole_set(tmp_path: Path) -> None:
    put(tmp_path, "train/a", mask=(MASK > 0).astype(np.uint8) * 255)
    put(tmp_path, "train/b", mask=np.zeros_like(MASK))
    for options in (ReadOptions(), ReadOptions(labels=("background", "cell"))):
        words = r"1 x masks that use 255 for the foreground\n.*a.png: 255 in 32 pixels"
        with pytest.raises(DataError, match=words):
            read(tmp_path, options=options)
    put(tmp_path, "train/c")
    assert trouble(read(tmp_path, options=NAMED)) == {}


def test_the_first_mask_that_is_not_binary_ends_the_search(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    looked = []
    real = mmseg_files.mask_facts
    monkeypatch.setattr(mmseg_files, "mask_facts", lambda file: (looked.append(file.name), real(file))[1])
    read(root, options=NAMED)
    assert looked == ["a.png"]


def test_can_report_a_folder_that_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"2 x folders that do not exist(.|\n)*img_dir(.|\n)*ann_dir"):
        read(tmp_path, options=NAMED)
    with pytest.raises(DataError, match="is no folder"):
        read(tmp_path / "nowhere", options=NAMED)


def test_can_report_two_images_of_one_id(root: Path) -> None:
    put(root, "train/a", image=as_file(Image.fromarray(IMAGE), "JPEG"), suffix=".jpg")
    with pytest.raises(DataError, match=r"a\.jpg and a\.png would be the same image"):
        read(root, options=NAMED)


def test_a_list_that_names_none_of_a_split_without_masks_needs_none(root: Path) -> None:
    shutil.rmtree(root / "ann_dir/val")
    first, *_ = [each.image_id for each in read(root, options=replace(NAMED, split="train"))]
    file = root / "some.txt"
    file.write_text(f"{first}\n", encoding="utf-8")
    assert [each.image_id for each in read(root, options=replace(NAMED, list_file=file))] == [first]


def test_a_split_without_masks_is_told_image_by_image(root: Path) -> None:
    put(root, "test/x")
    (root / "ann_dir/test/x.png").unlink()
    (root / "ann_dir/test").rmdir()
    source = read(root, options=NAMED)
    assert list(trouble(source)) == ["x"]
    assert len(source) == 4


def test_names_that_tools_trip_over_survive(tmp_path: Path) -> None:
    names = ["R&D сцена 1 (копия)", "a/1", "b/1", "[x] — y", "007", "A", "a.b.c"]
    for name in names:
        put(tmp_path, f"train/{name}")
    assert sorted(each.image_id for each in read(tmp_path, options=NAMED)) == sorted(names)


def test_a_name_that_is_no_utf8_is_told(tmp_path: Path) -> None:
    put(tmp_path, "train/a")
    put(tmp_path, "train/b\udcff")
    told = trouble(read(tmp_path, options=NAMED))
    assert list(told) == ["b\udcff"]
    assert "no UTF-8" in told["b\udcff"][0]


@pytest.mark.parametrize(
    ("folders", "found"),
    [
        (("img_dir", "ann_dir", "images", "masks"), Folders("img_dir", "ann_dir")),
        (("images", "labels", "annotations"), Folders("images", "annotations")),
        (("train/imgs", "train/mask", "notes"), Folders("imgs", "mask", split_first=True)),
        (("images",), Folders("img_dir", "ann_dir")),
        ((), Folders("img_dir", "ann_dir")),
    ],
)
def test_folders_are_known_by_other_names_too(
    tmp_path: Path, folders: tuple[str, ...], found: Folders
) -> None:
    for name in folders:
        (tmp_path / name).mkdir(parents=True)
    assert find_folders(tmp_path) == found


def test_splits_may_stand_above_images_or_below(tmp_path: Path) -> None:
    above, below = Folders("images", "masks", split_first=True), Folders("images", "masks")
    assert above.prefix("val") == {"img_path": "val/images", "seg_map_path": "val/masks"}
    assert below.prefix("val") == {"img_path": "images/val", "seg_map_path": "masks/val"}
    assert above.prefix(None) == below.prefix(None) == {"img_path": "images", "seg_map_path": "masks"}
    for split in ("train", "val"):
        put(tmp_path, f"{split}/a")
        (tmp_path / split).mkdir()
        (tmp_path / "img_dir" / split).rename(tmp_path / split / "images")
        (tmp_path / "ann_dir" / split).rename(tmp_path / split / "masks")
    shutil.rmtree(tmp_path / "img_dir")
    shutil.rmtree(tmp_path / "ann_dir")
    assert [(each.split, each.image_id) for each in read(tmp_path, options=NAMED)] == [
        ("train", "a"),
        ("val", "a"),
    ]


@pytest.mark.parametrize("tail", ["_mask.png", ".tif", "_L.bmp"])
def test_masks_may_all_end_otherwise(tmp_path: Path, tail: str) -> None:
    for name in ("1", "10", "2_x"):
        _, mask = put(tmp_path, f"train/{name}")
        Image.fromarray(MASK).save(mask.with_name(f"{name}{tail}"))
        mask.unlink()
    source = read(tmp_path, options=NAMED)
    assert [each.image_id for each in source] == ["1", "10", "2_x"]
    np.testing.assert_array_equal(next(iter(source)).semantic, MASK)


def test_an_ending_that_only_some_masks_have_is_none(tmp_path: Path) -> None:
    put(tmp_path, "train/b")
    _, mask = put(tmp_path, "train/a")
    mask.rename(mask.with_name("a_mask.png"))
    told = trouble(read(tmp_path, options=NAMED))
    assert "a_mask.png" in str(told)


def test_the_masks_of_a_run_are_read_with_the_pictures_that_they_are_of(root: Path) -> None:
    run = root / "run"
    shutil.copytree(root / "ann_dir/train", run / "predictions")
    (run / "images.csv").write_text("image_id\n")
    found = read(run, options=replace(NAMED, images=root / "img_dir/train"))
    assert [(each.image_id, each.name) for each in found] == [("a", "a.png"), ("sub/c", "sub/c.png")]
    assert find_folders(run).masks == "predictions"
