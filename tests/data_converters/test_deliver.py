"""Predictions are written by each writer, and checked before and after."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters.base import WriteOptions
from data_converters.deliver import Delivery, result_options
from segloop.analysis.instances import Instances
from segloop.data.annotations import ImageRecord, Label, LabelSet
from segloop.experiments.predict.kept import Kept, LoadKept
from segloop.experiments.predict.results import InstancePrediction, Prediction, SemanticPrediction
from segloop.experiments.predict.run import Predicted
from segloop.utils.errors import DataError, FormatError, UserError

MAPS = LabelSet((Label("ground"), Label("car"), Label("road")), background=0)
THINGS = LabelSet((Label("car"), Label("person")))
MASK = np.zeros((12, 16), np.uint8)
MASK[2:8, 3:9] = 1
OTHER = np.zeros((12, 16), np.uint8)
OTHER[5:11, 7:14] = 1


def predicted(folder: Path, *, objects: bool, broken: bool = False) -> Predicted:
    """Return what was found in `a/1.png` and in `2.jpg`, the second with nothing or broken."""
    labels = THINGS if objects else MAPS
    kept = Kept.open(folder / "kept", {}, resume=False)
    images = []
    for name in ("a/1.png", "2.jpg"):
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((12, 16, 3), np.uint8)).save(file)
        images.append(ImageRecord(image_id=name.rpartition(".")[0], name=name, file=file, split="test"))
    first: Prediction = SemanticPrediction(mask=MASK, classes=labels)
    second: Prediction = SemanticPrediction(mask=OTHER * 0, classes=labels)
    if objects:
        found = Instances.of_bitmaps([MASK, OTHER], [0, 0], scores=[0.5, 0.75])
        first = InstancePrediction(instances=found, classes=labels)
        nothing = Instances.of_bitmaps([], [], size_hw=(12, 16), scores=[])
        second = InstancePrediction(instances=nothing, classes=labels)
    stamps = {"a/1": "1-1", "2": "1-1"}
    kept.add({"a/1": first, "2": "it is empty" if broken else second}, stamps)
    kept.close()
    return Predicted(images, LoadKept(kept.path, labels), kept.places)


def deliver(folder: Path, form: str, name: str, *, objects: bool, **options: object) -> tuple[Path, str]:
    delivery = Delivery(target=folder / name, form=form, **options)  # type: ignore[arg-type]
    delivery.check()
    report = delivery.write(predicted(folder, objects=objects), objects=objects)
    return delivery.target, str(report)


@pytest.mark.parametrize("objects", [False, True])
@pytest.mark.parametrize(
    ("form", "name", "inside"),
    [
        ("mmseg", "out", "ann_dir/test/a/1.png"),
        ("coco", "out", ""),
        ("coco", "out.json", ""),
        ("cvat", "out.xml", ""),
        ("cvat", "out.zip", ""),
        ("cvat-coco", "out.zip", ""),
        ("airbus", "out.csv", ""),
        ("sartorius", "out.csv", ""),
        ("masks", "out", ""),
        ("cityscapes", "out", ""),
    ],
)
def test_each_writer_takes_maps_and_objects(
    tmp_path: Path, form: str, name: str, inside: str, objects: bool
) -> None:
    target, report = deliver(tmp_path, form, name, objects=objects)
    assert (target / inside).exists()
    assert "images                  2              2" in report


def test_objects_go_to_coco_as_results_and_as_labels_on_demand(tmp_path: Path) -> None:
    target, _ = deliver(tmp_path, "coco", "out.json", objects=True)
    results = json.loads(target.read_text())
    assert [(each["image_id"], each["category_id"], each["score"]) for each in results] == [
        (1, 1, 0.5),
        (1, 1, 0.75),
    ]
    (tmp_path / "labels").mkdir()
    target, _ = deliver(tmp_path / "labels", "coco", "out.json", objects=True, as_labels=True)
    labels = json.loads(target.read_text())
    assert [each["file_name"] for each in labels["images"]] == ["a/1.png", "2.jpg"]
    assert [each["score"] for each in labels["annotations"]] == [0.5, 0.75]


def test_an_image_that_could_not_be_read_keeps_its_number_in_results(tmp_path: Path) -> None:
    found = predicted(tmp_path, objects=True, broken=True)
    turned = Predicted(found.images[::-1], found.load, found.places)
    delivery = Delivery(target=tmp_path / "out.json", form="coco")
    delivery.write(turned, objects=True)
    results = json.loads(delivery.target.read_text())
    assert [each["image_id"] for each in results] == [2, 2]  # `2.jpg`, the first, is broken

    delivery = Delivery(target=tmp_path / "out", form="coco")  # whose own file holds the numbers
    delivery.write(turned, objects=True)
    results = json.loads((delivery.target / "results_test.json").read_text())
    told = json.loads((delivery.target / "annotations/image_info_test.json").read_text())
    assert [(each["id"], each["file_name"]) for each in told["images"]] == [(1, "a/1.png")]
    assert [each["image_id"] for each in results] == [1, 1]


def test_a_submission_follows_its_sample_and_has_no_overlap(tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_text("ImageId,EncodedPixels\n2.jpg,1 2\na/1.png,\n")
    found = predicted(tmp_path, objects=True, broken=True)
    delivery = Delivery(target=tmp_path / "out.csv", form="airbus", sample=sample)
    images, told = delivery.chosen([*found.images, ImageRecord(image_id="3", name="3.jpg")])
    assert told == [f"1 image(s) are not in {sample} and are left out"]
    report = str(delivery.write(Predicted(images, found.load, found.places), objects=True))
    with delivery.target.open() as file:
        rows = list(csv.reader(file))[1:]
    assert rows[0] == ["2.jpg", ""]  # it could not be read, and has its row all the same
    assert [row[0] for row in rows[1:]] == ["a/1.png", "a/1.png"]
    assert "6 pixels that several objects claimed went to the surest" in report
    assert (MASK & OTHER).sum() == 6


def test_what_could_not_be_written_is_refused_before_anything_is_predicted(tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("x")
    for form, name, options, message in (
        ("airbus", "there.csv", WriteOptions(), "exists already"),
        ("airbus", "out", WriteOptions(), r"ends in \.csv"),
        ("spacecraft", "out", WriteOptions(), "is not written"),
        ("mmseg", "out", WriteOptions(numbers=True), "--numbers when mmseg is written"),
        ("mmsge", "out", WriteOptions(), "Did you mean 'mmseg'"),
    ):
        with pytest.raises(UserError, match=message):
            Delivery(target=tmp_path / name, form=form, options=options).check()
    Delivery(target=tmp_path / "there.csv", form="airbus", force=True).check()
    (tmp_path / "s.csv").write_text("ImageId,EncodedPixels\nno.jpg,\n")
    over = Delivery(target=tmp_path / "s.csv", form="airbus", sample=tmp_path / "x/../s.csv", force=True)
    with pytest.raises(UserError, match="is the sample, which is only read"):
        over.check()
    asked = Delivery(target=tmp_path / "o.csv", form="airbus", sample=tmp_path / "s.csv")
    with pytest.raises(DataError, match="are not among the inputs"):
        asked.chosen([])
    alike = [ImageRecord(image_id=f"{each}/1", name=f"{each}/1.png", file=Path(each)) for each in "ab"]
    with pytest.raises(DataError, match="a and b would be one image in the CSV of sartorius"):
        Delivery(target=tmp_path / "o.csv", form="sartorius").chosen(alike)
    for name in ("caf\udce9.png", "a\nb.png"):
        with pytest.raises(DataError, match=r"no UTF-8 text|line break"):
            Delivery(target=tmp_path / "o.csv", form="airbus").chosen([ImageRecord(image_id="a", name=name)])


@pytest.mark.parametrize(
    ("form", "name", "options", "message"),
    [
        ("coco", "out.json", WriteOptions(masks="polygon:1"), "Results hold masks as runs"),
        ("coco", "out.json", WriteOptions(masks="outline"), "There is no way 'outline'"),
        ("coco", "out.json", WriteOptions(media="copy"), "has no place for images"),
        ("cvat-coco", "out.zip", WriteOptions(results=True), "CVAT imports no results"),
        ("cvat", "out.xml", WriteOptions(media="copy"), "has no place for images"),
        ("cvat", "out.zip", WriteOptions(media="link"), "CVAT's zip holds the images themselves"),
    ],
)
def test_a_rehearsal_tells_what_the_writer_refuses_and_leaves_nothing(
    tmp_path: Path, form: str, name: str, options: WriteOptions, message: str
) -> None:
    delivery = Delivery(target=tmp_path / name, form=form, options=options)
    delivery.check()
    with pytest.raises(UserError, match=message):
        delivery.rehearse(THINGS, objects=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("objects", [False, True])
def test_a_rehearsal_of_what_can_be_written_is_silent(tmp_path: Path, objects: bool) -> None:
    for form, name in (
        ("mmseg", "out"),
        ("coco", "out"),
        ("coco", "out.json"),
        ("cvat", "out.xml"),
        ("cvat", "out.zip"),
        ("cvat-coco", "out.zip"),
        ("airbus", "out.csv"),
        ("sartorius", "out.csv"),
        ("masks", "out"),
        ("cityscapes", "out"),
    ):
        delivery = Delivery(target=tmp_path / name, form=form)
        delivery.rehearse(THINGS if objects else MAPS, objects=objects)
    assert not list(tmp_path.iterdir())


def test_options_fit_what_was_predicted() -> None:
    plain = WriteOptions()
    assert result_options(plain, form="coco", objects=True, as_labels=False).results
    assert not result_options(plain, form="coco", objects=True, as_labels=True).results
    assert not result_options(plain, form="coco", objects=False, as_labels=False).results
    assert result_options(plain, form="mmseg", objects=True, as_labels=False).overlap == "score"
    assert result_options(plain, form="mmseg", objects=False, as_labels=False).media == "none"
    assert (
        result_options(WriteOptions(media="copy"), form="mmseg", objects=False, as_labels=False).media
        == "copy"
    )


@dataclass(frozen=True)
class Overlapping:
    """Loads one image whose objects share pixels, whatever is asked of it."""

    disjoint: bool = field(default=False)

    def __call__(self, key: int) -> ImageRecord:
        image = ImageRecord(image_id="1", name="1.jpg")
        found = Instances.of_bitmaps([MASK, OTHER], [0, 0], scores=[0.5, 0.75])
        return InstancePrediction(instances=found, classes=THINGS).record(image)


@dataclass(frozen=True)
class Wrong:
    """Stands for a run whose loader breaks its word."""

    load: Overlapping = field(default_factory=Overlapping)
    images: tuple[ImageRecord, ...] = ()
    classes: LabelSet = THINGS

    def entries(self, *, skipped: bool = False) -> list[int]:
        return [0]


def test_a_submission_that_a_competition_would_refuse_is_not_left_behind(tmp_path: Path) -> None:
    delivery = Delivery(target=tmp_path / "out.csv", form="airbus")
    with pytest.raises(FormatError, match="two of its objects share pixels"):
        delivery.write(Wrong(), objects=True)
    assert not list(tmp_path.iterdir())
