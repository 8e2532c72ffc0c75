"""What a COCO file gives a training, and that nothing of it is left out or misnumbered in silence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from segloop.data.instance_labels import InstanceSource, joined, load_split, runs_of
from segloop.data.masks import decode, encode, to_strings
from segloop.utils.errors import ConfigError, DataError
from tests.experiments.objects import SIZE_HW, change, write_objects


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_objects(tmp_path / "data")


def loaded(root: Path, *, training: bool = True, drop: tuple[str, ...] = (), **given: object) -> list[dict]:
    return load_split(InstanceSource.find(root, "train", given), training=training, drop=drop)


def test_labels_are_numbered_in_the_order_of_the_classes_not_of_the_file(root: Path) -> None:
    images = loaded(root)
    assert [each["image_id"] for each in images] == [f"train_{number}" for number in range(4)]
    assert [each["bbox_label"] for each in images[3]["instances"]] == [0, 1, 0]
    given = loaded(root, metainfo={"classes": ("dust", "cell")})
    assert [each["bbox_label"] for each in given[3]["instances"]] == [1, 0, 1]


def test_pixels_that_nobody_scores_are_handed_on(root: Path) -> None:
    file = root / "annotations/instances_train.json"
    content = json.loads(file.read_text())
    void = {"size": list(SIZE_HW), "counts": to_strings([encode(np.ones(SIZE_HW))])[0]}
    content["images"][1]["segloop"] = {"ignore": void}
    file.write_text(json.dumps(content))
    assert [each.get("unscored") for each in loaded(root)] == [None, void, None, None]


def test_images_without_objects_stay_unless_asked(root: Path) -> None:
    source = InstanceSource.find(root, "train")
    assert len(load_split(source, training=True)) == 4
    assert len(load_split(source, training=True, keep_empty=False)) == 3
    assert len(load_split(source, training=False, keep_empty=False)) == 4


def test_without_a_description_the_file_names_the_classes(root: Path) -> None:
    (root / "dataset.json").unlink()
    with pytest.raises(DataError, match=r"dataset\.json is missing, and the config names no ann_file"):
        InstanceSource.find(root, "train")
    given = {"ann_file": "annotations/instances_train.json", "data_prefix": {"img": "images/train"}}
    source = InstanceSource.find(root, "train", given)
    assert source.classes == ("dust", "cell")
    assert source.image("a.png") == root / "images/train/a.png"


def test_a_file_beside_index_masks_is_of_the_same_classes(root: Path) -> None:
    told = json.loads((root / "dataset.json").read_text())
    (root / "dataset.json").write_text(json.dumps({**told, "coco": {}}))
    given = {"ann_file": "annotations/instances_train.json", "data_prefix": {"img": "images/train"}}
    source = InstanceSource.find(root, "train", given)
    assert source.classes == ("cell", "dust")
    assert source.image("a.png") == root / "images/train/a.png"


def test_can_report_classes_that_the_file_lacks_and_categories_that_no_class_has(root: Path) -> None:
    with pytest.raises(
        DataError, match=r"no category 'Cell' \(it has 'dust', 'cell'\)\. Did you mean 'cell'"
    ):
        loaded(root, metainfo={"classes": ("Cell", "dust")})
    with pytest.raises(DataError, match=r"its categories 'dust' are no classes of the config"):
        loaded(root, metainfo={"classes": ("cell",)})
    left = loaded(root, metainfo={"classes": ("cell",)}, drop=("category",))
    assert [len(each["instances"]) for each in left] == [0, 1, 1, 2]
    with pytest.raises(ConfigError, match=r"write classes=\('cell',\)"):
        loaded(root, metainfo={"classes": "cell"})
    with pytest.raises(ConfigError, match=r"drop names 'tinny'\. Did you mean 'tiny'"):
        loaded(root, drop=("tinny",))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"bbox": [5, 5, 0, 4]}, "1 x box outside the image"),
        ({"area": 0}, "1 x area 0, or a box less than 1 px wide or high"),
        ({"bbox": [90, 90, 5, 5]}, "1 x box outside the image"),
        ({"segmentation": None}, "1 x annotations without segmentation"),
        (
            {"segmentation": {"size": [48, 64], "counts": "1"}},
            "1 x RLE masks of another size than their image",
        ),
        ({"segmentation": [[1, 1, 2, 2]]}, "1 x polygons of fewer than three points"),
        ({"image_id": 99}, "1 x of an image that the file does not list"),
        ({"bbox": "no"}, "1 x annotations that lack a key or hold another kind of value"),
        ({"id": 1}, "1 x annotations whose id another one has"),
    ],
)
def test_can_report_what_mmdet_would_drop_or_stumble_over(root: Path, changes: dict, told: str) -> None:
    change(root, **changes)
    with pytest.raises(DataError, match=told):
        loaded(root)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"image_id": "8"}, "image_id '8' of annotations is a text, and the ids of images are not"),
        ({"category_id": "3"}, "category_id '3' of annotations is a text, and the ids of categories are not"),
        ({"area": None}, r"annotation 6 of train_3\.png: area\n  → tools/convert\.py"),
    ],
)
def test_says_why_ids_and_numbers_do_not_meet(root: Path, changes: dict, told: str) -> None:
    change(root, **changes)
    with pytest.raises(DataError, match=told) as caught:
        loaded(root)
    assert "nothing to learn" not in str(caught.value)


def test_can_report_images_that_are_listed_twice_under_one_name(root: Path) -> None:
    file = root / "annotations/instances_train.json"
    content = json.loads(file.read_text())
    content["images"][1]["file_name"] = "train_0.jpg"
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"1 x images of one name.*\n  train_0\.png and train_0\.jpg\n  → "):
        loaded(root)


def test_what_may_be_dropped_is_dropped_when_asked(root: Path) -> None:
    change(root, area=0)
    assert [len(each["instances"]) for each in loaded(root, drop=("tiny",))] == [0, 1, 2, 2]


def test_can_report_a_set_without_objects_and_one_of_crowds(root: Path) -> None:
    change(root, annotations=[])
    with pytest.raises(DataError, match="the split 'train' has no object in its 4 images"):
        loaded(root)
    assert len(loaded(root, training=False)) == 4
    write = write_objects(root.parent / "crowds")
    file = write / "annotations/instances_train.json"
    content = json.loads(file.read_text())
    for each in content["annotations"]:
        each["iscrowd"] = 1
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"all 6 objects are crowds \(iscrowd=1\)"):
        loaded(write)


def test_polygons_run_lengths_and_strings_are_one_and_the_same() -> None:
    mask = np.zeros(SIZE_HW, bool)
    mask[4:9, 3:20] = True
    runs = encode(mask)
    found = runs_of(
        [
            [[3, 4, 20, 4, 20, 9, 3, 9]],
            {"size": list(SIZE_HW), "counts": runs.tolist()},
            {"size": list(SIZE_HW), "counts": to_strings([runs])[0]},
        ],
        SIZE_HW,
    )
    assert all((decode(each, SIZE_HW) == mask).all() for each in found)
    with pytest.raises(DataError, match="A mask cannot be read"):
        runs_of([{"size": list(SIZE_HW), "counts": "1"}], SIZE_HW)
    with pytest.raises(DataError, match="an outline holds something else than numbers"):
        runs_of([[["a", 4, 20, 4, 20, 9]]], SIZE_HW)
    with pytest.raises(DataError, match="there are no run lengths"):
        runs_of([{"size": list(SIZE_HW), "counts": [[1], [2, 3]]}], SIZE_HW)


def test_objects_of_a_group_are_joined(root: Path) -> None:
    file = root / "annotations/instances_train.json"
    content = json.loads(file.read_text())
    for each in content["annotations"][-2:]:
        each["segloop"] = {"group": 1}
    whole = joined(content, "craft")
    assert len(whole["annotations"]) == 5
    assert whole["annotations"][-1]["area"] == 240
    file.write_text(json.dumps(content))
    images = loaded(root, join="craft")
    assert [len(each["instances"]) for each in images] == [0, 1, 2, 2]
    assert {one["bbox_label"] for each in images for one in each["instances"]} == {0}
    assert InstanceSource.find(root, "train", {"join": "craft"}).classes == ("craft",)


def test_what_is_left_out_joins_no_group(root: Path) -> None:
    file = root / "annotations/instances_train.json"
    content = json.loads(file.read_text())
    one, other = content["annotations"][-2:]
    for each in (one, other):
        each["segloop"] = {"group": 1}
    other["ignore"] = True
    lone = {**other, "id": 99, "segloop": {}}
    del lone["segmentation"]
    content["annotations"].append(lone)
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"2 x marked ignore=true(.|\n)*drop=\['ignore'\]"):
        loaded(root, join="craft")
    images = loaded(root, join="craft", drop=("ignore",))
    assert [each["area"] for each in images[3]["instances"]][-1] == one["area"]
    assert len(images[3]["instances"]) == 2


def test_an_image_that_is_listed_twice_is_refused_or_taken_once(root: Path) -> None:
    file = root / "annotations/instances_train.json"
    content = json.loads(file.read_text())
    content["images"].append({**content["images"][3], "id": 99})  # annotated again, as 65 images of LIVECell
    content["annotations"].append({**content["annotations"][-1], "id": 99, "image_id": 99})
    file.write_text(json.dumps(content))
    with pytest.raises(
        DataError, match=r"1 x images that are listed again under another id\n.*train_3"
    ) as told:
        loaded(root)
    assert "drop=['repeated']" in str(told.value)
    taken = loaded(root, drop=("repeated",))
    assert [each["img_id"] for each in taken] == [7, 8, 9, 10]
    assert len(taken[3]["instances"]) == 3
    content["images"].append(content["images"][3])  # under its own id: the objects are the first entry's
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match="1 x images whose id another one has"):
        loaded(root)
    assert [len(each["instances"]) for each in loaded(root, drop=("repeated",))] == [0, 1, 2, 3]
