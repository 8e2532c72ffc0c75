"""The tables beside the pictures give back what pictures cannot hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_converters import masks
from data_converters.base import ReadOptions
from segloop.data.annotations import Bitmap, ImageRecord, Instance, Label
from segloop.data.masks import encode
from segloop.utils.errors import FormatError
from tests.data.masks.cases import RING
from tests.data_converters.masks_cases import (
    BLOCK,
    IMAGE,
    SIZE,
    nucleus,
    put,
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


@pytest.mark.parametrize("numbers", [False, True])
def test_all_that_the_tables_hold_comes_back(tmp_path: Path, numbers: bool) -> None:
    shapes = [Bitmap(SIZE, encode(each)) for each in (RING, BLOCK & ~RING)]
    objects = (replace(FULL, shape=shapes[0]), Instance(label="dog", shape=shapes[1]))
    labels = (Label("dog", (1, 2, 255), group="animal"), Label(FULL.label), Label("unused"))
    shown = [
        ImageRecord(image_id="a/1", name="a/1.png", size_hw=SIZE, split="сплит", instances=objects),
        ImageRecord(image_id="a/2", name="a/2.png", size_hw=SIZE, split="train", file=tmp_path / "x.png"),
    ]
    put(tmp_path / "x.png", IMAGE)
    write(tmp_path / "set", shown, labels, numbers=numbers)
    source = masks.read(tmp_path / "set", options=ReadOptions())
    assert (source.labels.labels, source.told) == (labels, ())
    empty, back = sorted(source, key=lambda each: len(each.instances))
    assert (back.image_id, back.split, empty.image_id, empty.split) == ("a/1", "сплит", "a/2", "train")
    assert empty.file is not None
    for found, wanted in zip(back.instances, objects, strict=True):
        assert replace(found, shape=wanted.shape) == replace(wanted, shape=wanted.shape)
        np.testing.assert_array_equal(found.shape.runs, wanted.shape.runs)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("objects.csv", "image_id,mask\n", "line 1: expected split,image_id,mask or number,label,score"),
        ("objects.csv", "split,image_id,mask,label,size\n", "line 1: expected"),
        ("objects.csv", "split,image_id,mask,label\n,a,0.png\n", "line 2: 3 columns, not 4"),
        (
            "objects.csv",
            'split,image_id,mask,label\n,a,"0.png\n',
            "line 2: not a CSV in UTF-8",
        ),
        ("objects.csv", "", "line 1: expected"),
        ("labels.csv", "name,color\n", "line 1: expected name,color,group"),
        (
            "labels.csv",
            "name,color,group\ncat,red,\n,,\ncat\n",
            "(?s)3 .*'red' is no colour.*no name.*1 col",
        ),
        ("labels.csv", "name,color,group\ncat,,\ncat,,\n", "line 3: the label 'cat' is there twice"),
    ],
)
def test_can_report_tables_that_are_none(tmp_path: Path, name: str, text: str, words: str) -> None:
    nucleus(tmp_path, "a", RING)
    (tmp_path / "objects.csv").write_text("split,image_id,mask,label\n,a,0.png,cat\n")
    (tmp_path / name).write_text(text)
    with pytest.raises(FormatError, match=words):
        masks.read(tmp_path, options=ReadOptions())


def test_a_table_that_is_no_text_is_told(tmp_path: Path) -> None:
    nucleus(tmp_path, "a", RING)
    (tmp_path / "objects.csv").write_bytes(b"split,image_id,mask,label\n\xff\xfe\n")
    with pytest.raises(FormatError, match="not a CSV in UTF-8"):
        masks.read(tmp_path, options=ReadOptions())
