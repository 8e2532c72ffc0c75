"""The objects behind a mask: from the COCO file of its split, or from the mask itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from segloop.data.info import ClassInfo, DatasetInfo, Files
from segloop.data.instance_labels import InstanceSource, load_split
from segloop.data.masks import encode, to_strings
from segloop.data.true_objects import CocoObjects, TrueObjects
from segloop.utils.errors import DataError

LEFT = np.array([[1, 0, 0, 0], [1, 0, 0, 0]])
RIGHT = np.array([[0, 1, 0, 0], [0, 1, 0, 0]])  # touches the left one


def prepared(
    root: Path, segmentations: list, *, coco: bool = True, image: str = ".png", mask: str = ".png"
) -> Path:
    """Write a prepared set of one image, and return the path of its mask; both names end as is said."""
    info = DatasetInfo(
        name="two ships",
        task="ships",
        classes=(ClassInfo("background", (0, 0, 0)), ClassInfo("ship", (1, 2, 3))),
        splits={"val": 1},
        images=Files("img_dir/{split}", image),
        masks=Files("ann_dir/{split}", mask),
        coco={"val": "val.json"} if coco else {},
        background=0,
    )
    info.write(root)
    annotations = [
        {"id": n, "image_id": 1, "category_id": 1, "segmentation": each, "iscrowd": 0}
        for n, each in enumerate(segmentations)
    ]
    content = {
        "images": [{"id": 1, "file_name": f"a/1{image or '.png'}", "height": 2, "width": 4}],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "ship"}],
    }
    (root / "val.json").write_text(json.dumps(content))
    return root / f"ann_dir/val/a/1{mask}"


@pytest.mark.parametrize("kind", ["text", "counts", "outline"])
def test_touching_objects_are_apart_as_the_coco_file_has_them(tmp_path: Path, kind: str) -> None:
    runs = [encode(LEFT), encode(RIGHT)]
    if kind == "outline":
        odd = [0, 0, 1, 0, 1, 2, 0]  # a ring that no training draws
        segmentations = [[[0, 0, 1, 0, 1, 2, 0, 2], odd], [[1, 0, 2, 0, 2, 2, 1, 2]]]
    else:
        counts = to_strings(runs) if kind == "text" else [each.tolist() for each in runs]
        segmentations = [{"size": [2, 4], "counts": each} for each in counts]
    source = TrueObjects()
    found = source.of(prepared(tmp_path, segmentations), LEFT + RIGHT > 0)
    assert [each.tolist() for each in found] == [each.tolist() for each in runs]
    assert source.from_masks == 0


@pytest.mark.parametrize(("image", "mask"), [("", "_mask.png"), ("_left.png", "_ids.png"), (".PNG", ".png")])
def test_objects_are_found_whatever_names_end_with(image: str, mask: str, tmp_path: Path) -> None:
    text = {"size": [2, 4], "counts": to_strings([encode(LEFT)])[0]}
    source = TrueObjects()
    found = source.of(prepared(tmp_path, [text, []], image=image, mask=mask), LEFT + RIGHT > 0)
    assert [each.tolist() for each in found] == [encode(LEFT).tolist()]  # the other one is not drawn
    assert source.from_masks == 0


@pytest.mark.parametrize("category", [4, "4", "ship"])
def test_objects_are_found_by_the_id_of_their_image_crowds_last(category: int | str, tmp_path: Path) -> None:
    empty = {"size": [2, 4], "counts": [8]}
    segmentations = [{"size": [2, 4], "counts": encode(each).tolist()} for each in (LEFT, RIGHT)]
    prepared(tmp_path, [segmentations[0], empty, segmentations[1]])
    file = next(tmp_path.rglob("val.json"))
    content = json.loads(file.read_text())
    for each, crowd in zip(content["annotations"], (1, 0, 0), strict=True):
        each |= {"iscrowd": crowd, "category_id": category}
    content["images"].append({"id": "other", "file_name": "b.png", "width": 4, "height": 2})
    file.write_text(json.dumps(content))
    objects = CocoObjects(file)
    found = objects.of(content["images"][0]["id"], (2, 4))
    assert [(category, runs.tolist(), crowd) for category, runs, crowd in found] == [
        (category, encode(RIGHT).tolist(), False),
        (category, encode(LEFT).tolist(), True),
    ]
    assert objects.of("other", (2, 4)) == []
    with pytest.raises(DataError, match="has no image 77"):
        objects.of(77, (2, 4))


def test_what_a_test_leaves_out_is_no_object(tmp_path: Path) -> None:
    prepared(tmp_path, [{"size": [2, 4], "counts": encode(each).tolist()} for each in [LEFT] * 4 + [RIGHT]])
    file = next(tmp_path.rglob("val.json"))
    content = json.loads(file.read_text())
    odd = [{"area": 0}, {"bbox": [0, 0, 0.5, 2]}, {"bbox": [9, 0, 1, 2]}, {"ignore": 1}, {}]
    for each, changes in zip(content["annotations"], odd, strict=True):
        each |= {"area": 2, "bbox": [0, 0, 1, 2]} | changes
    file.write_text(json.dumps(content))
    source = InstanceSource.find(tmp_path, "val")
    (image,) = load_split(source, training=False, drop=["tiny", "outside", "ignore"])
    (kept,) = CocoObjects(file).of(1, (2, 4))
    assert [each["mask"]["counts"] for each in image["instances"]] == [kept[1].tolist()]


def test_parts_of_a_group_are_one_object_where_a_test_joined_them(tmp_path: Path) -> None:
    prepared(tmp_path, [{"size": [2, 4], "counts": encode(each).tolist()} for each in (LEFT, RIGHT)])
    file = next(tmp_path.rglob("val.json"))
    content = json.loads(file.read_text())
    for number, each in enumerate(content["annotations"]):
        each |= {"iscrowd": 0, "category_id": 3 + number, "segloop": {"group": 1}}
    file.write_text(json.dumps(content))
    (craft,) = CocoObjects(file, join="craft").of(content["images"][0]["id"], (2, 4))
    assert (craft[0], craft[1].tolist()) == (1, encode(LEFT + RIGHT > 0).tolist())


def test_without_a_coco_file_the_parts_of_the_mask_stand_for_objects(tmp_path: Path) -> None:
    for file in (tmp_path / "nowhere/1.png", prepared(tmp_path, [], coco=False)):
        source = TrueObjects()
        assert len(source.of(file, LEFT + RIGHT > 0)) == 1
        assert source.from_masks == 1


def test_a_mask_of_another_size_is_told_with_its_file(tmp_path: Path) -> None:
    file = prepared(tmp_path, [{"size": [1, 1], "counts": [0, 1]}])
    with pytest.raises(DataError, match=r"1\.png: an object .* add up to 1 pixels, not 8"):
        TrueObjects().of(file, LEFT > 0)
