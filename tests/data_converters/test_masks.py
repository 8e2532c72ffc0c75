"""Folders of masks are read whole, or with words for all that is wrong."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_converters import masks
from data_converters.base import ReadOptions
from segloop.data.annotations import Bitmap, ImageRecord, Instance, Label
from segloop.data.masks import encode
from segloop.data.png import encode_rgb
from segloop.utils.errors import DataError, UserError
from tests.data.masks.cases import RING
from tests.data_converters.damage import spoil_a_file
from tests.data_converters.masks_cases import (
    BLOCK,
    IMAGE,
    NUMBERS,
    SIZE,
    as_file,
    nucleus,
    numbered,
    pixels_of,
    put,
    trouble,
    write,
)

FULL = Instance(
    label='Cat, «one»\nand\r"two"',
    shape=Bitmap(SIZE, np.array([48], np.uint32)),
    attributes={"цвет": 'red, "dark"\n', "age": 3, "wild": True, "weight": 1.5, "owner": None},
    group=4,
    z_order=-2,
    score=0.1 + 0.2,
    crowd=True,
    occluded=True,
    source="auto",
    uid="x;1",
)


def test_keys_and_load_travel_to_another_process(tmp_path: Path) -> None:
    nucleus(tmp_path, "a", RING)
    source = masks.read(tmp_path, options=ReadOptions())
    load, keys = pickle.loads(pickle.dumps((source.load, source.keys)))
    np.testing.assert_array_equal(pixels_of(load(keys[0]))[0], RING)


def test_an_image_that_exif_turns_has_masks_of_the_turned_size(tmp_path: Path) -> None:
    folder = nucleus(tmp_path, "a", RING.T)
    exif = Image.Exif()
    exif[0x0112] = 6
    put(folder / "images/a.png", as_file(IMAGE, exif=exif))
    (record,) = masks.read(tmp_path, options=ReadOptions())
    assert record.size_hw == (8, 6)
    nucleus(tmp_path, "b", RING)
    put(tmp_path / "b/images/b.png", as_file(IMAGE, exif=exif))
    (problem,) = trouble(masks.read(tmp_path, options=ReadOptions()))["b"]
    assert "mask 8x6, image 6x8" in problem
    assert "EXIF orientation 6" in problem


def test_all_problems_of_an_image_are_told_together(tmp_path: Path) -> None:
    grey = RING.astype(np.uint8) * 255
    grey[4, 4] = 254
    folder = nucleus(tmp_path, "a", BLOCK[:4], encode_rgb(IMAGE), as_file(grey), as_file(grey)[:-20], b"")
    put(folder / "images/b.png", IMAGE)
    (problems,) = trouble(masks.read(tmp_path, options=ReadOptions())).values()
    assert sorted(problems) == sorted(
        [
            "a/images/a.png and 1 more image(s) share a folder of masks; each needs a folder of its own "
            "with images/ and masks/, or a mask of object numbers of its name",
            "masks of another size than their image: a/masks/0.png: mask 8x4, image 8x6 (width x height)",
            "masks with colours in place of class indices: a/masks/1.png: mode RGB",
            "a/masks/2.png: 1 pixels are neither 0 nor 255, 254 for one; "
            "a mask of one object has one value beside 0",
            *[problem for problem in problems if "cannot be read whole" in problem],
        ]
    )
    assert len(problems) == 6


def test_masks_of_a_class_are_not_taken_for_numbers(tmp_path: Path) -> None:
    numbered(tmp_path, "a", RING.astype(np.uint8) * np.uint8(255))
    with pytest.raises(DataError, match="0 and 255 alone: they tell what is an object, but not which one"):
        masks.read(tmp_path, options=ReadOptions())
    numbered(tmp_path, "a", RING.astype(np.uint8))
    assert "no mask holds more than one object" in masks.read(tmp_path, options=ReadOptions()).told[1]
    numbered(tmp_path, "b", NUMBERS)
    assert len(masks.read(tmp_path, options=ReadOptions()).told) == 1


def test_can_report_tables_that_do_not_fit_the_pictures(tmp_path: Path) -> None:
    nucleus(tmp_path, "a", RING, BLOCK)
    table = tmp_path / "objects.csv"
    header, high = "split,image_id,mask,label,score,attributes", ",a,0.png,cat,high,{}"
    table.write_text("\n".join([header, high, ",a,0.png,cat,,", ",a,x.png,cat,,", ",b,0.png,dog,,[1]", ""]))
    source = masks.read(tmp_path, options=ReadOptions())
    assert source.labels.names == ("cat", "dog")
    assert trouble(source) == {
        "a": (
            "objects.csv, line 3: '0.png' is there twice",
            "objects.csv does not know the object '1.png'",
            "objects.csv, line 4: there is no mask 'x.png'",
        ),
        "b": ("objects.csv, line 5: there are no masks of this image",),
    }
    table.write_text("\n".join([header, high, ",a,1.png,cat,,{]", ""]))
    assert [problem[:50] for problem in trouble(masks.read(tmp_path, options=ReadOptions()))["a"]] == [
        "objects.csv, line 2: score 'high' cannot be read (",
        "objects.csv, line 3: attributes '{]' cannot be rea",
    ]
    nucleus(tmp_path, "c", RING)
    assert trouble(masks.read(tmp_path, options=ReadOptions()))["c"] == (
        "objects.csv does not know this image",
    )
    with pytest.raises(DataError, match="names the labels already: cat"):
        masks.read(tmp_path, options=ReadOptions(labels=("dog",)))
    (tmp_path / "labels.csv").write_text("name,color,group\ndog,,\n")
    with pytest.raises(DataError, match=r"has labels that labels\.csv lacks: cat"):
        masks.read(tmp_path, options=ReadOptions())


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_no_damage_ends_in_anything_but_words(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("fuzz")
    objects = (replace(FULL, shape=Bitmap(SIZE, encode(RING))),)
    shown = [ImageRecord(image_id="a", name="a.png", size_hw=SIZE, split="s", instances=objects)]
    write(root / "set", shown, [Label(FULL.label, (1, 2, 3))], numbers=data.draw(st.booleans()))
    spoil_a_file(data, root / "set")
    try:
        for record in masks.read(root / "set", options=ReadOptions()):
            assert all(int(each.sum()) <= 48 for each in pixels_of(record))
    except UserError:
        pass
