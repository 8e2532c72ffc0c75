"""What is kept comes back as it was, and a half-written block costs itself alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segloop.analysis.instances import Instances
from segloop.data.annotations import Bitmap, ImageRecord, Label, LabelSet
from segloop.data.masks import decode
from segloop.experiments.predict.kept import FILE_NAME, Kept, LoadKept, without_overlaps
from segloop.experiments.predict.results import InstancePrediction, SemanticPrediction
from segloop.utils.errors import FormatError, UserError

CLASSES = LabelSet((Label("ground"), Label("ship")), background=0)
MASK = np.array([[0, 1, 1], [1, 0, 0]], np.uint8)
OBJECTS = Instances.of_bitmaps([MASK, [[1, 1, 0], [1, 1, 0]]], [1, 1], scores=[0.9, 0.25])
STAMPS = {"a": "1-1", "b": "2-2", "c": "3-3"}


def filled(folder: Path) -> Kept:
    kept = Kept.open(folder, {"tta": ""}, resume=False)
    kept.add({"a": SemanticPrediction(mask=MASK, classes=CLASSES), "b": "it is empty"}, STAMPS)
    kept.add({"c": InstancePrediction(instances=OBJECTS, classes=CLASSES)}, STAMPS)
    kept.close()
    return kept


def test_maps_objects_and_errors_come_back(tmp_path: Path) -> None:
    filled(tmp_path)
    kept = Kept.open(tmp_path, {"tta": ""}, resume=True)
    kept.close()
    load = LoadKept(kept.path, CLASSES)
    image = ImageRecord(image_id="a", name="a.png")
    assert (load((image, kept.places["a"])).semantic == MASK).all()
    assert kept.places["b"].error == "it is empty"
    assert load((image, kept.places["b"])) == image
    found = load((image, kept.places["c"])).instances
    assert [(each.label, each.score) for each in found] == [("ship", 0.9), ("ship", 0.25)]
    assert isinstance(found[0].shape, Bitmap)
    assert (decode(found[0].shape.runs, (2, 3)) == MASK).all()
    assert kept.has({"a": "1-1", "b": "2-2"})
    assert not kept.has({"a": "1-1", "b": "2-3"})  # its file has changed
    assert not kept.has({"d": "4-4"})


def test_what_stays_in_memory_of_many_objects_is_little(tmp_path: Path) -> None:
    kept = Kept.open(tmp_path, {}, resume=False)
    many = Instances.of_bitmaps([MASK] * 300, [1] * 300, scores=[0.5] * 300)
    nothing = Instances.of_bitmaps([], [], size_hw=(2, 3), scores=[])
    found = {
        name: InstancePrediction(instances=each, classes=CLASSES)
        for name, each in (("a", many), ("b", nothing))
    }
    kept.add(found, STAMPS)
    kept.close()
    assert len(str(kept.places["a"].about)) < 200
    for name, prediction in found.items():
        back = LoadKept(kept.path, CLASSES).prediction(kept.places[name])
        assert isinstance(back, InstancePrediction)
        assert (back.labels.tolist(), back.scores.tolist()) == (
            prediction.labels.tolist(),
            prediction.scores.tolist(),
        )
        assert [runs.tolist() for runs in back.runs] == [runs.tolist() for runs in prediction.runs]


def test_a_block_that_was_cut_off_is_forgotten_and_written_again(tmp_path: Path) -> None:
    whole = filled(tmp_path).path.read_bytes()
    for end in (len(whole) - 1, len(whole) - 9):
        (tmp_path / FILE_NAME).write_bytes(whole[:end])
        kept = Kept.open(tmp_path, {"tta": ""}, resume=True)
        assert set(kept.places) == {"a", "b"}
        kept.add({"c": InstancePrediction(instances=OBJECTS, classes=CLASSES)}, STAMPS)
        kept.close()
        assert (tmp_path / FILE_NAME).read_bytes() == whole


def test_zeros_that_a_loss_of_power_left_are_cut_off(tmp_path: Path) -> None:
    whole = filled(tmp_path).path.read_bytes()
    (tmp_path / FILE_NAME).write_bytes(whole + bytes(4096))
    Kept.open(tmp_path, {"tta": ""}, resume=True).close()
    assert (tmp_path / FILE_NAME).read_bytes() == whole


def test_results_are_not_begun_anew_unasked_and_not_mixed_with_others(tmp_path: Path) -> None:
    filled(tmp_path)
    with pytest.raises(UserError, match=r"3 finished image.*--resume goes on"):
        Kept.open(tmp_path, {"tta": ""}, resume=False)
    with pytest.raises(UserError, match="tta: '' then, 'h' now"):
        Kept.open(tmp_path, {"tta": "h"}, resume=True)
    (tmp_path / FILE_NAME).write_bytes(b"something else\n")
    with pytest.raises(FormatError, match="not a file of kept predictions"):
        Kept.open(tmp_path, {"tta": ""}, resume=True)


def test_results_are_begun_anew_if_asked(tmp_path: Path) -> None:
    filled(tmp_path)
    kept = Kept.open(tmp_path, {"tta": "h"}, resume=False, anew=True)
    kept.add({"a": "it is empty"}, STAMPS)
    kept.close()
    kept = Kept.open(tmp_path, {"tta": "h"}, resume=True)
    kept.close()
    assert set(kept.places) == {"a"}


def test_two_at_once_do_not_mix_their_places(tmp_path: Path) -> None:
    first = Kept.open(tmp_path, {}, resume=False)
    for resume, anew in ((False, False), (True, False), (False, True)):
        with pytest.raises(UserError, match="Another process is adding to"):
            Kept.open(tmp_path, {}, resume=resume, anew=anew)
    first.add({"a": SemanticPrediction(mask=MASK, classes=CLASSES)}, STAMPS)
    first.close()
    second = Kept.open(tmp_path, {}, resume=True)
    second.add({"b": SemanticPrediction(mask=1 - MASK, classes=CLASSES)}, STAMPS)
    second.close()
    for image_id, mask in (("a", MASK), ("b", 1 - MASK)):
        found = LoadKept(second.path, CLASSES).prediction(second.places[image_id])
        assert isinstance(found, SemanticPrediction)
        assert (found.mask == mask).all()


def test_the_surer_object_keeps_a_pixel_and_the_loss_is_told(tmp_path: Path) -> None:
    found = InstancePrediction(instances=OBJECTS, classes=CLASSES)
    apart = without_overlaps(found)
    masks = [decode(runs, (2, 3)) for runs in apart.runs]
    assert (masks[0] == MASK).all()
    assert masks[1].tolist() == [[True, False, False], [False, True, False]]
    kept = filled(tmp_path)
    record = LoadKept(kept.path, CLASSES, disjoint=True)(
        (ImageRecord(image_id="c", name="c"), kept.places["c"])
    )
    assert [(each.count, each.example) for each in record.remarks] == [(2, "c")]


def test_a_folder_that_cannot_be_made_and_a_full_disk_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        Kept.open(tmp_path / "file/kept", {}, resume=False)
    kept = Kept(Path("/dev/full"), {}, _stream=Path("/dev/full").open("ab"))  # noqa: SIM115 - it closes it
    with pytest.raises(OSError, match="space"):
        kept.add({"b": "it is empty"}, STAMPS)
    with pytest.raises(OSError, match="space"):
        kept.close()
    kept.close()  # told once
