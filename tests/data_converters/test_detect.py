"""Formats are told by certain signs, and where those allow several nobody guesses."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from data_converters.detect import Sign, detect, signs_of
from segloop.utils.errors import DataError, UserError

COCO = json.dumps({"images": [], "annotations": [], "categories": []})
CVAT_COCO = '{"licenses":[{"name":"","id":0,"url":""}],"info":{"contributor":""},"categories":[],"images":[]}'

FILES = {
    "airbus": {"a.csv": "ImageId,EncodedPixels\n"},
    "sartorius": {"a.csv": '\ufeffid,annotation,"width",height\n'},
    "cvat": {"a.xml": '<?xml version="1.0"?>\n<annotations>'},
    "coco": {"a.json": COCO},
}
FOLDERS = {
    "mmseg": ["img_dir/train/", "ann_dir/train/"],
    "coco": {"annotations/instances_train.json": COCO, "images/": ""},
    "cvat": {"annotations.xml": "<annotations>", "images/": ""},
    "cvat-mask": {"labelmap.txt": "", "SegmentationClass/": "", "SegmentationObject/": ""},
    "airbus": {"train_ship_segmentations_v2.csv": "ImageId,EncodedPixels\n", "train_v2/": ""},
    "masks": ["a1/images/", "a1/masks/"],
    "spacecraft": {"images/train/": "", "mask/train/": "", "all_bbox.txt": "{}"},
    "sartorius": {"train.csv": "id,annotation\n", "sample_submission.csv": "id,predicted\n"},
    "cityscapes": ["gtFine_trainvaltest/gtFine/train/", "leftImg8bit_trainvaltest/leftImg8bit/train/"],
}


def make(folder: Path, content: dict[str, str] | list[str]) -> Path:
    for name, text in (content if isinstance(content, dict) else dict.fromkeys(content, "")).items():
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", FILES)
def test_files_are_told(tmp_path: Path, name: str) -> None:
    (file,) = FILES[name]
    assert detect(make(tmp_path, FILES[name]) / file)[0] == name


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_are_told(tmp_path: Path, name: str) -> None:
    found, reason = detect(make(tmp_path, FOLDERS[name]))
    assert found == name
    assert reason


@pytest.mark.parametrize(
    ("name", "beside", "linked"),
    [
        ("yolo", {"data.yaml": "names: [a]"}, {"labels/a.txt": ""}),
        ("labelme", {}, {"a/b/1.json": '{"version": "5", "shapes": []}'}),
        ("supervisely", {"meta.json": "{}"}, {"ann/a.png.json": "{}"}),
    ],
)
def test_what_lies_behind_a_link_tells_too(
    tmp_path: Path, name: str, beside: dict[str, str], linked: dict[str, str]
) -> None:
    make(tmp_path / "set", {"images/": "", **beside})
    (tmp_path / "set/train").symlink_to(make(tmp_path / "disk", linked), target_is_directory=True)
    assert detect(tmp_path / "set")[0] == name


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("cvat", ["annotations.xml", "images/a.png"]),
        ("cvat-coco", ["annotations/instances_default.json"]),
        ("cvat-mask", ["labelmap.txt", "SegmentationClass/a.png"]),
    ],
)
def test_archives_are_told(tmp_path: Path, name: str, members: list[str]) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for member in members:
            archive.writestr(member, "")
    assert detect(tmp_path / "a.zip")[0] == name


def test_a_csv_in_an_archive_is_told_by_its_header(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("train.csv", "id;annotation\n")
    assert detect(tmp_path / "a.zip") == ("sartorius", "train.csv has the columns id and annotation")


def test_results_and_described_sets_are_told(tmp_path: Path) -> None:
    make(
        tmp_path,
        {"r.json": '[{"image_id": 1, "category_id": 1}]', "s/dataset.json": '{"coco": {"train": "x"}}'},
    )
    assert detect(tmp_path / "r.json") == ("coco", "it is a list of results")
    assert detect(tmp_path / "s") == ("coco", "dataset.json names COCO files")
    both = {"coco": {"train": "a.json"}, "masks": {"folder": "ann_dir", "suffix": ".png"}}
    (tmp_path / "s/dataset.json").write_text(json.dumps(both), encoding="utf-8-sig")
    assert detect(tmp_path / "s")[1].endswith("; its index masks too are read with --from mmseg")


@pytest.mark.parametrize(
    "files",
    [
        ["images/1.png", "images/2.png", "masks/a.png"],
        ["train/images/1.png", "train/masks/1.PNG", "val/images/2.png"],
    ],
)
def test_masks_of_several_images_may_be_classes_or_numbers_of_objects(
    tmp_path: Path, files: list[str]
) -> None:
    make(tmp_path, dict.fromkeys(files, ""))
    with pytest.raises(UserError, match=r"masks: .* numbers of objects\n  pairs: .* classes"):
        detect(tmp_path)
    (tmp_path / "classes.txt").write_text("sea\nship\n", encoding="utf-8")
    assert detect(tmp_path)[0] == "pairs"


def test_masks_in_the_folder_of_their_image_are_of_its_objects(tmp_path: Path) -> None:
    make(tmp_path, {f"{image}/{name}": "" for image in "ab" for name in ("images/x.png", "masks/1.png")})
    assert detect(tmp_path)[0] == "masks"


def test_the_tables_beside_masks_tell_however_deep_they_lie(tmp_path: Path) -> None:
    make(tmp_path, {"labels.csv": "name,color,group\n", "objects.csv": "split\n", "train/a/b/1/masks/": ""})
    assert detect(tmp_path) == ("masks", "there are labels.csv and objects.csv")


def test_a_tree_of_street_scenes_is_told_by_its_truth_and_predictions_by_their_lists(tmp_path: Path) -> None:
    make(tmp_path, ["a/gtFine/", "b/x/", "c/ulm/"])
    assert detect(tmp_path / "a/gtFine") == detect(tmp_path / "a") == ("cityscapes", "there is gtFine")
    make(tmp_path, {"c/ulm/1_pred.txt": ""})
    assert detect(tmp_path / "c")[1].endswith("add --from-results")


def test_what_cvat_or_another_may_have_written_is_asked(tmp_path: Path) -> None:
    make(tmp_path, {"a.json": CVAT_COCO, "set/annotations/instances_default.json": CVAT_COCO})
    for source in (tmp_path / "a.json", tmp_path / "set"):
        with pytest.raises(
            UserError, match=r"may be of 2 formats; choose with --from:\n  coco: .*\n  cvat-coco: "
        ):
            detect(source)


def test_an_archive_that_is_read_unpacked_is_told_with_the_command(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a set.zip", "w") as archive:
        archive.writestr("train/_annotations.coco.json", COCO)
    with pytest.raises(UserError, match=r"unpack it, and name the folder:\n  unzip -q '.*a set.zip' -d "):
        detect(tmp_path / "a set.zip")


def test_two_kinds_of_labels_in_one_folder_are_asked(tmp_path: Path) -> None:
    make(tmp_path, {"img_dir/": "", "a.csv": "ImageId,EncodedPixels\n"})
    with pytest.raises(UserError, match=r"mmseg: there is img_dir\n  airbus: a.csv has"):
        detect(tmp_path)


def test_what_is_unknown_broken_or_missing_is_told(tmp_path: Path) -> None:
    make(
        tmp_path,
        {"empty/": "", "a.txt": "x", "a.zip": "PK\x03\x04no", "d/dataset.json": "[", "b.json": "[1]"},
    )
    for name in ("empty", "a.txt", "d", "b.json"):
        with pytest.raises(UserError, match="looks like no format"):
            detect(tmp_path / name)
    with pytest.raises(DataError, match="no zip that can be read"):
        detect(tmp_path / "a.zip")
    with pytest.raises(UserError, match="does not exist"):
        detect(tmp_path / "none")


def test_all_signs_of_a_source_can_be_asked_for(tmp_path: Path) -> None:
    folder = make(tmp_path / "a", FOLDERS["sartorius"])
    assert {sign.format for sign in signs_of(folder)} == {"sartorius"}
    assert signs_of(make(tmp_path / "b", ["nothing/"])) == []
    assert signs_of(make(tmp_path / "c", FILES["cvat"]) / "a.xml") == [
        Sign("cvat", "its XML is of <annotations>")
    ]
    with pytest.raises(UserError, match="does not exist"):
        signs_of(tmp_path / "nowhere")
