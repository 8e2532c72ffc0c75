"""Splits are found with and without dataset.json; images are named by path, never by base name."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.data.layout import Layout, files_below, image_ids, known_splits, read_list
from segloop.utils.errors import DataError


def test_takes_the_layout_from_dataset_json(tiny_root: Path) -> None:
    layout = Layout.find(tiny_root, "val")
    assert layout.data_prefix["img_path"] == "img_dir/val"
    assert layout.metainfo["classes"][0] == "background"
    assert layout.metainfo["background"] == 0
    with pytest.raises(DataError, match="no split 'vla'"):
        Layout.find(tiny_root, "vla")


def test_falls_back_to_mmsegs_folders(tmp_path: Path) -> None:
    layout = Layout.find(tmp_path, "train")
    assert layout.data_prefix == {"img_path": "img_dir/train", "seg_map_path": "ann_dir/train"}
    assert ".jpg" in layout.image_suffixes


def test_what_a_config_gives_wins(tiny_root: Path) -> None:
    (tiny_root / "list.txt").write_text("b\na\n")
    given = {
        "data_prefix": {"img_path": "photos"},
        "img_suffix": ".jpg",
        "seg_map_suffix": "_mask.png",
        "metainfo": {"classes": ["x"]},
        "ignore_index": 0,
        "ann_file": "list.txt",
        "pipeline": [],
    }
    layout = Layout.find(tiny_root, "val", given)
    assert layout.images == tiny_root / "photos"
    assert layout.mask("a/1") == tiny_root / "ann_dir/val/a/1_mask.png"
    assert layout.image_suffixes == (".jpg",)
    assert layout.metainfo["classes"] == ["x"]
    assert len(layout.metainfo["palette"]) == 6
    assert (layout.ignore_index, layout.only) == (0, ("b", "a"))


def test_knows_the_splits_with_and_without_dataset_json(tiny_root: Path) -> None:
    assert set(known_splits(tiny_root)) == {"train", "val", "test"}
    (tiny_root / "dataset.json").unlink()
    assert known_splits(tiny_root) == ["test", "train", "val"]


def test_a_linked_folder_counts_and_a_hidden_one_does_not(tmp_path: Path) -> None:
    for name in ("elsewhere/1.png", "images/.cache/2.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "images/linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert list(image_ids(tmp_path / "images", (".png",))) == ["linked/1"]
    assert list(files_below(tmp_path / "images")) == [tmp_path / "images/linked/1.png"]


def test_equal_names_in_two_folders_are_two_images(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/1.JPG", "b/2 и.png", "note.txt", ".hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list(image_ids(tmp_path, (".png", ".jpg"))) == ["a/1", "b/1", "b/2 и"]


def test_one_name_with_two_endings_is_refused_naming_both(tmp_path: Path) -> None:
    (tmp_path / "1.png").touch()
    (tmp_path / "1.jpg").touch()
    with pytest.raises(DataError, match=r"1\.jpg and .*1\.png"):
        image_ids(tmp_path, (".png", ".jpg"))


def test_all_names_with_two_endings_are_told_together(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "b.jpg", "b.png"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"(?s)2 cases.*a\.jpg and .*a\.png.*b\.jpg and .*b\.png"):
        image_ids(tmp_path, (".jpg", ".png"))


def test_a_link_back_to_a_folder_that_holds_it_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "in/1.png").touch()
    (tmp_path / "in/deep/up").symlink_to("..")
    assert list(image_ids(tmp_path / "in", (".png",))) == ["1"]


def test_reads_a_list_with_comments(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("# worst\na/1\n\n b/2 \n", encoding="utf-8")
    assert read_list(tmp_path / "list.txt") == ["a/1", "b/2"]
    (tmp_path / "windows.txt").write_bytes(b"\xef\xbb\xbfa/1\r\n")
    assert read_list(tmp_path / "windows.txt") == ["a/1"]
    with pytest.raises(DataError, match="cannot be read"):
        read_list(tmp_path / "none.txt")
