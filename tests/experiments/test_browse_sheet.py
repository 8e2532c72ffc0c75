"""Browsed batches are written as PNGs and one sheet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from segloop.experiments.browse import Batch, Browsed, Classes, Shown
from segloop.experiments.browse_sheet import contents, write_sheet
from segloop.utils.errors import UserError

CLASSES = Classes(("sand", "fish"), ((0, 0, 0), (200, 30, 30)), background=0)
IMAGE = np.full((64, 64, 3), 90, np.uint8)


def mask() -> np.ndarray:
    """Return an index mask, a quarter fish, an eighth ignored."""
    found = np.zeros((64, 64), np.uint8)
    found[:32, :32] = 1
    found[56:] = 255
    return found


def browsed(*batches: Batch, semantic: bool = True) -> Browsed:
    """Return what a config would give."""
    return Browsed(
        "c/deep.py", "train", 3, semantic, CLASSES, ("Load", "Flip(prob=0.5)"), Path("w"), iter(batches)
    )


def test_each_image_is_a_png_and_the_sheet_tells_what_it_holds(tmp_path: Path) -> None:
    batch = Batch(
        (
            Shown("a.png", IMAGE, steps=("padded from 60x64",), mask=mask()),
            Shown("<b>.png", IMAGE, mask=mask() * 0),
        ),
        (2, 3, 64, 64),
        (0.1, 0.0, -0.1),
        (1.0, 1.0, 1.1),
    )
    sheet = write_sheet(browsed(batch), tmp_path / "out")
    text = sheet.read_text()
    assert cv2.imread(str(tmp_path / "out" / "000-01.png")).shape == (256, 512, 3)
    assert "The first batches of a training with seed 3" in text
    assert "fish 25.0%, ignored 12.5%" in text
    assert "padded from 60x64" in text
    assert "in 1 of 2 images" in text
    assert "Flip(prob=0.5)" in text
    assert "2x3x64x64" in text
    assert "&lt;b&gt;.png" in text
    assert "does not fit" not in text


def test_a_place_that_cannot_be_written_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(UserError, match="out cannot be written"):
        write_sheet(browsed(), tmp_path / "out")


@pytest.mark.parametrize("name", ["000-00.png", "index.html"])
def test_a_file_that_cannot_be_written_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / "out" / name).mkdir(parents=True)
    batch = Batch((Shown("a.png", IMAGE, mask=mask()),), (1, 3, 64, 64), (0.0,), (1.0,))
    with pytest.raises(UserError, match="out cannot be written: Is a directory"):
        write_sheet(browsed(batch), tmp_path / "out")


def test_a_sheet_of_a_list_does_not_pass_for_the_start_of_a_training(tmp_path: Path) -> None:
    batch = Batch((Shown("a.png", IMAGE, mask=mask()),), (1, 3, 64, 64), (0.0,), (1.0,))
    text = write_sheet(replace(browsed(batch), listed=True), tmp_path / "out").read_text()
    assert "Images of a LIST that are in split train, augmented and normalised." in text
    assert "first batches" not in text


def test_channels_that_were_not_normalised_are_told(tmp_path: Path) -> None:
    objects = Shown("a.png", IMAGE, labels=(1, 1), boxes_xyxy=np.array([[1, 1, 9, 9], [20, 20, 40, 40.0]]))
    batch = Batch((objects, Shown("b.png", IMAGE)), (2, 3, 64, 64), (110.0, 100.0, 90.0), (50.0, 50.0, 50.0))
    text = write_sheet(browsed(batch, semantic=False), tmp_path).read_text()
    assert "model.data_preprocessor" in text
    assert "1 of 2 images have no object" in text
    assert "fish 2" in text


def test_values_without_a_class_are_named() -> None:
    strange = mask()
    strange[40, :] = 9
    assert contents(Shown("a", IMAGE, mask=strange), CLASSES)["value 9"] == "1.6%"
