"""The drawn download is what the authors' looks like: names, colours, boxes, fine and coarse masks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from data_converters.base import ReadOptions
from data_converters.prepare.spacecraft import LAST_FINE
from data_converters.spacecraft import read
from segloop.data.demo.dice import Dice
from segloop.data.demo.spacecraft import native
from segloop.data.demo.spacecraft.native import COLORS, SPECK, draw_labels, draw_native, number_scenes
from segloop.data.demo.spacecraft.scene import draw_scene
from segloop.data.digests import file_digest
from segloop.utils.errors import DataError

SMALL = {"train": 6, "val": 1}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "native"
    draw_native(root, counts=SMALL, size=64, workers=1)
    return root


def tree(root: Path) -> dict[str, bytes]:
    return {
        file.relative_to(root).as_posix(): file_digest(file)
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }


def test_files_are_named_as_the_authors_name_theirs(drawn: Path) -> None:
    numbers = {"train": [0, 1003, 1004, 1005, 1006, 1007], "val": [1]}
    wanted = {
        f"{folder}/{split}/img_resize_{number}{tail}.png"
        for split, several in numbers.items()
        for number in several
        for folder, tail in (("images", ""), ("mask", "_mask"))
    }
    assert set(tree(drawn)) == {*wanted, "all_bbox.txt"}


def test_our_own_reader_finds_nothing_wrong(drawn: Path) -> None:
    found = read(drawn, options=ReadOptions())
    assert found.told == ()
    records = list(found)
    assert [record.split for record in records] == ["train"] * 6 + ["val"]
    groups = [each.group for record in records for each in record.instances]
    assert None not in groups
    assert {each.label for record in records for each in record.instances} == set(found.labels.names)


def test_masks_have_four_colours_and_no_specks(drawn: Path) -> None:
    for file in sorted((drawn / "mask").rglob("*.png")):
        with Image.open(file) as image:
            assert image.mode == "RGB"
            pixels = np.asarray(image)
        for color in np.unique(pixels.reshape(-1, 3), axis=0):
            assert color.tolist() in COLORS.tolist()
            if color.any():
                same = (pixels == color).all(axis=2).astype(np.uint8)
                facts = cv2.connectedComponentsWithStats(same, connectivity=8)[2]
                assert facts[1:, cv2.CC_STAT_AREA].min() >= SPECK


def test_any_number_of_workers_draws_the_same_bytes(drawn: Path, tmp_path: Path) -> None:
    draw_native(tmp_path / "again", counts=SMALL, size=64, workers=2)
    assert tree(tmp_path / "again") == tree(drawn)


def test_a_failure_leaves_nothing_and_wishes_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="train=0"):
        draw_native(tmp_path / "set", counts={"train": 0})
    monkeypatch.setattr(native, "encode_rgb", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        draw_native(tmp_path / "set", counts={"train": 1}, size=64, workers=1)
    assert list(tmp_path.iterdir()) == []


def test_numbers_tell_fine_from_coarse_however_many_there_are() -> None:
    for counts in ({"train": 2517, "val": 600}, {"train": 4000, "val": 900, "test": 50}, {"val": 3}):
        places = number_scenes(counts)
        assert len({place.number for place in places}) == sum(counts.values())
        assert all(place.fine == (place.number <= LAST_FINE) for place in places)
        assert len({(place.split, place.scene) for place in places}) == len(places)
    real = number_scenes({"train": 2517, "val": 600})
    assert sum(place.fine for place in real if place.split == "train") == 403
    assert all(place.fine for place in real if place.split == "val")


def test_coarse_masks_are_near_the_truth_and_not_the_truth() -> None:
    overlaps = []
    for index in range(6):
        scene = draw_scene(seed=0, split="train", index=index, size=192)
        fine, _ = draw_labels(scene, Dice(0, "hand", index), fine=True)
        coarse, _ = draw_labels(scene, Dice(0, "hand", index), fine=False)
        assert (fine != scene.parts).mean() < 0.003
        overlaps.append(((coarse > 0) & (fine > 0)).sum() / ((coarse > 0) | (fine > 0)).sum())
    assert 0.8 < np.mean(overlaps) < 0.97
    assert max(overlaps) < 1


def test_boxes_are_tight_with_the_maximum_first() -> None:
    scene = draw_scene(seed=0, split="train", index=3, size=64)
    parts, boxes = draw_labels(scene, Dice(0, "hand", 3), fine=True)
    rows, columns = np.nonzero(parts)
    corners = np.array(boxes)
    assert corners[:, :2].max(axis=0).tolist() == [columns.max(), rows.max()]
    assert corners[:, 2:].min(axis=0).tolist() == [columns.min(), rows.min()]
    assert (corners[:, :2] >= corners[:, 2:]).all()
