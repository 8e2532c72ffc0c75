"""An image's file, pixels and labels are looked at in one step."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from segloop.data.annotations import ImageRecord, Instance, Opaque
from segloop.data.inspection.look import Look, Seen
from segloop.utils.errors import DataError
from tests.data.inspection.sets import LABELS, SIZE, THINGS, loaded, mapped, scene, with_objects, write


def look(*keys: object, labels=LABELS) -> list[Seen]:
    """Look at records as a worker does."""
    return pickle.loads(pickle.dumps(Look(loaded, labels)))(keys)


def test_what_is_drawn_is_measured_for_each_image_apart(tmp_path: Path) -> None:
    picture, mask = scene(0)
    speck = mask.copy()
    speck[3:5, 3:5] = 1
    one, other = look(
        mapped("a", write(tmp_path, "a", picture), mask, split="train"),
        mapped("b", write(tmp_path, "b", picture), speck),
    )
    assert (one.split, one.objects, one.flaws, one.labelled) == ("train", 1, (), True)
    assert other.objects == 2
    assert [(flaw.kind, flaw.label) for flaw in other.flaws] == [("specks", 1)]
    assert one.hash == other.hash != bytes(32)
    assert one.drawn != other.drawn
    assert one.fit is not None
    assert one.fit.ratio > 1.5


def test_objects_are_measured_as_maps_are(tmp_path: Path) -> None:
    picture, mask = scene(1)
    ring = np.zeros_like(mask)
    ring[60:90, 60:90] = 1
    ring[62:88, 62:88] = 0
    file = write(tmp_path, "a", picture)
    (seen,) = look(with_objects("a", file, [mask, ring]), labels=THINGS)
    assert seen.objects == 2
    assert [(flaw.kind, flaw.box_xyxy) for flaw in seen.flaws] == [("holes", (60, 60, 90, 90))]
    swapped, filled = look(
        with_objects("a", file, [ring, mask]),
        with_objects("a", file, [ring, mask, np.roll(ring // 2 + 1 - ring, 0) * (ring == 0)]),
        labels=THINGS,
    )
    assert swapped.drawn == seen.drawn
    assert [flaw.kind for flaw in filled.flaws if flaw.kind == "holes"] == []


def test_what_is_carried_and_not_drawn_or_has_no_pixel() -> None:
    empty = with_objects("a", None, [np.zeros((SIZE, SIZE), np.uint8)])
    points = Instance(label="fish", shape=Opaque("points", {}))
    record = ImageRecord(image_id="b", name="b.png", size_hw=(SIZE, SIZE), instances=(points,))
    nothing, carried = look(empty, record, labels=THINGS)
    assert (nothing.empty, nothing.labelled) == (("fish",), True)
    assert (carried.empty, carried.labelled) == ((), True)


def test_images_without_labels_and_wholly_ignored_ones() -> None:
    blank, void = look(
        mapped("a", None, np.zeros((9, 9), np.uint8)), mapped("b", None, np.full((9, 9), 255, np.uint8))
    )
    assert (blank.labelled, blank.void) == (False, False)
    assert (void.labelled, void.void) == (False, True)


def test_broken_files_and_labels_are_problems(tmp_path: Path) -> None:
    _, mask = scene(0)
    broken, fine = tmp_path / "broken.png", write(tmp_path, "fine", scene(0)[0])
    broken.write_bytes(fine.read_bytes()[:300])
    bad = DataError("b: the labels are upside down", image_id="b")
    cut, labels, gone, whole = look(
        mapped("a", broken, mask),
        bad,
        mapped("c", tmp_path / "gone.png", mask),
        mapped("d", fine, mask),
    )
    assert cut.problems[0][0] == "image"
    assert "truncated" in cut.problems[0][1]
    assert (labels.image_id, labels.problems) == ("b", (("labels", "b: the labels are upside down"),))
    assert "No such file" in gone.problems[0][1]
    assert (whole.problems, whole.decoded) == ((), True)


def test_pictures_of_16_bits_are_compared_as_others_are(tmp_path: Path) -> None:
    picture, mask = scene(0)
    (plain, deep) = look(
        mapped("a", write(tmp_path, "a", picture), mask),
        mapped("b", write(tmp_path, "b", picture.astype(np.uint16) * 16), mask),
    )
    assert plain.fit is not None
    assert deep.fit is not None
    assert abs(plain.fit.ratio - deep.fit.ratio) < 0.3
    assert np.unpackbits(np.frombuffer(plain.hash, np.uint8) ^ np.frombuffer(deep.hash, np.uint8)).sum() < 8
