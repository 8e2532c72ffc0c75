"""What a COCO writer makes of a set: files, numbers, and the same bytes each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_converters.base import ReadOptions, WriteOptions
from data_converters.coco_writer import CocoWriter
from data_converters.formats import find_format
from segloop.data import masks
from segloop.data.annotations import Bitmap, ImageRecord, Instance, Label, LabelledImages, LabelSet
from segloop.data.info import DatasetInfo, content_hash
from segloop.data.png import encode_rgb
from segloop.utils.errors import DataError, UserError
from tests.data.masks.cases import RING

LABELS = LabelSet((Label("sea"), Label("cat", color=(9, 8, 7)), Label("dog")), background=0)
FACTS = {"name": "n", "task": "pets", "source": "s", "licence": "CC0"}
NOTHING = WriteOptions(media="none")
MASK = Bitmap((6, 8), masks.encode(RING))


def record(name: str, *labels: str, split: str | None = None, file: Path | None = None) -> ImageRecord:
    """Return an image with a ring for each label."""
    instances = tuple(Instance(label=label, shape=MASK, score=0.5) for label in labels)
    image_id = name.rpartition(".")[0]
    return ImageRecord(
        image_id=image_id, name=name, size_hw=(6, 8), split=split, file=file, instances=instances
    )


def write(target: Path, *records: ImageRecord, facts: Any = FACTS, **options: Any) -> CocoWriter:
    """Write images down."""
    writer = CocoWriter(LABELS, facts=facts, options=WriteOptions(**options))
    writer.open(target)
    try:
        for each in records:
            writer.add(writer.render(each))
    finally:
        writer.close()
    return writer


def test_a_folder_has_a_file_for_each_split_its_images_and_a_description(tmp_path: Path) -> None:
    image = tmp_path / "source.png"
    image.write_bytes(encode_rgb(np.zeros((6, 8, 3), np.uint8)))
    target = tmp_path / "out"
    writer = write(
        target,
        record("a/1.png", "cat", "dog", split="train", file=image),
        record("1.png", split="val", file=image),
        record("2.png", "cat", split="train", file=image),
    )
    files = {file.relative_to(target).as_posix() for file in target.rglob("*") if file.is_file()}
    assert files == {
        "annotations/instances_train.json",
        "annotations/instances_val.json",
        "dataset.json",
        "images/train/a/1.png",
        "images/train/2.png",
        "images/val/1.png",
    }
    train = json.loads((target / "annotations/instances_train.json").read_bytes())
    assert [each["id"] for each in train["annotations"]] == [1, 2, 3]
    assert [each["image_id"] for each in train["annotations"]] == [1, 1, 2]
    assert [(each["id"], each["file_name"]) for each in train["images"]] == [(1, "a/1.png"), (2, "2.png")]
    assert [(each["id"], each["name"]) for each in train["categories"]] == [(1, "cat"), (2, "dog")]
    assert train["licenses"] == [{"id": 1, "name": "CC0"}]
    info = DatasetInfo.read(target)
    assert (info.name, info.task, info.class_names) == ("n", "pets", ("cat", "dog"))
    assert info.splits == {"train": 2, "val": 1}
    assert info.images.directory("train") == Path("images/train")
    assert info.coco["val"] == "annotations/instances_val.json"
    assert info.content_hash == content_hash(target)
    assert writer.told == []


def test_what_a_target_holds_depends_on_nothing_but_the_set(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, record("1.png", "cat"), record("2.png"))
    one, other = (
        [file.read_bytes() for file in sorted((tmp_path / name).rglob("*")) if file.is_file()]
        for name in ("a", "b")
    )
    assert one == other


def test_a_single_file_keeps_the_splits_and_is_all_there_is(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    write(target, record("1.png", "cat", split="train"), record("2.png"), facts={})
    assert [file.name for file in tmp_path.iterdir()] == ["out.json"]
    value = json.loads(target.read_bytes())
    assert [each.get("segloop") for each in value["images"]] == [{"split": "train"}, None]
    assert value["licenses"] == []
    assert "\n" in target.read_text(), "an image and an annotation a line"


@pytest.mark.parametrize("form", ["coco", "cvat-coco"])
def test_a_split_may_be_called_as_files_of_no_split_are(tmp_path: Path, form: str) -> None:
    target = tmp_path / ("out.zip" if form == "cvat-coco" else "out")
    writer = find_format(form).writer(LabelledImages(labels=LABELS, keys=(), load=repr), options=NOTHING)
    writer.open(target)
    for each in (record("1.png", "cat", split="default"), record("2.png"), record("3.png", split="val")):
        writer.add(writer.render(each))
    writer.close()
    found = find_format(form).read(target, options=ReadOptions())
    assert {each.image_id: each.split for each in found} == {"1": "default", "2": None, "3": "val"}


def test_two_images_of_one_id_are_refused_within_a_file(tmp_path: Path) -> None:
    records = (record("1.png", split="train"), record("1.jpg", split="val"))
    write(tmp_path / "folder", *records)
    with pytest.raises(DataError, match="There are two images '1'; a folder keeps the splits apart"):
        write(tmp_path / "a.json", *records)
    with pytest.raises(DataError, match=r"There are two images '1'\."):
        write(tmp_path / "b", record("1.png"), record("1.jpg"))


def test_results_come_with_the_images_that_they_count_by(tmp_path: Path) -> None:
    writer = write(tmp_path / "out", record("1.png"), record("2.png", "dog", split="val"), results=True)
    assert writer.keeps == {"instances", "overlaps", "boxes", "empty-masks", "scores", "sizes"}
    (result,) = json.loads((tmp_path / "out/results_val.json").read_bytes())
    assert (result["image_id"], result["category_id"], result["score"]) == (1, 2, 0.5)
    assert json.loads((tmp_path / "out/results_default.json").read_bytes()) == []
    images = json.loads((tmp_path / "out/annotations/image_info_val.json").read_bytes())
    assert "annotations" not in images
    assert images["images"][0]["file_name"] == "2.png"
    assert not (tmp_path / "out/dataset.json").exists()
    write(tmp_path / "r.json", record("1.png", "cat"), results=True)
    assert len(json.loads((tmp_path / "r.json").read_bytes())) == 1


def test_an_empty_set_is_a_whole_file(tmp_path: Path) -> None:
    write(tmp_path / "out.json")
    value = json.loads((tmp_path / "out.json").read_bytes())
    assert (value["images"], value["annotations"]) == ([], [])


def test_images_that_have_no_file_are_told(tmp_path: Path) -> None:
    writer = write(tmp_path / "out", record("1.png"), record("2.png"))
    assert writer.told == ["2 image(s) have no file to bring along: labels only"]
    assert DatasetInfo.read(tmp_path / "out").content_hash is None


def test_what_cannot_be_is_refused_before_any_work(tmp_path: Path) -> None:
    for options, told in (
        ({"masks": "polygons"}, "choose rle, exact-polygon"),
        ({"media": "move"}, "choose copy, hardlink, link, none"),
        ({"results": True, "masks": "exact-polygon"}, "Results hold masks as runs"),
    ):
        with pytest.raises(UserError, match=told):
            CocoWriter(LABELS, facts={}, options=WriteOptions(**options))
    with pytest.raises(UserError, match=r"A \.json file has no place for images"):
        write(tmp_path / "a.json", media="copy")
    with pytest.raises(DataError, match=r"The split '../x' cannot name a file"):
        write(tmp_path / "b", record("1.png", split="../x"))


def test_outlines_are_kept_where_they_are_written() -> None:
    as_runs, drawn = (
        CocoWriter(LABELS, facts={}, options=WriteOptions(masks=each)).keeps for each in ("rle", "polygon:1")
    )
    assert drawn - as_runs == {"polygons", "subpixel"}
