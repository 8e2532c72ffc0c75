"""The mmengine data set: what it lists, what it takes from dataset.json, what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from segloop.data.checks import check_semantic
from segloop.data.semantic_dataset import SemanticDataset
from segloop.utils.errors import DataError


def test_lists_a_split_in_the_order_of_its_ids(tiny_root: Path) -> None:
    data = SemanticDataset(str(tiny_root), "train")
    ids = [data.get_data_info(index)["image_id"] for index in range(len(data))]
    assert ids == sorted(ids)
    assert len(ids) == 4
    assert len(data.metainfo["classes"]) == len(data.metainfo["palette"]) == 6


def test_takes_only_the_images_of_a_list(tiny_root: Path, tmp_path: Path) -> None:
    wanted = SemanticDataset(str(tiny_root), "train").get_data_info(2)["image_id"]
    (tmp_path / "list.txt").write_text(f"# one\n{wanted}\n")
    data = SemanticDataset(str(tiny_root), "train", ann_file=str(tmp_path / "list.txt"))
    assert [data.get_data_info(0)["image_id"]] == [wanted]
    (tmp_path / "list.txt").write_text("nobody\n")
    with pytest.raises(DataError, match=r"names 1 image\(s\) that .* lacks:\n  nobody"):
        SemanticDataset(str(tiny_root), "train", ann_file=str(tmp_path / "list.txt"))


def test_finds_masks_whose_suffix_is_in_capitals_as_the_check_does(tiny_root: Path) -> None:
    for mask in (tiny_root / "ann_dir/train").iterdir():
        mask.rename(mask.with_suffix(".PNG"))
    assert not check_semantic(tiny_root, ["train"])
    data = SemanticDataset(str(tiny_root), "train")
    assert all(Path(data.get_data_info(index)["seg_map_path"]).is_file() for index in range(len(data)))


def test_works_without_dataset_json_by_what_the_config_says(tiny_root: Path) -> None:
    (tiny_root / "dataset.json").unlink()
    classes = list("abcdef")
    data = SemanticDataset(str(tiny_root), "val", metainfo={"classes": classes})
    assert list(data.metainfo["classes"]) == classes
    assert len(data) == 2


def test_can_report_a_missing_folder_and_an_empty_split(tiny_root: Path) -> None:
    shutil.rmtree(tiny_root / "img_dir/train")
    with pytest.raises(DataError, match=r"prepare\.py multiclass"):
        SemanticDataset(str(tiny_root), "train")
    (tiny_root / "img_dir/train").mkdir()
    with pytest.raises(DataError, match="'train' is empty"):
        SemanticDataset(str(tiny_root), "train")
