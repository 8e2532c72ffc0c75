"""COCO files are found in the layouts that are in use."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_converters.archives import Shelf
from data_converters.base import ReadOptions
from data_converters.coco import read
from data_converters.coco_files import (
    CocoFile,
    ImageFolder,
    ImageTree,
    ZippedImages,
    choose_split,
    find_files,
    find_images,
    image_name,
    split_of,
)
from segloop.data.info import ClassInfo, DatasetInfo, Files
from segloop.utils.errors import DataError, FormatError, UserError
from tests.data_converters.coco_cases import write_coco
from tests.data_converters.test_archives import write

NOTHING = ReadOptions()


def found(source: Path, options: ReadOptions = NOTHING) -> dict[str | None, str]:
    """Return the files that are found, by split."""
    root = source if source.is_dir() else source.parent
    return {each.split: each.file.relative_to(root).as_posix() for each in find_files(source, options)}


def describe(root: Path, **coco: str) -> None:
    """Write a dataset.json that names COCO files."""
    DatasetInfo(
        name="n",
        task="t",
        classes=(ClassInfo("a", (0, 0, 0)),),
        splits=dict.fromkeys(coco, 1),
        images=Files("pictures/{split}", ".png"),
        coco=coco,
    ).write(root)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("instances_train2017.json", "train2017"),
        ("instances_default.json", None),
        ("a/valid/_annotations.coco.json", "valid"),
        ("annotations/annotations.json", None),
        ("my set/annotations.json", None),
        ("my labels.json", None),
        ("person_keypoints_val.json", "val"),
        ("results_test.json", "test"),
    ],
)
def test_a_name_tells_its_split(name: str, split: str | None) -> None:
    assert split_of(Path(name)) == split


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        ("annotations/instances_train.json annotations/instances_val.json", {"train": 0, "val": 1}),
        ("annotations/instances_val.json annotations/captions_val.json", {"val": 0}),
        ("annotations/instances_val.json annotations/person_keypoints_val.json", {"val": 0}),
        ("annotations/instances_default.json", {None: 0}),
        ("annotations/instances_default.json annotations/instances_train.json", {None: 0, "train": 1}),
        ("annotations/train.json annotations/val.json", {"train": 0, "val": 1}),
        ("train/_annotations.coco.json valid/_annotations.coco.json", {"train": 0, "valid": 1}),
        ("a/_annotations.coco.json b/_annotations.coco.json", {"a": 0, "b": 1}),
        ("a/_annotations.coco.json", {None: 0}),
        ("annotations.json", {None: 0}),
        ("labels.json", {None: 0}),
        ("a/labels.json b/labels.json", {"a": 0, "b": 1}),
        ("dataset.json", {None: 0}),
        ("train/dataset.json val/dataset.json", {"train": 0, "val": 1}),
    ],
)
def test_layouts_of_folders(tmp_path: Path, files: str, splits: dict[str | None, int]) -> None:
    for name in files.split():
        write_coco(tmp_path / name)
    assert found(tmp_path) == {split: files.split()[place] for split, place in splits.items()}


def test_files_that_are_passed_over_are_known(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    files = [tmp_path / "annotations" / name for name in ("instances_val.json", "val.json")]
    for file in files:
        write_coco(file, [])
    (only,) = find_files(tmp_path, NOTHING)
    assert (only.file, only.passed_over) == (files[0], (files[1],))
    told = read(tmp_path, options=NOTHING).told
    assert "instances_val.json is read, and of its split not val.json" in told


def test_dataset_json_says_which_files_there_are(tmp_path: Path) -> None:
    write_coco(tmp_path / "annotations/instances_train.json")
    write_coco(tmp_path / "labels/one.json")
    describe(tmp_path, train="labels/one.json")
    assert found(tmp_path) == {"train": "labels/one.json"}
    (each,) = find_files(tmp_path, NOTHING)
    assert each.image_folders[0] == tmp_path / "pictures/train"


def test_files_that_dataset_json_names_have_to_be_there(tmp_path: Path) -> None:
    write_coco(tmp_path / "set/labels/one.json")
    describe(tmp_path / "set", train="labels/one.json", val="labels/two.json")
    with pytest.raises(DataError, match=r"dataset.json names files that are not there:\n.*labels/two.json$"):
        find_files(tmp_path / "set", NOTHING)
    assert list(found(tmp_path / "set", ReadOptions(split="train"))) == ["train"]
    elsewhere = write_coco(tmp_path / "elsewhere.json")
    describe(tmp_path / "set", train="labels/one.json", val=str(elsewhere))
    assert [each.file for each in find_files(tmp_path / "set", NOTHING)][1] == elsewhere


def test_a_split_is_picked_or_named(tmp_path: Path) -> None:
    for name in ("train", "val"):
        write_coco(tmp_path / f"annotations/instances_{name}.json")
    assert list(found(tmp_path, ReadOptions(split="val"))) == ["val"]
    with pytest.raises(DataError, match=r"no split 'vall' \(it has: train, val\). Did you mean 'val'"):
        found(tmp_path, ReadOptions(split="vall"))
    single = tmp_path / "annotations/instances_val.json"
    assert list(found(single, ReadOptions(split="test"))) == ["test"]
    assert choose_split([], None, source=tmp_path) == []


def test_what_cannot_be_found_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no COCO files; expected annotations/instances_<split>.json"):
        find_files(tmp_path, NOTHING)
    (tmp_path / "a.zip").touch()
    with pytest.raises(DataError, match=r"a\.zip is an archive.*\n  unzip -q .*\n.* --from cvat-coco"):
        find_files(tmp_path / "a.zip", NOTHING)
    with pytest.raises(DataError, match=r"none.json does not exist"):
        find_files(tmp_path / "none.json", NOTHING)
    write_coco(tmp_path / "instances_a.json")
    write_coco(tmp_path / "labels_a.json")
    assert found(tmp_path) == {"a": "instances_a.json"}
    write_coco(tmp_path / "b/x_train.json")
    (tmp_path / "instances_a.json").unlink()
    write_coco(tmp_path / "annotations_a.json")
    with pytest.raises(
        DataError, match=r"several COCO files of one split.*\n  a: annotations_a.json, labels_a"
    ):
        find_files(tmp_path, NOTHING)


def test_results_find_their_images_beside_them(tmp_path: Path) -> None:
    results = tmp_path / "results_val.json"
    results.write_text("[]")
    with pytest.raises(UserError, match=r"list of results.*--images FILE.json\.$"):
        find_files(results, NOTHING)
    for split in ("train", "val"):
        write_coco(tmp_path / f"annotations/instances_{split}.json")
    (each,) = find_files(results, NOTHING)
    assert (each.truth, each.split) == (tmp_path / "annotations/instances_val.json", "val")
    (each,) = find_files(tmp_path, ReadOptions(results=True))
    assert (each.file, each.truth) == (results, tmp_path / "annotations/instances_val.json")
    odd = tmp_path / "mine.json"
    odd.write_text("[]")
    with pytest.raises(UserError, match=r"there are several:\n.*instances_train.json"):
        find_files(odd, NOTHING)
    named = tmp_path / "annotations/instances_train.json"
    (each,) = find_files(odd, ReadOptions(images=named))
    assert each.truth == named
    with pytest.raises(FormatError, match="not a list, as results are"):
        find_files(named, ReadOptions(results=True))
    (tmp_path / "results_test.json").write_text("[]")
    with pytest.raises(
        DataError, match=r"results_test.json needs .*image_info_test.json or .*instances_test.json"
    ):
        find_files(tmp_path, ReadOptions(results=True))


@pytest.mark.parametrize(
    ("labels", "folder"),
    [
        ("annotations/instances_val.json", "images/val"),
        ("annotations/instances_val.json", "val"),
        ("annotations/instances_val.json", "images"),
        ("annotations/instances_val.json", "."),
        ("val/_annotations.coco.json", "val"),
        ("labels.json", "data"),
        ("labels.json", "."),
    ],
)
def test_images_are_found_where_the_layouts_have_them(tmp_path: Path, labels: str, folder: str) -> None:
    write_coco(tmp_path / labels)
    (tmp_path / folder / "a").mkdir(parents=True, exist_ok=True)
    (tmp_path / folder / "a/1.png").touch()
    (each,) = find_files(tmp_path, NOTHING)
    images = find_images(each, ["a/0.png", "a/1.png"])
    assert isinstance(images, ImageFolder)
    assert images.folder == tmp_path / folder
    assert images.find("a/1.png") == tmp_path / folder / "a/1.png"
    assert images.find("a/0.png") is None
    assert find_images(each, ["2.png"]) is None


def test_images_are_where_the_user_says(tmp_path: Path) -> None:
    file = write_coco(tmp_path / "instances_val.json")
    for folder in ("images", "mine/val"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "1.png").touch()
    (each,) = find_files(file, ReadOptions(images=tmp_path / "mine"))
    assert find_images(each, ["1.png"]) == ImageFolder(tmp_path / "mine/val")


def test_a_folder_of_images_that_is_none_is_told(tmp_path: Path) -> None:
    truth = write_coco(tmp_path / "instances_val.json")
    results = tmp_path / "results_val.json"
    results.write_text("[]", encoding="utf-8")
    find_files(results, ReadOptions(images=truth))
    for source, images, told in (
        (truth, tmp_path / "gone", "gone, which does not exist"),
        (truth, truth, "which is no folder"),
        (results, tmp_path / "gone", "gone, which does not exist"),
    ):
        with pytest.raises(DataError, match=told):
            find_files(source, ReadOptions(images=images))


def test_images_in_a_zip_are_found_in_both_layouts(tmp_path: Path) -> None:
    members = {
        "images/val/a/1.png": b"new",
        "images/b 2.png": b"old",
        "annotations/instances_val.json": b"{}",
    }
    path = write(tmp_path / "a.zip", members)
    images = ZippedImages(Shelf(path), "val")
    for name, content in (("a/1.png", b"new"), ("b 2.png", b"old")):
        file = images.find(name)
        assert file is not None
        assert file.read_bytes() == content
    assert images.find("1.png") is None
    assert images.place("1.png") == f"{path}/images/val/1.png"
    zipped = CocoFile(file=path, split="val", shown=path, zipped=images)
    assert find_images(zipped, ["x.png", "b 2.png"]) is images
    assert find_images(zipped, ["x.png"]) is None


def test_names_of_images(tmp_path: Path) -> None:
    for name, path in (("./a//b.png", "a/b.png"), ("a\\b c.png", "a/b c.png"), ("Ёж [1] — x.png",) * 2):
        assert image_name(name) == (path, "")
    for name in (
        None,
        7,
        "",
        "../a.png",
        "/a.png",
        "C:\\a.png",
        "a/../../b.png",
        "a\0.png",
        "\ud800",
        "a" * 300,
    ):
        assert image_name(name)[1], name


def test_another_reading_looks_anew_for_images(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    assert ImageTree(tmp_path).find("1.png") is None
    (tmp_path / "pictures/1.png").touch()
    assert ImageTree(tmp_path).find("1.png") == tmp_path / "pictures/1.png"
    for content in (b"old", b"a new one"):
        shelf = Shelf(write(tmp_path / "a.zip", {"images/1.png": content}))
        file = ZippedImages(shelf, None).find("1.png")
        assert file is not None
        assert file.read_bytes() == content


def test_a_tree_of_images_may_hold_links_to_other_disks(tmp_path: Path) -> None:
    for name in ("disk/a/1.png", "disk/b/2.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "set").mkdir()
    (tmp_path / "set/pictures").symlink_to(tmp_path / "disk", target_is_directory=True)
    tree = CocoFile(file=Path("x.json"), split=None, shown=Path("x.json"), tree=ImageTree(tmp_path / "set"))
    images = find_images(tree, ["1.png", "2.png"])
    assert images is not None
    assert images.find("2.png") == tmp_path / "set/pictures/b/2.png"


@pytest.mark.parametrize(("folder", "found"), [("masks", False), ("masks/images", True), ("photos", True)])
def test_masks_that_are_called_like_the_images_are_not_taken_for_them(
    tmp_path: Path, folder: str, found: bool
) -> None:
    file = tmp_path / "val" / folder / "1.png"
    file.parent.mkdir(parents=True)
    file.touch()
    tree = CocoFile(file=Path("x.json"), split=None, shown=Path("x.json"), tree=ImageTree(tmp_path))
    images = find_images(tree, ["1.png"])
    assert (images.find("1.png") if images else None) == (file if found else None)
