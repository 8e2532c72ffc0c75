"""Images and masks of their classes, read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters.base import BadRecord, ReadOptions
from data_converters.pairs import read
from segloop.utils.errors import DataError


def put(file: Path, pixels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def test_masks_of_0_and_255_become_an_index_map(tmp_path: Path) -> None:
    put(tmp_path / "images" / "1.png", np.zeros((2, 3, 3), np.uint8))
    put(tmp_path / "masks" / "1.png", np.array([[0, 255, 255], [0, 0, 0]], np.uint8))
    images = read(tmp_path, options=ReadOptions())
    (record,) = images
    assert images.labels.names == ("background", "foreground")
    assert record.semantic is not None
    assert record.semantic.tolist() == [[0, 1, 1], [0, 0, 0]]
    assert record.name == "1.png"


def test_a_file_of_classes_that_is_passed_over_is_told_where_it_would_have_named_them(tmp_path: Path) -> None:
    put(tmp_path / "images/a.png", np.zeros((4, 5, 3), np.uint8))
    put(tmp_path / "masks/a.png", np.eye(4, 5, dtype=np.uint8)[..., None] * np.array([255, 0, 0], np.uint8))
    (tmp_path / "class_dict.csv").write_bytes("name,r,g,b\ngrund,0,0,0\nöl,255,0,0\n".encode("cp1252"))
    told = "class_dict.csv is passed over: it is no UTF-8 text"
    assert told in read(tmp_path, options=ReadOptions()).told
    assert told not in read(tmp_path, options=ReadOptions(labels=("grund", "öl"))).told


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("name,r,g,b\nbg,0,0,0\nleaf,0,255,0\nrust,255,0,0\nsky,0,0,255\n", ("bg", "rust", "leaf")),
        ("id,name,r,g,b\n0,bg,0,0,0\n1,leaf,0,255,0\n2,rust,255,0,0\n", ("bg", "leaf", "rust")),
        ("name,r,g,b\nbg,0,0,0\nleaf,0,255,0\nrust,9,9,9\n", ("bg", "leaf", "rust")),
    ],
)
def test_a_file_of_colours_alone_is_of_the_colours_of_palettes(
    tmp_path: Path, text: str, names: tuple
) -> None:
    put(tmp_path / "images/a.png", np.zeros((1, 4, 3), np.uint8))
    mask = Image.fromarray(np.array([[0, 1, 2, 255]], np.uint8))
    mask.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0] + [7] * 759)
    (tmp_path / "masks").mkdir()
    mask.save(tmp_path / "masks/a.png")
    (tmp_path / "class_dict.csv").write_text(text, encoding="utf-8")
    images = read(tmp_path, options=ReadOptions())
    (record,) = images
    assert record.semantic is not None
    found = record.semantic[0].tolist()
    assert tuple(images.labels.names[place] for place in found[:3]) == names
    assert found[3] == 255


def test_numbers_of_classes_in_jpegs_are_told(tmp_path: Path) -> None:
    put(tmp_path / "images/a.png", np.zeros((16, 16, 3), np.uint8))
    mask = np.zeros((16, 16), np.uint8)
    mask[:, 8:] = 2
    put(tmp_path / "masks/a.jpg", mask)
    told = "1 mask(s) are JPEGs, which blur numbers of classes: look at what became of them"
    assert told in read(tmp_path, options=ReadOptions()).told
    put(tmp_path / "masks/a.jpg", np.kron(np.eye(4), np.ones((4, 4))).astype(np.uint8) * 255)
    assert told not in read(tmp_path, options=ReadOptions()).told


def test_all_that_is_wrong_with_a_pair_is_told_together(tmp_path: Path) -> None:
    for name in ("1", "2"):
        put(tmp_path / "images" / f"{name}.png", np.zeros((2, 3, 3), np.uint8))
        put(tmp_path / "masks" / f"{name}.png", np.array([[0, 1]], np.uint8))
    (tmp_path / "masks" / "2.png").write_bytes(b"broken")
    images = read(tmp_path, options=ReadOptions())
    with pytest.raises(BadRecord, match="the image is 3x2, its mask 2x1"):
        images.load(images.keys[0])
    with pytest.raises(BadRecord, match=r"2\.png"):
        images.load(images.keys[1])


def test_masks_of_which_none_can_be_read_are_told_with_the_reason(tmp_path: Path) -> None:
    for number in range(2):
        put(tmp_path / "images" / f"{number}.png", np.zeros((2, 3, 3), np.uint8))
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray(np.eye(2, 3, dtype=np.float32)).save(tmp_path / "masks" / f"{number}.tif")
    with pytest.raises(DataError, match=r"(?s)No mask can be read.*0\.tif: floating-point numbers.*1\.tif"):
        read(tmp_path, options=ReadOptions())


def test_a_mask_of_half_the_size_is_told_what_to_do(tmp_path: Path) -> None:
    put(tmp_path / "images" / "1.png", np.zeros((4, 6, 3), np.uint8))
    put(tmp_path / "masks" / "1.png", np.eye(2, 3, dtype=np.uint8))
    images = read(tmp_path, options=ReadOptions())
    with pytest.raises(
        BadRecord, match="its mask 3x2: resize the mask, without smoothing, or the image to 3x2"
    ):
        images.load(images.keys[0])


def test_a_glance_says_what_a_reading_does_without_decoding_the_mask_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "images" / "1.png", np.zeros((2, 3, 3), np.uint8))
    put(tmp_path / "masks" / "1.png", np.array([[0, 255, 255], [0, 0, 0]], np.uint8))
    put(tmp_path / "images" / "2.png", np.zeros((3, 3, 3), np.uint8))
    put(tmp_path / "masks" / "2.png", np.array([[0, 255]], np.uint8))
    images = read(tmp_path, options=ReadOptions())
    whole = images.load(images.keys[0])
    with pytest.raises(BadRecord) as wrong:
        images.load(images.keys[1])
    monkeypatch.setattr("data_converters.pairs_masks.decode", None)
    record, pixels = images.load.glance(images.keys[0])
    assert pixels == {0: 4, 1: 2}
    assert (record.image_id, record.file, record.size_hw) == (whole.image_id, whole.file, whole.size_hw)
    with pytest.raises(BadRecord, match="the image is 3x3, its mask 2x1") as glanced:
        images.load.glance(images.keys[1])
    assert glanced.value.problems == wrong.value.problems
