"""CVAT's COCO, old layout and new, read as it is meant and written as its servers take it."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_converters.archives import open_archive
from data_converters.base import BadRecord, ReadOptions, WriteOptions
from data_converters.cvat_coco import read, writer
from segloop.data import masks
from segloop.data.annotations import (
    Bitmap,
    Box,
    ImageRecord,
    Instance,
    Label,
    LabelledImages,
    LabelSet,
    Polygon,
)
from segloop.data.png import encode_rgb
from segloop.utils.errors import DataError, FormatError, UserError
from tests.data.masks.cases import RING, RING_RUNS
from tests.data_converters.coco_cases import UNCOMPRESSED, annotation, image, same
from tests.data_converters.test_archives import write as write_zip

PIXELS = encode_rgb(np.zeros((6, 8, 3), np.uint8))
LABELS = LabelSet((Label("cat"), Label("dog")))
MASK = Bitmap((6, 8), masks.encode(RING))
POLYGON = [[1.25, 0, 4, 0, 4, 3], [5, 1, 7, 1, 7, 3]]
# As 2.73 exports a task: a mask is iscrowd 1 and uncompressed, a polygon of two parts is 0, a box has none.
EXPORT = {
    "licenses": [{"name": "", "id": 0, "url": ""}],
    "info": {"contributor": "", "date_created": "", "description": "", "url": "", "version": "", "year": ""},
    "categories": [{"id": n, "name": name, "supercategory": ""} for n, name in ((1, "cat"), (2, "dog"))],
    "images": [image(1, file_name="sub/1.png", license=0), image(2, file_name="2.png", license=0)],
    "annotations": [
        annotation(
            1, category_id=1, segmentation=UNCOMPRESSED, iscrowd=1,
            attributes={"occluded": True, "q": "ok"},
        ),
        annotation(2, category_id=2, segmentation=POLYGON, attributes={"occluded": False}),
        annotation(
            3, category_id=2, segmentation=[], bbox=[1.0, 1.0, 2.0, 3.0],
            attributes={"occluded": False, "rotation": 0.0, "uid": "u-3"},
        ),
    ],
}  # fmt: skip


def export(
    path: Path, *, layout: str = "images/{subset}", subset: str = "default", value: Any = EXPORT
) -> Path:
    """Write a zip as CVAT does."""
    members = {f"annotations/instances_{subset}.json": json.dumps(value).encode()}
    for each in value["images"]:
        members[f"{layout.replace('{subset}', subset)}/{each['file_name']}"] = PIXELS
    return write_zip(path, members)


def opened(path: Path, **options: Any) -> LabelledImages:
    """Read an export."""
    return read(path, options=ReadOptions(**options))


def write(target: Path, *records: ImageRecord, labels: LabelSet = LABELS, **options: Any) -> Path:
    """Write images down."""
    made = writer(labels, facts={}, options=WriteOptions(**options))
    made.open(target)
    for each in records:
        made.add(made.render(each))
    made.close()
    return target


@pytest.mark.parametrize("layout", ["images", "images/{subset}"])
@pytest.mark.parametrize("subset", ["default", "train"])
def test_both_layouts_with_their_images(tmp_path: Path, layout: str, subset: str) -> None:
    found = opened(export(tmp_path / "a.zip", layout=layout, subset=subset))
    assert found.labels == LABELS
    first, second = (pickle.loads(pickle.dumps(found.load))(key) for key in found.keys)
    assert (first.image_id, second.image_id) == ("sub/1", "2")
    assert {first.split, second.split} == {None if subset == "default" else "train"}
    for each in (first, second):
        assert each.file is not None
        assert each.file.read_bytes() == PIXELS
    mask, polygon, box = first.instances
    assert isinstance(mask.shape, Bitmap)
    assert mask.shape.runs.tolist() == RING_RUNS
    assert (mask.crowd, mask.occluded, mask.attributes) == (False, True, {"q": "ok"})
    assert isinstance(polygon.shape, Polygon)
    assert len(polygon.shape.rings) == 2
    assert (box.shape, box.uid, box.attributes) == (Box((1, 1, 3, 4)), "u-3", {})


def test_images_are_found_where_the_zip_was_packed_anew_with_its_folder(tmp_path: Path) -> None:
    packed = open_archive(export(tmp_path / "a.zip"))
    write_zip(tmp_path / "b.zip", {f"job 7/{name}": packed.read(name) for name in packed.members})
    assert [each.file is not None for each in opened(tmp_path / "b.zip")] == [True, True]


def test_masks_that_cvat_calls_crowds_are_counted_and_believed_on_request(tmp_path: Path) -> None:
    path = export(tmp_path / "a.zip")
    told = [each for each in opened(path).told if "iscrowd" in each]
    assert told == [
        "1 mask(s) marked iscrowd=1 are ordinary objects here, for CVAT marks every mask so; "
        "--keep-crowds believes it"
    ]
    found = opened(path, keep_crowds=True)
    assert [each.crowd for each in found.load(found.keys[0]).instances] == [True, False, False]
    assert not any("iscrowd" in each for each in found.told)


def test_the_file_alone_and_the_folder_that_the_zip_unpacks_to(tmp_path: Path) -> None:
    zipped = opened(export(tmp_path / "a.zip"))
    (tmp_path / "out/annotations").mkdir(parents=True)
    (tmp_path / "out/images/default/sub").mkdir(parents=True)
    for name in ("sub/1.png", "2.png"):
        (tmp_path / "out/images/default" / name).write_bytes(PIXELS)
    file = tmp_path / "out/annotations/instances_default.json"
    file.write_text(json.dumps(EXPORT))
    for source in (file, tmp_path / "out"):
        found = opened(source)
        assert all(same(one, other) for one, other in zip(zipped, found, strict=True))
        assert all(each.file is not None for each in found)


def test_labels_alone_are_enough_and_images_may_lie_elsewhere(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"annotations/instances_default.json": json.dumps(EXPORT).encode()})
    found = opened(path)
    assert found.load(found.keys[0]).file is None
    assert found.told[0].endswith("instances_default.json: the archive holds labels only, no image files")
    with pytest.raises(DataError, match="mine, which does not exist"):
        opened(path, images=tmp_path / "mine")
    (tmp_path / "mine/sub").mkdir(parents=True)
    for name in ("sub/1.png", "2.png"):
        (tmp_path / "mine" / name).write_bytes(PIXELS)
    found = opened(path, images=tmp_path / "mine")
    assert found.load(found.keys[0]).file == tmp_path / "mine/sub/1.png"


def test_subsets_of_a_project_are_splits(tmp_path: Path) -> None:
    other = {**EXPORT, "annotations": [], "categories": EXPORT["categories"][::-1]}
    members = {
        "annotations/instances_val.json": json.dumps(EXPORT).encode(),
        "annotations/instances_train.json": json.dumps(other).encode(),
    }
    path = write_zip(tmp_path / "a.zip", members)
    assert [(each.split, len(each.instances)) for each in opened(path)] == [
        ("train", 0), ("train", 0), ("val", 3), ("val", 0)
    ]  # fmt: skip
    assert len(opened(path, split="val")) == 2


def test_what_is_broken_is_told_with_its_place_in_the_zip(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"annotations/instances_default.json": b'{"images": ['})
    with pytest.raises(FormatError, match=r"a\.zip/annotations/instances_default\.json: line 1, byte 12"):
        opened(path)
    write_zip(path, {"labels/a.txt": b"", "b/c.json": b"{}"})
    with pytest.raises(FormatError, match=r"no annotations/instances_<subset>\.json in this zip; it ho"):
        opened(path)
    value = {
        **EXPORT,
        "annotations": [annotation(category_id=1, segmentation={"size": [8, 6], "counts": "`1"})],
    }
    found = opened(export(path, value=value))
    with pytest.raises(BadRecord, match="its mask is 8x6"):
        found.load(found.keys[0])
    members = {
        name: open_archive(path).read(name) for name in open_archive(path).members if "sub" not in name
    }
    found = opened(write_zip(tmp_path / "b.zip", members))
    with pytest.raises(BadRecord, match=r"b\.zip/images/default/sub/1\.png is missing"):
        found.load(found.keys[0])
    with pytest.raises(UserError, match="read them with --from coco"):
        opened(path, results=True)


def record(name: str = "sub/1.png", **more: Any) -> ImageRecord:
    """Return an image with an object of each kind that CVAT keeps."""
    instances = (
        Instance(label="cat", shape=MASK, uid="u", attributes={"q": "ok"}, occluded=True),
        Instance(label="dog", shape=Box((1, 1, 3, 4))),
        Instance(label="dog", shape=Bitmap((6, 8), np.array([48], np.uint32))),
    )
    return ImageRecord(
        image_id=name.rpartition(".")[0], name=name, size_hw=(6, 8), instances=instances, **more
    )


def test_what_is_written_is_as_every_server_takes_it(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(PIXELS)
    records = [record(file=tmp_path / "1.png"), record("2.png")]
    path = write(tmp_path / "a.zip", *records, media="copy")
    archive = open_archive(path)
    assert list(archive.members) == ["images/default/sub/1.png", "annotations/instances_default.json"]
    value = json.loads(archive.read("annotations/instances_default.json"))
    assert value["categories"][0] == {"id": 1, "name": "cat", "supercategory": ""}
    assert [each["id"] for each in value["annotations"]] == [1, 2, 3, 4, 5, 6]
    for each in value["annotations"]:
        assert {"id", "image_id", "category_id", "segmentation", "bbox", "area", "iscrowd"} <= set(each)
        assert (each["iscrowd"], "segloop" in each, "is_crowd" in each["attributes"]) == (0, False, False)
        assert min(each["id"], each["image_id"], each["category_id"]) > 0
    again = write(tmp_path / "b.zip", *records, media="copy")
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("target", ["a.zip", "a.json"])
def test_what_cvat_keeps_comes_back(tmp_path: Path, target: str) -> None:
    first, second = record(split="train"), record("2.png", split="train")
    found = opened(write(tmp_path / target, first, second))
    assert found.labels == LABELS
    for wanted, each in zip((first, second), found, strict=True):
        assert same(wanted, each)


def test_what_cvat_forgets_is_not_claimed() -> None:
    made = writer(LABELS, facts={}, options=WriteOptions())
    for feature in (
        "groups",
        "z-order",
        "crowds",
        "scores",
        "tags",
        "colors",
        "declarations",
        "opaque",
        "sources",
    ):
        assert feature not in made.keeps
    outlined = writer(LABELS, facts={}, options=WriteOptions(masks="exact-polygon"))
    assert outlined.keeps - made.keeps == {"polygons"}


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    for options, told in (
        ({"results": True}, "imports no results"),
        ({"media": "link"}, "cannot hold links"),
        ({"media": "hardlink"}, "cannot hold links"),
    ):
        with pytest.raises(UserError, match=told):
            writer(LABELS, facts={}, options=WriteOptions(**options))
    with pytest.raises(UserError, match="has no place for images"):
        write(tmp_path / "a.json", media="copy")
