"""Trees and predictions are written as Cityscapes' own tools read them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_converters import cityscapes
from data_converters.base import BadRecord, Rendered, WriteOptions
from segloop.data.annotations import Bitmap, ImageRecord, Instance, Label, LabelSet
from segloop.data.masks import encode
from segloop.utils.errors import UserError
from tests.data.masks.cases import bitmaps
from tests.data_converters.cityscapes_cases import NAME, SIZE, objects, read

LABELS = LabelSet(tuple(map(Label, ("person", "car", "road", "kiosk"))))
IMAGE_ID = f"{NAME}_leftImg8bit"


def thing(label: str, left: int, right: int, **more: Any) -> Instance:
    """Return an object of whole columns."""
    pixels = np.zeros(SIZE, bool)
    pixels[:, left:right] = True
    return Instance(label=label, shape=Bitmap(SIZE, encode(pixels)), **more)


def record(*instances: Instance, image_id: str = IMAGE_ID, **more: Any) -> ImageRecord:
    return ImageRecord(
        image_id=image_id, name=f"{image_id}.png", size_hw=SIZE, instances=tuple(instances), **more
    )


def write(
    target: Path, *records: ImageRecord, labels: LabelSet = LABELS, **options: Any
) -> tuple[list[Rendered], list[str]]:
    """Write records as a converter with several processes does."""
    writer = cityscapes.writer(labels, facts={}, options=WriteOptions(**options))
    rendered = [pickle.loads(pickle.dumps(writer)).render(each) for each in records]
    writer.open(target)
    for each in rendered:
        writer.add(each)
    writer.close()
    return rendered, writer.told


def losses(rendered: Rendered) -> dict[str, int]:
    return {each.kind: each.count for each in rendered.losses if each.kind != "image-files"}


def pixels_of(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image)


def test_maps_hold_ids_as_cityscapes_numbers_them(tmp_path: Path) -> None:
    shown = record(
        thing("car", 0, 2),
        thing("car", 2, 4),
        thing("person", 4, 6, crowd=True),
        thing("road", 6, 8),
        thing("kiosk", 8, 9),
        ignore=thing("car", 10, 12).shape,
        split="val",
    )
    (rendered,), told = write(tmp_path, shown)
    stem = tmp_path / "gtFine/val" / f"{NAME}_gtFine_"
    ids = pixels_of(Path(f"{stem}instanceIds.png"))
    assert ids[0].tolist() == [26000, 26000, 26001, 26001, 24, 24, 7, 7, 34000, 35, 0, 0]
    assert ids.dtype.itemsize == 2 or ids.dtype == np.int32
    classes = pixels_of(Path(f"{stem}labelIds.png"))
    assert classes[0].tolist() == [26, 26, 26, 26, 24, 24, 7, 7, 34, 35, 0, 0]
    assert (rendered.instances, rendered.pixels) == (4, 9 * 8)
    assert losses(rendered) == {"flat-objects": 1}
    assert not told
    (again,) = read(tmp_path)
    assert [label for label, _, _ in objects(again)] == ["car", "car", "kiosk", "person"]


def test_what_is_hidden_or_covered_is_counted(tmp_path: Path) -> None:
    shown = record(
        thing("car", 0, 4),
        thing("car", 2, 6, z_order=-1),
        thing("person", 0, 3, z_order=-2),
        thing("person", 3, 7, crowd=True, z_order=9),  # what stands before a crowd is seen
        thing("person", 8, 9, crowd=True),
        thing("car", 11, 12),
        ignore=thing("car", 11, 12).shape,
    )
    (rendered,), told = write(tmp_path, shown)
    assert losses(rendered) == {
        "covered-pixels": 8 * (2 + 3 + 3 + 1),
        "hidden-objects": 2,
        "joined-crowds": 1,
    }
    assert (rendered.instances, rendered.pixels) == (3, 8 * 8)
    assert "written as split 'train'" in told[0]
    ids = pixels_of(tmp_path / "gtFine/train" / f"{NAME}_gtFine_instanceIds.png")
    assert ids[0].tolist() == [26000] * 4 + [26001] * 2 + [24, 35, 24, 35, 35, 0]


@settings(deadline=None, max_examples=30)
@given(shapes=st.lists(bitmaps(SIZE), max_size=4))
def test_no_pixel_moves(shapes: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("tree")
    owner = np.full(SIZE, -1)
    for number, each in enumerate(shapes):
        owner[each] = number
    given_ = [Instance(label="car", shape=Bitmap(SIZE, encode(each))) for each in shapes]
    write(target, record(*given_))
    (again,) = read(target)
    left = [owner == number for number in range(len(shapes)) if (owner == number).any()]
    for (_, _, pixels), expected in zip(objects(again), left, strict=True):
        np.testing.assert_array_equal(pixels, expected)
    assert again.ignore is None


def test_an_index_map_becomes_objects_but_for_classes_without_them(tmp_path: Path) -> None:
    semantic = np.full(SIZE, 2, np.uint8)
    semantic[0, 0], semantic[0, 2], semantic[5] = 1, 1, 255
    shown = ImageRecord(image_id="a", name="a.png", size_hw=SIZE, semantic=semantic)
    (rendered,), _ = write(tmp_path, shown)
    assert (rendered.instances, losses(rendered)) == (2, {})
    (again,) = read(tmp_path, semantic=True)
    assert again.semantic is not None
    assert again.semantic[0, :4].tolist() == [1, 2, 1, 2]
    assert (again.semantic[5] == 255).all()


def test_names_without_a_city_come_back(tmp_path: Path) -> None:
    names = ("a/1", "1", "two words/Ж & [x]", "a_gtFine", IMAGE_ID)
    write(tmp_path, *(record(thing("car", 0, 1), image_id=name) for name in names))
    assert sorted(each.image_id for each in read(tmp_path)) == sorted(names)
    with pytest.raises(BadRecord, match="another image has the file"):
        write(tmp_path / "two", record(image_id="a"), record(image_id="a_leftImg8bit"))


def test_can_report_what_cannot_be_written(tmp_path: Path) -> None:
    shown = record(thing("cat", 0, 1), image_id="../a", split="a/b")
    with pytest.raises(BadRecord) as told:
        write(tmp_path, shown)
    assert len(told.value.problems) == 3
    assert "Did you mean 'car'?" in told.value.problems[2]
    with pytest.raises(BadRecord, match="its size is not known"):
        write(tmp_path, ImageRecord(image_id="a", name="a.png"))
    pixels = np.arange(1600).reshape(40, 40)
    several = [Instance(label="car", shape=Bitmap((40, 40), encode(pixels == n))) for n in range(1001)]
    with pytest.raises(BadRecord, match="1001 objects of 'car'; ids have room for 1000"):
        write(tmp_path, ImageRecord(image_id="a", name="a.png", size_hw=(40, 40), instances=tuple(several)))


def test_predictions_are_what_the_official_evaluation_reads(tmp_path: Path) -> None:
    shown = record(
        thing("car", 0, 4, score=0.25), thing("person", 2, 6, score=0.1 + 0.2), thing("kiosk", 7, 8)
    )
    (rendered,), told = write(tmp_path, shown, results=True)
    lines = (tmp_path / f"{IMAGE_ID}_pred.txt").read_text().splitlines()
    folder = IMAGE_ID.rpartition("/")[2]
    assert lines == [
        f"{folder}/000_26.png 26 0.25",
        f"{folder}/001_24.png 24 0.30000000000000004",
        f"{folder}/002_34.png 34 1.0",
    ]
    for line, expected in zip(lines, (slice(0, 4), slice(2, 6), slice(7, 8)), strict=True):
        mask = np.zeros(SIZE, bool)
        mask[:, expected] = True
        file = (tmp_path / IMAGE_ID).parent / line.split(" ")[0]
        np.testing.assert_array_equal(pixels_of(file) != 0, mask)
    assert losses(rendered) == {"objects-without-score": 1}
    assert told == ["the official evaluation does not know the label(s) kiosk"]
    (again,) = read(tmp_path, results=True)
    assert [(each.label, each.score) for each in again.instances] == [
        ("car", 0.25),
        ("person", 0.1 + 0.2),
        ("kiosk", 1.0),
    ]


def test_paths_of_masks_hold_no_blanks(tmp_path: Path) -> None:
    names = ("two words/a b%20", "two words/a b%20/1")
    write(tmp_path, *(record(thing("car", 0, 1, score=1.0), image_id=name) for name in names), results=True)
    for name in names:
        (line,) = (tmp_path / f"{name}_pred.txt").read_text().splitlines()
        assert len(line.split(" ")) == 3
    assert sorted(each.image_id for each in read(tmp_path, results=True)) == sorted(names)


def test_images_without_predictions_have_an_empty_list(tmp_path: Path) -> None:
    (rendered,), _ = write(tmp_path, record(), results=True)
    assert (tmp_path / f"{IMAGE_ID}_pred.txt").read_text() == ""
    assert losses(rendered) == {"sizes": 1}


def test_options_that_are_no_way_are_refused() -> None:
    with pytest.raises(UserError, match="no way 'move'"):
        cityscapes.writer(LABELS, facts={}, options=WriteOptions(media="move"))
