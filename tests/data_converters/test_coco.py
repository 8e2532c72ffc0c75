"""COCO to the hub and back, with pycocotools and mmdet looking on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_converters.base import ReadOptions, WriteOptions
from data_converters.coco import read, writer
from segloop.data import masks
from segloop.data.annotations import (
    Attribute,
    Bitmap,
    Box,
    ImageRecord,
    Instance,
    Label,
    LabelledImages,
    LabelSet,
    Opaque,
    Polygon,
    Tag,
)
from segloop.data.png import encode_rgb
from segloop.utils.errors import DataError, FormatError
from tests.data.masks.cases import RING, images
from tests.data_converters.coco_cases import CATS, annotation, image, same, shape_of, write_coco

LABELS = LabelSet(
    (
        Label("cat", color=(9, 8, 7), group="animal", shape="mask", attributes=(Attribute("q"),)),
        Label("nothing", color=(0, 0, 0)),
        Label("Cat"),
        Label("Ёж & [dog]"),
    ),
    background=1,
    ignore_index=254,
)
MASK = Bitmap((6, 8), masks.encode(RING))
NAMES = ("a/1.png", "b/1.png", "Ёж & [1] — x y.jpg", "7.png")


def write(target: Path, *records: ImageRecord, **options: Any) -> Path:
    """Write images down."""
    made = writer(LABELS, facts={}, options=WriteOptions(**options))
    made.open(target)
    for each in records:
        made.add(made.render(each))
    made.close()
    return target


def again(source: Path, **options: Any) -> LabelledImages:
    """Read what was written."""
    return read(source, options=ReadOptions(**options))


def everything(name: str, split: str | None, *, mode: str = "rle") -> ImageRecord:
    """Return an image with one of everything that the hub knows and a mode of masks keeps as it is."""
    ring = np.array([[0.5, 0.123456], [4, 0], [4, 3]])
    instances = (
        Instance(label="cat", shape=MASK, attributes={"q": 'ok "и"\n', "n": 1, "f": 0.1, "b": True}, group=4),
        Instance(label="Cat", shape=Opaque("points", {"points": [1.5, 2]}), z_order=3, uid="u-1"),
        Instance(label="Ёж & [dog]", shape=Polygon((ring, ring + 1)), occluded=True, source="auto"),
        Instance(label="cat", shape=Box((0.1, 0.2, 3.3, 4.7)), score=0.25, attributes={"ignore": True}),
        Instance(label="cat", shape=MASK, crowd=True),
        Instance(label="cat", shape=Bitmap((6, 8), np.array([48], np.uint32))),
    )
    instances = instances[1:] if mode != "rle" else (*instances[:2], *instances[3:])
    return ImageRecord(
        image_id=name.rpartition(".")[0],
        name=name,
        size_hw=(6, 8),
        split=split,
        tags=(Tag("Cat", {"n": 1}),),
        instances=instances,
        ignore=MASK,
    )


@pytest.mark.parametrize("target", ["folder", "file.json"])
@pytest.mark.parametrize("mode", ["rle", "exact-polygon"])
def test_nothing_is_lost_on_the_way_there_and_back(tmp_path: Path, target: str, mode: str) -> None:
    splits = ("train", None, "val", "train")
    records = [everything(name, split, mode=mode) for name, split in zip(NAMES, splits, strict=True)]
    found = again(write(tmp_path / target, *records, masks=mode))
    assert found.labels == LABELS
    order = {each.name: each for each in found}
    assert len(order) == 4
    for record in records:
        other = order[record.name]
        assert same(record, other), record.name
    assert again(write(tmp_path / f"again-{target}", *found, masks=mode)).labels == LABELS


@settings(max_examples=40)
@given(images(most=4), st.sampled_from(["rle", "exact-polygon"]))
def test_pixels_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, case: Any, mode: str
) -> None:
    size_hw, bitmaps = case
    instances = tuple(Instance(label="cat", shape=Bitmap(size_hw, masks.encode(each))) for each in bitmaps)
    record = ImageRecord(image_id="1", name="1.png", size_hw=size_hw, instances=instances)
    target = tmp_path_factory.getbasetemp() / "pixels.json"
    (found,) = again(write(target, record, masks=mode))
    for bitmap, instance in zip(bitmaps, found.instances, strict=True):
        if isinstance(instance.shape, Polygon):
            drawn = masks.rasterize([instance.shape.rings], size_hw)[0]
        else:
            drawn = instance.shape.runs  # type: ignore[union-attr]
        assert np.array_equal(masks.decode(drawn, size_hw), bitmap)


def test_pycocotools_loads_what_we_write(tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    record = everything("1.png", None)
    truth = write(tmp_path / "truth.json", record)
    coco = COCO(str(truth))
    annotations = [each for each in coco.loadAnns(coco.getAnnIds()) if each["segmentation"]]
    found = [coco.annToMask(each) for each in annotations]
    assert len(found) == 3
    assert np.array_equal(found[0], RING)
    assert coco.loadCats(coco.getCatIds())[0]["name"] == "cat"
    scored = ImageRecord(
        image_id="1",
        name="1.png",
        size_hw=(6, 8),
        instances=(Instance(label="cat", shape=MASK, score=0.5),),
    )
    results = coco.loadRes(str(write(tmp_path / "results.json", scored, results=True)))
    (result,) = results.loadAnns(results.getAnnIds())
    assert (result["area"], list(result["bbox"]), result["score"]) == (13, [2, 0, 6, 5], 0.5)
    assert np.array_equal(results.annToMask(result), RING)


def test_mmdet_drops_nothing_of_what_we_write(tmp_path: Path) -> None:
    from mmdet.datasets import CocoDataset
    from mmdet.datasets.transforms import LoadAnnotations

    file = tmp_path / "1.png"
    file.write_bytes(encode_rgb(np.zeros((6, 8, 3), np.uint8)))
    ring = np.array([[0, 0], [4, 0], [4, 3]], float)
    for mode in ("rle", "exact-polygon"):
        instances = [Instance(label=name, shape=MASK) for name in ("cat", "Cat", "Ёж & [dog]")]
        instances.append(Instance(label="cat", shape=Polygon((ring,))))
        record = ImageRecord(
            image_id="1", name="1.png", file=file, size_hw=(6, 8), split="train", instances=tuple(instances)
        )
        root = write(tmp_path / mode, record, masks=mode)
        dataset = CocoDataset(
            data_root=str(root),
            ann_file="annotations/instances_train.json",
            data_prefix={"img": "images/train/"},
            metainfo={"classes": ("cat", "Cat", "Ёж & [dog]")},
            filter_cfg={"filter_empty_gt": True, "min_size": 1},
            pipeline=[],
        )
        (info,) = [dataset.get_data_info(place) for place in range(len(dataset))]
        assert Path(info["img_path"]).read_bytes() == file.read_bytes()
        assert [each["bbox_label"] for each in info["instances"]] == [0, 1, 2, 0]
        assert not any(each["ignore_flag"] for each in info["instances"])
        loaded = LoadAnnotations(with_bbox=True, with_mask=True)({**info, "ori_shape": (6, 8)})
        assert not loaded["gt_ignore_flags"].any()
        assert np.array_equal(loaded["gt_masks"].masks[1], RING)


def test_results_are_read_with_the_images_of_the_truth(tmp_path: Path) -> None:
    truth = write_coco(tmp_path / "instances_val.json", [annotation()], images=[image(4), image(9)])
    results = tmp_path / "results_val.json"
    entries = [{"image_id": 9, "category_id": 7, "segmentation": annotation()["segmentation"], "score": 0.5}]
    results.write_text(json.dumps(entries))
    found = again(results)
    first, second = found
    assert (first.image_id, first.instances) == ("4", ())
    assert (second.image_id, second.instances[0].label, second.instances[0].score) == ("9", "Ёж & [dog]", 0.5)
    assert found.told[0] == f"results_val.json: images and categories are those of {truth}"
    del entries[0]["score"]
    results.write_text(json.dumps(entries))
    found = again(results, images=truth)
    with pytest.raises(DataError, match="a result needs a score"):
        found.load(found.keys[1])
    written = write(tmp_path / "out", *(everything(name, "val") for name in NAMES), results=True)
    back = again(written, results=True)
    assert [each.name for each in back] == list(NAMES)
    assert [each.score for each in back.load(back.keys[0]).instances] == [1, 0.25, 1, 1]


def test_coco_in_a_dataset_json_is_read_from_its_folder(tmp_path: Path) -> None:
    write_coco(tmp_path / "dataset.json")
    assert len(read(tmp_path, options=ReadOptions()).keys) == 1


def test_facts_are_what_the_files_say(tmp_path: Path) -> None:
    more = {"info": {"description": "pets", "url": "u"}, "licenses": [{"id": 1, "name": "CC0"}]}
    file = write_coco(tmp_path / "annotations/instances_val.json", **more)
    assert again(file).facts == {"name": "pets", "source": "u", "licence": "CC0", "splits": {"val": 1}}
    two = [{"id": 1, "name": "CC0"}, {"id": 2, "name": "other"}]
    write_coco(tmp_path / "annotations/instances_train.json", licenses=two, images=[image(1), image(2)])
    assert again(tmp_path).facts == {"splits": {"train": 2, "val": 1}}
    written = write(tmp_path / "out", everything("1.png", "val"))
    assert again(written).facts["task"] == "instances"


def test_what_a_user_should_know_is_told(tmp_path: Path) -> None:
    annotations = [
        annotation(1, ignore=1, iscrowd=1, Ключ=3),
        annotation(2, attributes={"a": []}, iscrowd=1, track=1),
        annotation(3, track=1),
    ]
    entries = [image(coco_url="", license=3)]
    cats = [CATS[0] | {"keypoints": ["nose"], "Вид": 1}, CATS[1] | {"keypoints": []}, *CATS[2:]]
    cats[0] |= {"color": "red", "supercategory": 7}
    heads = {
        "info": {"description": "a", "year": 2017, "contributor": "", "version": "1.0"},
        "licenses": [{"id": 1, "name": "CC0", "url": "x"}, {"id": 2, "name": "CC BY 4.0"}],
    }
    written = write_coco(
        tmp_path / "a.json", annotations, images=entries, categories=cats, videos=[], **heads
    )
    told = again(written).told
    assert told == (
        f"a.json: no image files (looked in {tmp_path}/images/default, {tmp_path}/default, "
        f"{tmp_path}/img_dir/default, {tmp_path}/images, {tmp_path}/data, {tmp_path}); "
        "--images FOLDER names theirs",
        "2 of 3 annotations are masks marked iscrowd=1, which trainers pass over; if CVAT wrote this, "
        "read it with --from cvat-coco",
        "a.json: category 0 is a class like the others; written files count from 1",
        "1 annotation(s) are marked `ignore`: read with the attribute `ignore`",
        "1 attribute(s) hold lists or objects: read as their JSON text",
        "2 licence(s) are named, and none of them holds for all images: none is kept",
        "not read, keys of images: coco_url (1), license (1)",
        "not read, keys of annotations: track (2), Ключ (1)",
        "not read, keys of categories: keypoints (2), color (1), supercategory (1), Вид (1)",
        "not read, keys of info: version (1), year (1)",
        "not read, keys of licenses: url (1)",
        "not read, keys of the file: videos (1)",
    )


def test_all_that_is_wrong_with_files_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"annotations": [{"image_id": 1, "segments_info": []}]}')
    with pytest.raises(FormatError) as caught:
        again(tmp_path / "a.json")
    for part in ("a.json: 3 problem(s)", "'images' is missing", "'categories' is missing", "panoptic"):
        assert part in str(caught.value)
    write_coco(tmp_path / "b.json", categories=[*CATS, CATS[0]])
    with pytest.raises(FormatError, match=r"4 problem\(s\)(.|\n)*b.json: categories\[2\]: 'cat' and 'cat'"):
        again(tmp_path)
    (tmp_path / "c.json").write_text('{"images": [')
    (tmp_path / "d.json").write_text("")
    with pytest.raises(DataError, match=r"2 files cannot be read:\n.*c.json: line 1, byte 12.*\n.*d.json"):
        again(tmp_path)


def test_a_split_is_picked_of_a_single_file_that_has_several(tmp_path: Path) -> None:
    entries = [image(number, segloop={"split": split}) for number, split in ((1, "train"), (2, "val"))]
    file = write_coco(tmp_path / "a.json", [annotation(1), annotation(2, image_id=2)], images=entries)
    found = again(file, split="val")
    assert [(each.image_id, each.split, len(each.instances)) for each in found] == [("2", "val", 1)]
    assert found.facts["splits"] == {"val": 1}
    with pytest.raises(DataError, match=r"no split 'vall' \(it has: train, val\)\. Did you mean 'val'"):
        again(file, split="vall")


def test_splits_keep_their_own_ids_and_images(tmp_path: Path) -> None:
    write_coco(tmp_path / "annotations/instances_a.json", [annotation(category_id=0)])
    swapped = [{**CATS[1], "id": 0}, {**CATS[0], "id": 7}]
    write_coco(tmp_path / "annotations/instances_b.json", [annotation(category_id=0)], categories=swapped)
    found = again(tmp_path)
    assert found.labels.names == ("cat", "Ёж & [dog]")
    assert [(each.split, each.instances[0].label) for each in found] == [("a", "cat"), ("b", "Ёж & [dog]")]
    assert shape_of(found.load(found.keys[1]).instances[0])[0] == (6, 8)


def test_a_list_picks_images_of_all_files(tmp_path: Path) -> None:
    records = [
        everything(name, split) for name, split in zip(NAMES, ("train", "val", "val", "train"), strict=True)
    ]
    write(tmp_path / "set", *records)
    file = tmp_path / "list.txt"
    file.write_text("# specks\nЁж & [1] — x y\n7\n", encoding="utf-8")
    found = again(tmp_path / "set", list_file=file)
    assert {(each.image_id, each.split) for each in found} == {("Ёж & [1] — x y", "val"), ("7", "train")}
    assert found.facts["splits"] == {"train": 1, "val": 1}
    assert len(again(tmp_path / "set").keys) == 4
    file.write_text("7.png\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"names 1 image\(s\) that are not there(.|\n)*  7\.png"):
        again(tmp_path / "set", list_file=file)
