"""Lists of the author's that name the images of each split."""

from pathlib import Path

import pytest

from data_converters.base import ReadOptions
from data_converters.pairs_files import find_pairs
from segloop.utils.errors import DataError


def splits_of(root: Path, lists: dict[str, str], *, count: int = 4) -> dict[str, str | None]:
    """Make pairs of empty files and lists; return the split of each image that is taken."""
    for number in range(count):
        for name in (f"JPEGImages/2007_{number}.jpg", f"SegmentationClass/2007_{number}.png"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
    for name, text in lists.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return {pair.image_id: pair.split for pair in find_pairs(root, ReadOptions()).pairs}


def test_voc_has_its_lists_for_segmentation_and_what_they_do_not_name_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "JPEGImages" / "2007_9.jpg").touch()  # most images of VOC have no mask
    lists = {
        "ImageSets/Action/val.txt": "2007_0\n2007_1\n",
        "ImageSets/Segmentation/train.txt": "2007_0\n2007_2\n",
        "ImageSets/Segmentation/val.txt": "2007_1\n2007_3\n",
        "ImageSets/Segmentation/trainval.txt": "2007_0\n2007_1\n2007_2\n2007_3\n",
    }
    found = splits_of(tmp_path, lists)
    assert found == {"2007_0": "train", "2007_1": "val", "2007_2": "train", "2007_3": "val"}
    told = find_pairs(tmp_path, ReadOptions()).told
    assert "splits are those of ImageSets/Segmentation/train.txt, ImageSets/Segmentation/val.txt" in told
    assert "1 image(s) that no list names are left out" in told


@pytest.mark.parametrize(
    ("lists", "wanted"),
    [
        (
            {"a/trainval.txt": "2007_0 1 1\n2007_1 2 1\n2007_2 1 1\n", "a/test.txt": "2007_3 1 1\n"},
            "train train train test",
        ),
        ({"valid.txt": "2007_1.jpg\n"}, "train val train train"),
        (
            {"train_list.txt": "/old/x/2007_0.jpg /y/2007_0.png\n", "val_list.txt": "x\\2007_2.jpg\n"},
            "train - val -",
        ),
        ({"train.txt": "grass\nwater\n"}, "None None None None"),
    ],
)
def test_lists_are_read_as_authors_write_them(lists: dict[str, str], wanted: str, tmp_path: Path) -> None:
    found = splits_of(tmp_path, lists)
    assert [str(found.get(f"2007_{number}", "-")) for number in range(4)] == wanted.split()


def test_folders_whose_names_end_alike_are_told_apart(tmp_path: Path) -> None:
    ids = ["1/000", "11/000", "21/000", "old/1/000"]
    for image_id in ids:
        for folder in ("images", "masks"):
            file = tmp_path / folder / f"{image_id}.png"
            file.parent.mkdir(parents=True)
            file.touch()
    (tmp_path / "train.txt").write_text("1/000\nimages/11/000.png\n", encoding="utf-8")
    (tmp_path / "val.txt").write_text("21/000\nold/1/000\n", encoding="utf-8")
    found = {pair.image_id: pair.split for pair in find_pairs(tmp_path, ReadOptions()).pairs}
    assert found == dict(zip(ids, ["train", "train", "val", "val"], strict=True))


def test_an_image_in_two_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"in two splits(.|\n)*2007_0: (train and val|val and train)"):
        splits_of(tmp_path, {"train.txt": "2007_0\n2007_1\n", "val.txt": "2007_0\n"})


def test_folders_that_tell_splits_need_no_list(tmp_path: Path) -> None:
    for name in ("train/a.png", "trainannot/a.png", "test/b.png", "testannot/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "val.txt").write_text("a\n", encoding="utf-8")
    assert [pair.split for pair in find_pairs(tmp_path, ReadOptions()).pairs] == ["test", "train"]


def test_lists_that_are_passed_over_are_told(tmp_path: Path) -> None:
    splits_of(tmp_path, {"train.txt": "2007_0\n2007_1\n2007_8\n2007_9\n", "words_test.txt": "hello\n"})
    (tmp_path / "val.txt").write_text("2007_2\n2007_3\n", encoding="utf-16")
    found = find_pairs(tmp_path, ReadOptions())
    assert {pair.split for pair in found.pairs} == {None}
    assert [each for each in found.told if "passed over" in each] == [
        "train.txt is passed over: only 2 of its 4 lines name images that are here",
        "val.txt is passed over: it is no UTF-8 text",
    ]
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets/val.txt").write_text("2007_2\n2007_3\n", encoding="utf-8")
    told = find_pairs(tmp_path, ReadOptions()).told
    assert "splits are those of sets/val.txt" in told
    assert not any("passed over" in each for each in told)
