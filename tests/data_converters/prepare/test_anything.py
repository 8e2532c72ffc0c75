"""What any set of images and labels is taken for."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters.base import ReadOptions
from data_converters.prepare.anything import look_at
from segloop.data.layout import files_below
from segloop.utils.errors import DataError, UserError

BOX = [1, 1, 3, 1, 3, 3, 1, 3]


def put(file: Path, pixels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def coco(file: Path, shape: dict) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    images = [{"id": 10, "file_name": "a.png", "height": 4, "width": 5}]
    box = {"bbox": [1, 1, 2, 2], "area": 4, "iscrowd": 0}
    objects = [{"id": 1, "image_id": 10, "category_id": 90, **box, **shape}]
    text = json.dumps({"images": images, "annotations": objects, "categories": [{"id": 90, "name": "nüt"}]})
    file.write_text(text, encoding="utf-8")


def look(source: Path, **told: str) -> tuple[str, str]:
    found = look_at(source, options=ReadOptions(), **told)
    return found.form, found.kind


def test_images_beside_masks_are_pairs(tmp_path: Path) -> None:
    for name in "ab":
        put(tmp_path / "images" / f"{name}.png", np.zeros((4, 5, 3), np.uint8))
        put(tmp_path / "masks" / f"{name}.png", np.eye(4, 5, dtype=np.uint8) * 255)
    assert look(tmp_path) == ("pairs", "semantic")


def test_many_values_of_one_part_each_are_numbers_of_objects(tmp_path: Path) -> None:
    put(tmp_path / "images" / "a.png", np.zeros((8, 8, 3), np.uint8))
    put(tmp_path / "masks" / "a.png", np.arange(64, dtype=np.uint8).reshape(8, 8) // 2)
    assert look(tmp_path) == ("masks", "instances")


def test_a_folder_of_masks_for_each_image_is_of_objects(tmp_path: Path) -> None:
    for name in "ab":
        put(tmp_path / name / "images" / f"{name}.png", np.zeros((4, 5, 3), np.uint8))
        for number in range(2):
            put(tmp_path / name / "masks" / f"{number}.png", np.eye(4, 5, k=number, dtype=np.uint8) * 255)
    assert look(tmp_path) == ("masks", "instances")


def test_what_may_be_of_two_formats_is_asked_for_and_not_taken_for_pairs(tmp_path: Path) -> None:
    for name in "ab":  # the Data Science Bowl, as it is downloaded: its masks are told twice
        put(tmp_path / "stage1" / name / "images" / f"{name}.png", np.zeros((4, 5, 3), np.uint8))
        put(tmp_path / "stage1" / name / "masks" / f"{name}7.png", np.eye(4, 5, dtype=np.uint8) * 255)
    (tmp_path / "stage1_labels.csv").write_text("ImageId,EncodedPixels\na,1 1\n")
    with pytest.raises(UserError, match=r"(?s)may be of 2 formats.*airbus.*masks"):
        look(tmp_path)
    assert look(tmp_path, form="masks") == ("masks", "instances")


def test_numbers_of_objects_in_folders_that_do_not_say_so_are_asked_for(tmp_path: Path) -> None:
    for name in "ab":
        put(tmp_path / "images" / f"{name}.png", np.zeros((8, 8, 3), np.uint8))
        put(tmp_path / "labels" / f"{name}.png", np.arange(64, dtype=np.uint8).reshape(8, 8) // 2)
    with pytest.raises(UserError, match=r"numbers of objects(.|\n)*--from masks(.|\n)*--from pairs"):
        look(tmp_path)
    assert look(tmp_path, form="pairs") == ("pairs", "semantic")
    (tmp_path / "labels").rename(tmp_path / "instances")
    assert look(tmp_path, form="masks") == ("masks", "instances")


def test_folders_of_splits_with_masks_for_several_images_are_pairs(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for name in "ab":
            put(tmp_path / split / "images" / f"{name}.png", np.zeros((4, 5, 3), np.uint8))
            put(tmp_path / split / "masks" / f"{name}_m.png", np.eye(4, 5, dtype=np.uint8))
    assert look(tmp_path) == ("pairs", "semantic")


def test_numbers_of_objects_are_told_from_classes_a_folder_deeper_too(tmp_path: Path) -> None:
    for name in "ab":
        put(tmp_path / "set" / "images" / f"{name}.png", np.zeros((8, 8, 3), np.uint8))
        put(tmp_path / "set" / "masks" / f"{name}.png", np.arange(64, dtype=np.uint8).reshape(8, 8) // 2)
    assert look(tmp_path) == ("masks", "instances")


def test_coco_is_of_objects_and_its_images_are_found(tmp_path: Path) -> None:
    coco(tmp_path / "instances.json", {"segmentation": [BOX]})
    put(tmp_path / "deep" / "pics" / "a.png", np.zeros((4, 5, 3), np.uint8))
    found = look_at(tmp_path, options=ReadOptions())
    assert (found.form, found.kind) == ("coco", "instances")
    assert found.opened is not None
    (record,) = map(found.opened.images.load, found.opened.images.keys)
    assert record.file == tmp_path / "deep" / "pics" / "a.png"
    assert look(tmp_path, kind="semantic") == ("coco", "semantic")
    assert found.task("nuts").target == "coco"


def test_the_kind_is_told_where_many_images_without_a_label_come_first(tmp_path: Path) -> None:
    file = tmp_path / "instances.json"
    coco(file, {"segmentation": [BOX]})
    content = json.loads(file.read_text(encoding="utf-8"))
    (last,) = content["images"]
    empty = [{**last, "id": 100 + number, "file_name": f"0{number}.png"} for number in range(210)]
    file.write_text(json.dumps({**content, "images": [*empty, last]}))
    put(tmp_path / "a.png", np.zeros((4, 5, 3), np.uint8))
    put(tmp_path / "00.png", np.zeros((4, 5, 3), np.uint8))
    assert look(tmp_path) == ("coco", "instances")
    file.write_text(json.dumps({**content, "images": [*empty, last], "annotations": []}))
    with pytest.raises(DataError, match=r"No label was found in the 211 images"):
        look(tmp_path)


def test_images_of_runs_are_found_by_ids_without_a_suffix(tmp_path: Path) -> None:
    put(tmp_path / "deep" / "pics" / "a.png", np.zeros((4, 5, 3), np.uint8))
    (tmp_path / "labels.csv").write_text("ImageId,EncodedPixels\na,1 2\n")
    assert look_at(tmp_path, options=ReadOptions()).options.images == tmp_path / "deep" / "pics"


def test_images_of_runs_in_a_folder_each_are_told(tmp_path: Path) -> None:
    for name in "ab":
        put(tmp_path / name / "images" / f"{name}.png", np.zeros((4, 5, 3), np.uint8))
    (tmp_path / "labels.csv").write_text("ImageId,EncodedPixels\na,1 2\nb,1 2\n")
    with pytest.raises(DataError, match=r"(?s)2 below .*into one folder"):
        look(tmp_path)


def test_why_no_image_can_be_used_is_told(tmp_path: Path) -> None:
    file = tmp_path / "instances.json"
    coco(file, {"segmentation": [BOX]})
    file.write_text(file.read_text(encoding="utf-8").replace("a.png", "C:/anna/a.png"), encoding="utf-8")
    with pytest.raises(DataError, match=r"(?s)No label was found.*'C:/anna/a.png': it is an absolute path"):
        look(tmp_path)


def test_images_of_coco_may_lie_in_several_folders_beside_the_folder_of_the_files(tmp_path: Path) -> None:
    home = tmp_path / "annotations" / "LIVE"
    for number, split in enumerate(("train", "val")):
        coco(home / f"live_coco_{split}.json", {"segmentation": [BOX]})
        text = (home / f"live_coco_{split}.json").read_text(encoding="utf-8")
        (home / f"live_coco_{split}.json").write_text(text.replace("a.png", f"{split}.png"), encoding="utf-8")
        put(tmp_path / "images" / f"cells{number}" / f"{split}.png", np.zeros((4, 5, 3), np.uint8))
    found = look_at(tmp_path, options=ReadOptions())
    assert found.options.images == tmp_path / "images"
    assert found.opened is not None
    files = [found.opened.images.load(key).file for key in found.opened.images.keys]
    assert [file.name for file in files if file] == ["train.png", "val.png"]
    parts = found.task("live").find(found.root, options=found.options, from_format="coco").parts
    assert [part.split for part in parts] == ["train", "val"]


def test_masks_that_are_called_like_the_images_are_not_taken_for_them(tmp_path: Path) -> None:
    coco(tmp_path / "instances.json", {"segmentation": [BOX]})
    put(tmp_path / "masks" / "a.png", np.ones((4, 5), np.uint8))
    with pytest.raises(DataError, match="There are labels and no images"):
        look(tmp_path, form="coco")
    put(tmp_path / "photos" / "a.png", np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(DataError, match=r"is in 2 folders below .*\n.*masks\n.*photos\n--images DIR"):
        look(tmp_path, form="coco")
    options = ReadOptions(images=tmp_path / "photos")
    opened = look_at(tmp_path, options=options, form="coco").opened
    assert opened is not None
    assert opened.images.load(opened.images.keys[0]).file == tmp_path / "photos" / "a.png"


def test_the_folders_are_gone_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        put(tmp_path / "deep" / "pics" / f"{number}.png", np.zeros((4, 5, 3), np.uint8))
    rows = "".join(f"{number}.png,1 3\n" for number in range(9))
    (tmp_path / "train.csv").write_text(f"ImageId,EncodedPixels\n{rows}", encoding="utf-8")
    walks: list[Path] = []

    def counted(folder: Path) -> Iterator[Path]:
        walks.append(folder)
        return files_below(folder)

    monkeypatch.setattr("data_converters.prepare.anything.files_below", counted)
    found = look_at(tmp_path / "train.csv", options=ReadOptions(), form="airbus")
    assert found.options.images == tmp_path / "deep/pics"
    assert walks == [tmp_path]


def test_labels_without_any_image_are_refused_in_one_message(tmp_path: Path) -> None:
    coco(tmp_path / "instances.json", {"segmentation": [BOX]})
    with pytest.raises(DataError, match=r"no images: a\.png and others are nowhere below .* --images DIR"):
        look(tmp_path)


def test_a_set_that_may_be_of_two_formats_is_asked_about(tmp_path: Path) -> None:
    file = tmp_path / "job" / "annotations" / "instances_default.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"licenses": [{"name": "", "id": 0, "url": ""}], "images": []}', encoding="utf-8")
    put(tmp_path / "job" / "images" / "default" / "a.png", np.zeros((4, 5, 3), np.uint8))
    for source in (tmp_path, tmp_path / "job"):
        with pytest.raises(UserError, match=r"may be of 2 formats; choose with --from:\n  coco: "):
            look(source)


def test_boxes_alone_and_what_is_no_set_are_refused_in_words(tmp_path: Path) -> None:
    coco(tmp_path / "boxes" / "instances.json", {"segmentation": []})
    put(tmp_path / "boxes" / "a.png", np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(DataError, match="boxes and points do not say what a pixel is"):
        look(tmp_path / "boxes")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no known format(.|\n)*Read as pairs(.|\n)*It holds:\n  nothing$"):
        look(tmp_path / "empty")
    (tmp_path / "empty" / "a set.zip").touch()
    with pytest.raises(UserError, match=r"Unpack first:\n  unzip -q '.*a set\.zip'"):
        look(tmp_path / "empty")
    for name in ("images/1.png", "masks/1.png", "labels/1.png"):
        put(tmp_path / "several" / name, np.eye(4, dtype=np.uint8))
    with pytest.raises(UserError, match=r"^There are 2 kinds of masks"):
        look(tmp_path / "several")
    with pytest.raises(UserError, match="does not exist"):
        look(tmp_path / "nothing")


def test_runs_that_nobody_named_are_told_how_to_be_named(tmp_path: Path) -> None:
    put(tmp_path / "images" / "a.png", np.zeros((4, 5, 3), np.uint8))
    (tmp_path / "train.csv").write_text("ImageId,EncodedPixels\na.png,1 3\n", encoding="utf-8")
    (note,) = look_at(tmp_path / "train.csv", options=ReadOptions(images=tmp_path / "images")).notes
    assert note == "Nothing names what the runs show: the class is called 'ship'. --labels NAME names it."
    named = ReadOptions(images=tmp_path / "images", labels=("salt",))
    assert look_at(tmp_path / "train.csv", options=named).notes == ()


def test_masks_of_few_values_are_classes_without_looking_for_their_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "images" / "a.png", np.zeros((8, 8, 3), np.uint8))
    put(tmp_path / "masks" / "a.png", np.eye(8, dtype=np.uint8) * 9)
    monkeypatch.setattr("data_converters.prepare.anything._parts", None)
    assert look(tmp_path) == ("pairs", "semantic")


def test_a_look_at_pairs_does_not_count_all_masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "images" / "a.png", np.zeros((4, 5, 3), np.uint8))
    put(tmp_path / "masks" / "a.png", np.eye(4, 5, dtype=np.uint8))
    monkeypatch.setattr("data_converters.pairs.count_codes", None)
    assert look(tmp_path) == ("pairs", "semantic")
