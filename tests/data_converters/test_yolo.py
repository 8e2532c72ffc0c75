"""YOLO's texts of outlines."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters.base import BadRecord, ReadOptions
from data_converters.detect import detect
from data_converters.yolo import read
from segloop.data.annotations import Box, Polygon
from segloop.utils.errors import DataError, FormatError

TRIANGLE = "1 0.1 0.25 0.5 0.25 0.5 0.75\n"


def put(root: Path, name: str, text: str | None, *, names: str = "names: [bolt, nut]\n") -> None:
    """Write an image of 10x8, its text where there is one, and data.yaml."""
    image = root / name
    image.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((8, 10, 3), np.uint8)).save(image)
    if text is not None:
        file = root / name.replace("images", "labels").replace(image.suffix, ".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (root / "data.yaml").write_text(f"train: ../train/images\n{names}", encoding="utf-8")


@pytest.mark.parametrize("layout", ["{}/images/a.jpg", "images/{}/a.jpg"])
def test_outlines_are_shares_of_the_image_and_folders_splits(layout: str, tmp_path: Path) -> None:
    put(tmp_path, layout.format("train"), TRIANGLE + "\n0 0.5 0.5 0.2 0.5\n")
    put(tmp_path, layout.format("valid"), None, names="names:\n  1: nut\n  0: bolt\n")
    assert detect(tmp_path)[0] == "yolo"
    images = read(tmp_path, options=ReadOptions())
    assert images.labels.names == ("bolt", "nut")
    assert images.told == ("1 image(s) have no text and so no object: a.jpg",)
    first, second = images
    assert [(each.split, each.image_id) for each in (first, second)] == [("train", "a"), ("val", "a")]
    outline, box = first.instances
    assert isinstance(outline.shape, Polygon)
    assert (outline.label, outline.shape.rings[0].tolist()) == ("nut", [[1, 2], [5, 2], [5, 6]])
    assert (box.label, box.shape) == ("bolt", Box((4.0, 2.0, 6.0, 6.0)))
    assert second.instances == ()
    picked = read(tmp_path, options=ReadOptions(split="train"))
    assert ([each.split for each in picked], picked.told) == (["train"], ())


@pytest.mark.parametrize("names", ["names: [no, 01]\n", "names:\n  1: 01\n  0: no\n"])
def test_names_are_texts_as_they_are_written(names: str, tmp_path: Path) -> None:
    put(tmp_path, "images/a.png", TRIANGLE, names=names)
    assert read(tmp_path, options=ReadOptions()).labels.names == ("no", "01")


@pytest.mark.parametrize("number", ["1.0", "1.000000000000000000e+00"])
def test_a_class_may_be_written_as_numpy_writes_numbers(number: str, tmp_path: Path) -> None:
    put(tmp_path, "images/a.png", TRIANGLE.replace("1 ", f"{number} ", 1))
    (image,) = read(tmp_path, options=ReadOptions())
    assert [each.label for each in image.instances] == ["nut"]


def test_two_images_of_one_text_are_told(tmp_path: Path) -> None:
    for name in ("images/a.jpg", "images/a.png"):
        put(tmp_path, name, TRIANGLE)
    with pytest.raises(
        DataError, match=r"several files of one image; .*\n  a: images/a\.jpg and images/a\.png"
    ):
        read(tmp_path, options=ReadOptions())


def test_texts_without_an_image_are_told(tmp_path: Path) -> None:
    put(tmp_path, "images/train/a.png", TRIANGLE)
    for name in ("train/lost.txt", "classes.txt"):
        (tmp_path / "labels" / name).write_text(TRIANGLE, encoding="utf-8")
    images = read(tmp_path, options=ReadOptions())
    assert images.told == ("1 text(s) have no image and are left out: labels/train/lost.txt",)


def test_what_is_wrong_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    put(tmp_path, "images/a.png", "2 0 0 1 0 1 1\n0 0 0 1\n0 3 4 50 6 7 8\n0 0.5 0.5 0 0.1\nx\n")
    with pytest.raises(BadRecord) as caught:
        list(read(tmp_path, options=ReadOptions()))
    for words in (
        "a.txt, line 1: there is no class 2; there are 2",
        "line 2: 3 numbers are no outline",
        "line 3: its numbers are not shares",
        "line 4: a box without area",
        "line 5: there is no class x",
    ):
        assert words in str(caught.value)


def test_folders_that_are_not_yolos_are_told(tmp_path: Path) -> None:
    put(tmp_path, "pics/a.png", None, names="names: 7\n")
    with pytest.raises(FormatError, match="neither a list nor numbered"):
        read(tmp_path, options=ReadOptions())
    with pytest.raises(DataError, match=r"data\.yaml is a file; name the folder that it lies in"):
        read(tmp_path / "data.yaml", options=ReadOptions())
    put(tmp_path, "pics/a.png", None, names="names: [a, '']\n")
    with pytest.raises(FormatError, match="one of its names is '', no text"):
        read(tmp_path, options=ReadOptions())
    put(tmp_path, "pics/a.png", None)
    with pytest.raises(DataError, match="no folder images"):
        read(tmp_path, options=ReadOptions())
    put(
        tmp_path,
        "images/a.png",
        "0 0.5 0.5 0.4 0.4 0.3 0.3 0.7 0.7\n",
        names="names: [a]\nkpt_shape: [2, 2]\n",
    )
    with pytest.raises(DataError, match="a set of poses"):
        read(tmp_path, options=ReadOptions())
    (tmp_path / "data.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(DataError, match="no YAML with names"):
        read(tmp_path, options=ReadOptions())
