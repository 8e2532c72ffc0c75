"""Counts of small sets against plain numpy, whoever counts and however many do."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import pytest

from segloop.data.annotations import ImageRecord
from segloop.data.statistics import Tally, gather
from segloop.utils.errors import DataError
from tests.data.statistics.sets import OBJECTS, SEMANTIC, labelled, object_set, semantic_map, semantic_set


def test_a_semantic_set_is_counted_as_by_hand(tmp_path: Path) -> None:
    images = semantic_set(tmp_path, 10)
    found = gather(images, workers=0).whole
    maps = np.stack([semantic_map(number) for number in range(10)])
    assert found.pixels.tolist() == [*np.bincount(maps.ravel(), minlength=3).tolist(), 0]
    assert found.images_with.tolist() == [10, 10, 5, 0]
    assert found.pixels_beside.tolist() == [24000, 24000, 12000, 0]
    assert found.objects.tolist() == [0, 10, 5]
    assert found.lines.tolist() == [0, 0, 5]
    assert found.together[1:, 1:].tolist() == [[10, 5], [5, 5]]
    assert found.per_image[-1] == {1: 5, 2: 5}
    everything = np.stack([cv2.imread(str(tmp_path / f"{number}.png")) for number in range(10)])
    pixels = everything.reshape(-1, 3)[:, ::-1].astype(np.float64)
    assert found.mean_rgb == pytest.approx(pixels.mean(axis=0))
    assert found.std_rgb == pytest.approx(pixels.std(axis=0))
    assert found.levels.sum() == pixels.size
    red = pixels[(maps == 1).ravel()].mean(axis=0)
    assert found.label_colors[1] / found.label_pixels[1] == pytest.approx(red)


def test_objects_may_overlap_have_holes_and_parts() -> None:
    found = gather(object_set(), workers=0).whole
    assert found.objects.tolist() == [4, 1]
    assert found.crowds == 1
    assert found.shared == 4
    assert found.holed.tolist() == [1, 0]
    assert found.split.tolist() == [1, 0]
    assert found.specks.tolist() == [0, 1]
    assert found.cut.tolist() == [1, 0]
    assert found.empty == 1
    assert found.pixels.tolist() == [36 + 32 + 60 + 9 + 32, 4, 3 * 32 * 32 - 173]
    assert found.decoded == 0
    assert found.mean_rgb is None


def test_any_number_of_workers_counts_the_same(tmp_path: Path) -> None:
    images = semantic_set(tmp_path, 70)  # three chunks
    one, two = gather(images, workers=0).whole, gather(images, workers=2).whole
    for each in fields(Tally):
        mine, theirs = getattr(one, each.name), getattr(two, each.name)
        if each.name == "traits":
            assert np.array_equal(np.concatenate(mine), np.concatenate(theirs))
        elif isinstance(mine, dict):
            assert all(np.array_equal(mine[key], theirs[key]) for key in mine)
        else:
            assert np.array_equal(mine, theirs), each.name


def test_splits_are_known_by_what_authors_call_them(tmp_path: Path) -> None:
    names = ("Test2017", "valid", "train2017")
    found = gather(semantic_set(tmp_path, 9, split=lambda number: names[number % 3]), workers=0)
    assert list(found.splits) == ["train2017", "valid", "Test2017"]
    assert (found.training[0], found.training[1].images, found.shown.images) == ("train2017", 3, 6)


def test_splits_are_apart_and_training_comes_first(tmp_path: Path) -> None:
    names = ("test", "val", "train")
    found = gather(semantic_set(tmp_path, 9, split=lambda number: names[number % 3]), workers=0)
    assert list(found.splits) == ["train", "val", "test"]
    assert [tally.images for tally in found.splits.values()] == [3, 3, 3]
    assert found.training[0] == "train"
    assert found.training[1].images == 3
    assert found.shown.images == 6, "nobody should get to know the test split"
    shown = {int(number) for number in found.shown.trait_table[:, 0]}
    assert not shown & {0, 3, 6}


def test_images_that_cannot_be_used_are_named_and_left_out(tmp_path: Path) -> None:
    good = semantic_set(tmp_path, 2)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    small = tmp_path / "small.png"
    cv2.imwrite(str(small), np.zeros((5, 5, 3), np.uint8))
    records = [
        good.load(0),
        ImageRecord(image_id="bad", name="bad.png"),
        ImageRecord(image_id="b", name="b.png", file=broken, size_hw=(40, 60), semantic=semantic_map(0)),
        ImageRecord(image_id="s", name="s.png", file=small, size_hw=(40, 60), semantic=semantic_map(0)),
        ImageRecord(image_id="v", name="v.png", size_hw=(1, 1), semantic=np.array([[7]], np.uint8)),
        ImageRecord(image_id="n", name="n.png"),
    ]
    found = gather(labelled(records, SEMANTIC), workers=0).whole
    assert found.images == 1
    assert found.bad_count == 5
    assert [image_id for image_id, _ in found.bad] == ["bad", "b", "s", "v", "n"]
    told = " ".join(problem for _, problem in found.bad)
    for word in ("broken", "decoded", "5x5", "no label: 7", "size"):
        assert word in told


def test_a_set_without_a_usable_image_is_an_error() -> None:
    bad = [ImageRecord(image_id=f"bad{number}", name="x") for number in range(3)]
    with pytest.raises(DataError, match=r"None of the 3 images(.|\n)*bad2"):
        gather(labelled(bad, OBJECTS), workers=0)
    with pytest.raises(DataError, match="no image"):
        gather(labelled([], OBJECTS), workers=0)


def test_progress_ends_at_all_images(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    gather(semantic_set(tmp_path, 40), workers=0, progress=lambda *now: told.append(now))
    assert told == [(32, 40), (40, 40)]
