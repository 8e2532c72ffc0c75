"""Images and truth are found however the zips were unpacked, and what lacks its other half is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.utils.errors import DataError, UserError
from tests.data_converters.cityscapes_cases import NAME, polygons, problems, put, read, scene


def test_each_split_is_read_or_the_one_that_is_named(tmp_path: Path) -> None:
    scene(tmp_path)
    scene(tmp_path, split="val", name="bonn/bonn_000000_000001")
    assert [record.split for record in read(tmp_path)] == ["train", "val"]
    assert [record.split for record in read(tmp_path, split="val")] == ["val"]
    with pytest.raises(DataError, match=r"no split 'vla' \(it has: train, val\)\. Did you mean 'val'"):
        read(tmp_path, split="vla")


def test_zips_may_have_been_unpacked_into_folders_of_their_own(tmp_path: Path) -> None:
    scene(tmp_path)
    for name in ("gtFine", "leftImg8bit"):
        (tmp_path / f"{name}_trainvaltest").mkdir()
        (tmp_path / name).rename(tmp_path / f"{name}_trainvaltest" / name)
    (record,) = read(tmp_path)
    assert record.file is not None
    (tmp_path / "copy/gtFine").mkdir(parents=True)
    with pytest.raises(UserError, match="several gtFine; name one:"):
        read(tmp_path)


def test_the_folder_of_truth_finds_the_images_beside_it(tmp_path: Path) -> None:
    scene(tmp_path)
    (record,) = read(tmp_path / "gtFine")
    assert record.file is not None
    (tmp_path / "leftImg8bit").rename(tmp_path / "pictures")
    images = read(tmp_path)
    assert "the labels alone tell names and sizes" in images.told[0]
    (record,) = images
    assert (record.file, record.name) == (None, f"{NAME}_leftImg8bit.png")
    for place in ("pictures", "pictures/train"):
        (record,) = read(tmp_path, images=tmp_path / place)
        assert record.file == tmp_path / "pictures/train" / f"{NAME}_leftImg8bit.png"


def test_a_link_that_leads_back_makes_no_second_image(tmp_path: Path) -> None:
    scene(tmp_path, image=False)
    (tmp_path / "gtFine/train/up").symlink_to("..")
    assert [record.split for record in read(tmp_path)] == ["train"]


def test_images_without_truth_and_truth_without_images_are_told(tmp_path: Path) -> None:
    scene(tmp_path, ids=None)
    scene(tmp_path, name="ulm/ulm_000001_000019", image=False)
    scene(tmp_path, split="val", image=False)
    scene(tmp_path, split="test", ids=None)
    found = problems(read(tmp_path))
    assert sum("masks without an image" in each for each in found) == 2
    lonely = [each for each in found if "images without a mask" in each]
    assert len(lonely) == 2
    assert f"there is no {NAME}_gtFine_instanceIds.png and no _polygons.json" in lonely[0]


def test_two_images_of_one_truth_are_refused(tmp_path: Path) -> None:
    scene(tmp_path)
    put(tmp_path / "leftImg8bit/train" / f"{NAME}.jpg", b"")
    (problem,) = problems(read(tmp_path))
    assert "would be the same image" in problem


def test_fine_truth_goes_before_coarse(tmp_path: Path) -> None:
    scene(tmp_path)
    put(tmp_path / "gtCoarse/train" / f"{NAME}_gtCoarse_polygons.json", polygons())
    images = read(tmp_path)
    assert "gtFine is read, and gtCoarse is not" in images.told
    (record,) = read(tmp_path / "gtCoarse")
    assert len(record.instances) == 3


def test_a_list_picks_images(tmp_path: Path) -> None:
    scene(tmp_path)
    scene(tmp_path, name="ulm/ulm_000001_000019")
    wanted = put(tmp_path / "list.txt", f"{NAME}_leftImg8bit\n")
    assert [record.image_id for record in read(tmp_path, list_file=wanted)] == [f"{NAME}_leftImg8bit"]
    put(wanted, "ulm/none\n")
    with pytest.raises(DataError, match="names 1 image"):
        read(tmp_path, list_file=wanted)


def test_what_is_no_tree_is_told_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no gtFine or gtCoarse\. Expected is leftImg8bit"):
        read(tmp_path)
    (tmp_path / "gtFine/train").mkdir(parents=True)
    with pytest.raises(DataError, match=r"holds no \*_instanceIds.png"):
        read(tmp_path)
    put(tmp_path / "results/a_pred.txt", "")
    with pytest.raises(UserError, match="--from-results reads them"):
        read(tmp_path / "results")
