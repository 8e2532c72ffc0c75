"""What networks do not see of images."""

from pathlib import Path

import numpy as np
from PIL import Image

from data_converters.prepare.depths import told_of_depth


def test_images_of_16_bits_are_told_with_what_is_left_of_them(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 3315]], np.uint16)).save(tmp_path / "a.tif")
    (told,) = told_of_depth([tmp_path / "a.tif"])
    assert "values up to 3,315; a network here sees 8 bits, up to 12 of 255. That is nearly black." in told
    Image.fromarray(np.array([[0, 65_000]], np.uint16)).save(tmp_path / "b.png")
    (told,) = told_of_depth([tmp_path / "b.png"])
    assert told.endswith("up to 253 of 255")


def test_ordinary_images_are_not_told_of(tmp_path: Path) -> None:
    for name, shape in (("a.png", (2, 2, 4)), ("b.jpg", (2, 2, 3)), ("c.tif", (2, 2, 3))):
        Image.fromarray(np.zeros(shape, np.uint8)).save(tmp_path / name)
    assert told_of_depth([tmp_path / name for name in ("a.png", "b.jpg", "c.tif")]) == []
    Image.fromarray(np.zeros((2, 2, 4), np.uint8)).save(tmp_path / "d.tif")
    assert "sees the first three channels" in told_of_depth([tmp_path / "d.tif"])[0]
