"""What is written as folders of masks is whole, and is read back pixel by pixel."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from data_converters import masks, masks_writer
from data_converters.base import BadRecord, Loss, ReadOptions
from segloop.data.annotations import Bitmap, Box, ImageRecord, Instance, Label, Opaque, Polygon
from segloop.data.masks import encode
from segloop.data.png import encode_rgb
from segloop.utils.errors import UserError
from tests.data.masks.cases import RING, images
from tests.data_converters.masks_cases import pixels_of, write

LABELS = (Label("cat", (200, 0, 0)), Label("dog"))
SIZE = (6, 8)


def thing(mask: np.ndarray, label: str = "cat", **more: Any) -> Instance:
    return Instance(label=label, shape=Bitmap(mask.shape, encode(mask)), **more)


def record(*instances: Instance, image_id: str = "a", **more: Any) -> ImageRecord:
    given = {"name": f"{image_id}.png", "size_hw": SIZE, "split": "train", **more}
    return ImageRecord(image_id=image_id, instances=instances, **given)


def columns(left: int, right: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[:, left:right] = True
    return mask


def files_of(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_each_object_has_a_picture_as_in_the_bowl(tmp_path: Path) -> None:
    file = tmp_path / "x.png"
    file.write_bytes(encode_rgb(np.zeros((*SIZE, 3), np.uint8)))
    shown = record(thing(RING), thing(columns(0, 3), "dog"), image_id="sub/a", name="sub/a.PNG", file=file)
    (rendered,) = write(tmp_path / "set", [shown], LABELS)
    assert files_of(tmp_path / "set") == [
        "labels.csv",
        "objects.csv",
        "train/sub/a/images/a.PNG",
        "train/sub/a/masks/00001.png",
        "train/sub/a/masks/00002.png",
    ]
    with Image.open(tmp_path / "set/train/sub/a/masks/00001.png") as opened:
        assert opened.mode == "L"
        np.testing.assert_array_equal(np.asarray(opened), RING * np.uint8(255))
    assert (rendered.instances, rendered.pixels, rendered.losses) == (2, 31, ())
    assert (tmp_path / "set/train/sub/a/images/a.PNG").read_bytes() == file.read_bytes()
    assert (tmp_path / "set/labels.csv").read_text() == "name,color,group\ncat,#c80000,\ndog,,\n"
    assert (tmp_path / "set/objects.csv").read_text().splitlines()[1] == "train,sub/a,00001.png,cat,,,,,,,,"


def test_an_image_has_one_picture_of_numbers(tmp_path: Path) -> None:
    shown = record(thing(columns(0, 3)), thing(np.zeros(SIZE, bool)), thing(columns(5, 8), "dog"), split=None)
    (rendered,) = write(tmp_path, [shown], LABELS, numbers=True, media="none")
    assert files_of(tmp_path) == ["instances/a.png", "labels.csv", "objects.csv"]
    with Image.open(tmp_path / "instances/a.png") as opened:
        assert opened.mode == "I;16"
        np.testing.assert_array_equal(np.asarray(opened)[0], [1, 1, 1, 0, 0, 2, 2, 2])
    assert (rendered.instances, rendered.pixels, rendered.losses) == (2, 36, ())


def test_a_picture_of_numbers_needs_a_size(tmp_path: Path) -> None:
    write(tmp_path / "bare", [record(size_hw=None)], LABELS, media="none")
    with pytest.raises(BadRecord, match="its size is not known"):
        write(tmp_path, [record(size_hw=None)], LABELS, numbers=True, media="none")


def test_numbers_settle_overlaps_by_the_rule_and_count_what_is_covered(tmp_path: Path) -> None:
    shown = record(thing(columns(2, 4)), thing(columns(0, 5), "dog"), thing(columns(4, 6)))
    (rendered,) = write(tmp_path / "order", [shown], LABELS, numbers=True, media="none")
    assert rendered.losses == (
        Loss("covered-pixels", 12 + 6, "a: cat, 12 of 12 pixels"),
        Loss("hidden-objects", 1, "a: cat"),
    )
    assert (rendered.instances, rendered.pixels) == (2, 36)
    (back,) = masks.read(tmp_path / "order", options=ReadOptions())
    assert [
        (each.label, int(mask.sum())) for each, mask in zip(back.instances, pixels_of(back), strict=True)
    ] == [
        ("dog", 24),
        ("cat", 12),
    ]
    (rendered,) = write(tmp_path / "area", [shown], LABELS, numbers=True, media="none", overlap="area")
    assert rendered.losses == (Loss("covered-pixels", 18, "a: dog, 18 of 30 pixels"),)


def test_more_objects_than_16_bits_number_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert masks_writer.MOST_NUMBERS == 65_535
    monkeypatch.setattr(masks_writer, "MOST_NUMBERS", 2)
    with pytest.raises(BadRecord, match="3 objects, and 16 bits number at most 2 of them"):
        write(tmp_path, [record(*[thing(RING)] * 3)], LABELS, numbers=True)


def test_polygons_are_drawn_and_what_has_no_pixels_is_left_to_the_features(tmp_path: Path) -> None:
    square = Polygon((np.array([[1.0, 1], [3, 1], [3, 3], [1, 3]]),))
    shapes = [square, Box((0, 0, 2, 2)), Opaque("points", {})]
    shown = record(*(Instance(label="dog", shape=shape) for shape in shapes))
    for numbers in (False, True):
        (rendered,) = write(tmp_path / str(numbers), [shown], LABELS, numbers=numbers, media="none")
        assert (rendered.instances, rendered.pixels) == (1, 4)


def test_index_maps_become_objects(tmp_path: Path) -> None:
    semantic = columns(0, 2) + 2 * columns(4, 8).astype(np.uint8)
    labels = (Label("cat"), Label("dog"), Label("cow"))
    shown = record(semantic=semantic)
    (rendered,) = write(tmp_path, [shown], labels, media="none")
    assert rendered.instances == 3


def test_what_is_not_there_is_counted(tmp_path: Path) -> None:
    (rendered,) = write(tmp_path / "copy", [record()], LABELS)
    assert rendered.losses == (Loss("image-files", 1, "a"), Loss("sizes", 1, "a"))
    (rendered,) = write(tmp_path / "numbers", [record()], LABELS, numbers=True, media="none")
    assert rendered.losses == ()
    (back,) = masks.read(tmp_path / "numbers", options=ReadOptions())
    assert (back.size_hw, back.instances) == (SIZE, ())


def test_the_same_records_make_the_same_bytes_and_links_are_links(tmp_path: Path) -> None:
    file = tmp_path / "x.png"
    file.write_bytes(encode_rgb(np.zeros((*SIZE, 3), np.uint8)))
    shown = [record(thing(RING), image_id=name, file=file) for name in "ba"]
    for target in ("one", "two"):
        write(tmp_path / target, shown, LABELS, media="link")
    one, two = (
        [(tmp_path / each / name).read_bytes() for name in files_of(tmp_path / each)]
        for each in ("one", "two")
    )
    assert one == two
    assert (tmp_path / "one/train/a/images/a.png").is_symlink()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_id": "../a"}, "image '../a': it climbs out"),
        ({"image_id": "x/masks/a"}, "would be taken for the layout's"),
        ({"split": "instances"}, "split 'instances': a folder of that name"),
        ({"split": "a/b"}, "split 'a/b': it holds a '/'"),
        ({"name": "a", "file": Path("a")}, "a: a name without suffix"),
        ({"size_hw": None}, "its size is not known"),
    ],
)
def test_can_report_what_cannot_be_written(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRecord, match=re.escape(words)):
        write(tmp_path, [record(thing(RING), **changes)], LABELS)


@pytest.mark.parametrize("numbers", [False, True])
def test_two_images_of_one_place_are_refused(tmp_path: Path, numbers: bool) -> None:
    with pytest.raises(UserError, match="another image has the"):
        write(tmp_path, [record(thing(RING)), record(thing(RING))], LABELS, numbers=numbers, media="none")


def test_rows_do_not_wait_for_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks_writer, "TABLE_BLOCK", 10)
    shown = [record(thing(RING), image_id=name) for name in "abc"]
    write(tmp_path, shown, LABELS, media="none")
    assert len((tmp_path / "objects.csv").read_text().splitlines()) == 4


NAMES = ["R&D сцена 1 (копия)", "a/1", "b/1", "[x] — y", "007", "A", "a.b.c", "images/1", "instances/2"]


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize("split", [None, "train"])
def test_names_that_tools_trip_over_survive(tmp_path: Path, numbers: bool, split: str | None) -> None:
    shown = [record(thing(RING), image_id=name, split=split) for name in NAMES]
    write(tmp_path, shown, LABELS, numbers=numbers, media="none")
    back = list(masks.read(tmp_path, options=ReadOptions()))
    assert sorted(each.image_id for each in back) == sorted(NAMES)
    assert {each.split for each in back} == {split}


@settings(deadline=None, max_examples=30)
@given(images())
def test_pictures_of_objects_come_back_pixel_by_pixel(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[tuple[int, int], list[np.ndarray]]
) -> None:
    size_hw, drawn = case
    folder = tmp_path_factory.mktemp("set")
    shown = record(*(thing(mask) for mask in drawn), size_hw=size_hw)
    (rendered,) = write(folder, [shown], LABELS, media="none")
    (back,) = masks.read(folder, options=ReadOptions())
    assert (rendered.instances, rendered.pixels) == (len(drawn), sum(int(mask.sum()) for mask in drawn))
    assert back.size_hw == (size_hw if drawn else None)
    for found, mask in zip(pixels_of(back), drawn, strict=True):
        np.testing.assert_array_equal(found, mask)


@settings(deadline=None, max_examples=30)
@given(images())
def test_numbers_come_back_as_far_as_they_are_seen(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[tuple[int, int], list[np.ndarray]]
) -> None:
    size_hw, drawn = case
    folder = tmp_path_factory.mktemp("set")
    (rendered,) = write(
        folder, [record(*map(thing, drawn), size_hw=size_hw)], LABELS, media="none", numbers=True
    )
    (back,) = masks.read(folder, options=ReadOptions())
    seen = []
    for place, mask in enumerate(drawn):
        left = mask & ~np.any([np.zeros(size_hw, bool), *drawn[place + 1 :]], axis=0)
        seen += [left] if left.any() else []
    assert rendered.instances == len(seen)
    covered = sum(loss.count for loss in rendered.losses if loss.kind == "covered-pixels")
    assert rendered.pixels + covered == sum(int(mask.sum()) for mask in drawn)
    for found, mask in zip(pixels_of(back), seen, strict=True):
        np.testing.assert_array_equal(found, mask)
