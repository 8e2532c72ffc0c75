"""Which picture is the mask of which image."""

from pathlib import Path

import pytest

from data_converters.base import ReadOptions
from data_converters.pairs_files import find_pairs
from segloop.utils.errors import DataError


def found(root: Path, *names: str, **options: object) -> list[tuple[str | None, str, str, str]]:
    """Make empty files, and return split, id, mask and trouble of each pair."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    pairs = find_pairs(root, ReadOptions(**options)).pairs  # type: ignore[arg-type]
    for pair in pairs:
        assert Path(pair.images, pair.name).is_file()
    return [
        (
            pair.split,
            pair.image_id,
            Path(pair.mask).relative_to(root).as_posix() if pair.mask else "",
            pair.trouble,
        )
        for pair in pairs
    ]


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["images/1.jpg", "masks/1.png"], (None, "1", "masks/1.png")),
        (["image_07.png", "mask_07.png"], (None, "image_07", "mask_07.png")),
        (["a.jpg", "a.png"], (None, "a", "a.png")),
        (["train/a.png", "trainannot/a.png"], ("train", "a", "trainannot/a.png")),
        (["valid/images/a.png", "valid/labels/a_label.tif"], ("val", "a", "valid/labels/a_label.tif")),
        (["images/test/a.png", "gt/a.png"], ("test", "a", "gt/a.png")),
        (["d/A/JPEG images/x.jpg", "d/B/PNG masks/x.png"], (None, "x", "d/B/PNG masks/x.png")),
        (["снимки/снимок 1.png", "метки mask/снимок 1.png"], (None, "снимок 1", "метки mask/снимок 1.png")),
        (["images/a.png", "images/b.png", "masks/a_m1.png", "masks/b_m1.png"], (None, "a", "masks/a_m1.png")),
        (["images/frame12.png", "truth/t_0012_final.png"], (None, "frame12", "truth/t_0012_final.png")),
        (
            [f"images/0{n}_test.tif" for n in "12"] + [f"manual/0{n}_manual1.gif" for n in "12"],
            (None, "01_test", "manual/01_manual1.gif"),
        ),
    ],
)  # fmt: skip
def test_a_mask_is_found_however_it_is_called(names: list[str], wanted: tuple, tmp_path: Path) -> None:
    assert found(tmp_path, *names)[0][:3] == wanted


def test_folders_that_tell_images_apart_stay_in_their_ids(tmp_path: Path) -> None:
    names = ["images/a/1.png", "images/b/1.png", "masks/a/1.png", "masks/b/1.png"]
    assert [each[1:3] for each in found(tmp_path, *names)] == [
        ("a/1", "masks/a/1.png"),
        ("b/1", "masks/b/1.png"),
    ]


def test_splits_stand_in_longer_names_of_folders(tmp_path: Path) -> None:
    names = [
        f"T1_{split}_{what}"
        for split in ("Training", "Test")
        for what in ("Input/I_1.jpg", "GroundTruth/I_1_segmentation.png")
    ]
    pairs = found(tmp_path, *names)
    assert [(split, mask) for split, _, mask, _ in pairs] == [
        ("test", "T1_Test_GroundTruth/I_1_segmentation.png"),
        ("train", "T1_Training_GroundTruth/I_1_segmentation.png"),
    ]


def test_an_image_without_a_mask_is_told_and_a_folder_without_any_is_left_out(tmp_path: Path) -> None:
    names = ["images/1.png", "images/2.png", "masks/1.png", "test/images/7.png", ".cache/images/9.png"]
    one, two = found(tmp_path, *names)
    assert one[3] == ""
    assert "2.png: it has no mask" in two[3]
    assert any(
        "1 image(s) of folders without any mask" in each for each in find_pairs(tmp_path, ReadOptions()).told
    )


def test_two_masks_or_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    names = [
        "images/1.png",
        "images/1.jpg",
        "images/2.png",
        "images/3.png",
        "masks/1.png",
        "masks/2.png",
        "masks/3.png",
    ]
    troubles = {each[1]: each[3] for each in found(tmp_path, *names)}
    assert "another suffix" in troubles["1"]
    assert not troubles["2"]


def test_images_may_be_elsewhere_and_a_list_picks_some(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("2\n", encoding="utf-8")
    (tmp_path / "l").mkdir()
    for name in ("p/1.jpg", "p/2.jpg", "l/1.png", "l/2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    options = ReadOptions(images=tmp_path / "p", list_file=tmp_path / "list.txt", split="train")
    (pair,) = find_pairs(tmp_path / "l", options).pairs
    assert (pair.split, pair.image_id) == ("train", "2")


def test_of_several_kinds_of_masks_the_user_names_one(tmp_path: Path) -> None:
    names = [
        f"training/{name}"
        for number in (21, 22)
        for name in (
            f"images/{number}_training.tif",
            f"mask/{number}_training_mask.gif",
            f"1st_manual/{number}_manual1.gif",
        )
    ]
    with pytest.raises(DataError, match=r"2 kinds of masks for 2 images(.|\n)*--mask-folder '1st_manual'"):
        found(tmp_path, *names)
    assert [each[2] for each in found(tmp_path, mask_folder="1st_manual")] == [
        "training/1st_manual/21_manual1.gif",
        "training/1st_manual/22_manual1.gif",
    ]
    with pytest.raises(DataError, match="No masks are in folders called 'vessels'"):
        found(tmp_path, mask_folder="vessels")


def test_kinds_are_told_from_splits_and_objects_beside_classes_are_passed_over(tmp_path: Path) -> None:
    voc = ["JPEGImages/a.jpg", "SegmentationClass/a.png", "SegmentationObject/a.png"]
    assert found(tmp_path / "voc", *voc)[0][2] == "SegmentationClass/a.png"
    splits = ["train/a.png", "trainannot/a.png", "val/b.png", "valannot/b.png"]
    assert len(found(tmp_path / "splits", *splits)) == 2


def test_a_folder_of_masks_for_each_class_is_told(tmp_path: Path) -> None:
    names = [
        "images/a.jpg",
        "images/b.jpg",
        *(f"masks/{kind}/{n}.png" for kind in ("oil", "rust") for n in "ab"),
    ]
    with pytest.raises(DataError, match=r"a\.jpg and oil/a\.png(.|\n)*2 image\(s\) have several masks"):
        found(tmp_path, *names)


def test_the_same_pictures_in_two_formats_are_told(tmp_path: Path) -> None:
    names = [
        f"{form}/{folder}/{n}.{form.lower()}"
        for form in ("PNG", "TIF")
        for folder in ("Original", "Ground Truth")
        for n in "12"
    ]
    assert len(found(tmp_path, *names)) == 4
    told = find_pairs(tmp_path, ReadOptions()).told
    assert any("PNG and TIF hold images of the same names" in each for each in told)
    clips = [f"clip{clip}/{folder}/{n}.png" for clip in "12" for folder in ("images", "masks") for n in "12"]
    assert len(found(tmp_path / "clips", *clips)) == 4
    assert not any("same names in" in each for each in find_pairs(tmp_path / "clips", ReadOptions()).told)


def test_an_image_that_is_a_gif_is_told(tmp_path: Path) -> None:
    assert found(tmp_path, "images/a.gif", "masks/a.gif")[0][3] == "a.gif: a GIF; save it as PNG"


def test_what_has_no_masks_or_no_fitting_names_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").touch()
    with pytest.raises(DataError, match="No masks were found") as told:
        find_pairs(tmp_path, ReadOptions())
    assert "photos/" in str(told.value)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "other.png").touch()
    with pytest.raises(DataError, match=r"no name of the ones fits(.|\n)*a\.png and other\.png"):
        find_pairs(tmp_path, ReadOptions())
