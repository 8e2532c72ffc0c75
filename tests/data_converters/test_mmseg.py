"""mmseg's folders are read as checks would see them."""

from __future__ import annotations

import pickle
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_converters.base import ReadOptions
from data_converters.mmseg import read
from segloop.data.checks import check_semantic
from segloop.data.info import Files
from segloop.data.png import encode_grey, encode_indices, encode_rgb
from segloop.utils.errors import DataError, UserError
from tests.data_converters.mmseg_cases import IMAGE, MASK, NAMED, PALETTE, as_file, describe, put, trouble


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two training pairs and one for validation."""
    for place in ("train/a", "train/sub/c", "val/d"):
        put(tmp_path, place)
    return tmp_path


def test_keys_and_load_travel_to_another_process(root: Path) -> None:
    source = read(root, options=NAMED)
    load, keys = pickle.loads(pickle.dumps((source.load, source.keys)))
    np.testing.assert_array_equal(load(keys[2]).semantic, MASK)


def test_dataset_json_tells_classes_folders_and_facts(tmp_path: Path) -> None:
    put(tmp_path, "train/a")
    (tmp_path / "img_dir").rename(tmp_path / "photos")
    (tmp_path / "photos/train/a.png").rename(tmp_path / "photos/train/a_rgb.png")
    describe(tmp_path, images=Files("photos/{split}", "_rgb.png"), ignore_index=200)
    source = read(tmp_path, options=ReadOptions())
    assert source.labels.names == ("ground", "cat", "dog")
    assert [label.color for label in source.labels.labels] == PALETTE
    assert (source.labels.background, source.labels.ignore_index, source.told) == (0, 200, ())
    assert source.facts == {
        "name": "pets",
        "task": "multiclass",
        "source": "garden",
        "splits": {"train": 1},
    }
    assert [(each.image_id, each.name) for each in source] == [("a", "a_rgb.png")]
    with pytest.raises(DataError, match="names the classes already: ground, cat, dog"):
        read(tmp_path, options=NAMED)


def test_classes_without_names_are_counted_in_all_masks_and_coloured_by_the_palette(root: Path) -> None:
    put(root, "val/e", mask=np.full((6, 8), 4, np.uint8))
    put(root, "val/f", mask=np.full((6, 8), 255, np.uint8))
    source = read(root, options=ReadOptions())
    assert source.labels.names == ("class_0", "class_1", "class_2", "class_3", "class_4")
    assert [label.color for label in source.labels.labels[:3]] == PALETTE
    assert source.told[0] == (
        "nothing names the classes; they are called class_0 to class_4, and --labels names them"
    )
    assert "no class is called 'background'" in source.told[1]
    assert trouble(source) == {}


def test_of_masks_that_nobody_can_read_no_classes_are_told(tmp_path: Path) -> None:
    put(tmp_path, "train/a", mask=b"no picture")
    source = read(tmp_path, options=ReadOptions())
    assert source.labels.names == ()
    assert not any("called" in each.replace("is called", "") for each in source.told)


def test_numbers_of_objects_are_not_taken_for_classes(tmp_path: Path) -> None:
    put(tmp_path, "train/a", mask=encode_grey(np.full((6, 8), 5000, np.uint16)))
    with pytest.raises(DataError, match=r"values up to 5000.* read them as masks"):
        read(tmp_path, options=ReadOptions())


def test_grey_palette_one_bit_and_sixteen_bits_are_all_indices(tmp_path: Path) -> None:
    masks = {
        "grey": encode_grey(MASK),
        "palette": encode_indices(MASK, palette=PALETTE),
        "deep": encode_grey(MASK.astype(np.uint16)),
    }
    for name, data in masks.items():
        put(tmp_path, f"train/{name}", mask=data)
    put(tmp_path, "train/bit", mask=as_file(Image.fromarray(MASK > 0)))
    found = {each.image_id: each.semantic for each in read(tmp_path, options=NAMED)}
    for name in masks:
        np.testing.assert_array_equal(found[name], MASK)
    np.testing.assert_array_equal(found["bit"], MASK > 0)


def test_class_300_of_a_16_bit_mask_is_no_other_class(tmp_path: Path) -> None:
    mask = MASK.astype(np.uint16)
    mask[0] = 300
    put(tmp_path, "train/a", mask=encode_grey(mask))
    source = read(tmp_path, options=ReadOptions(labels=tuple(f"c{number}" for number in range(301))))
    assert source.labels.ignore_index == 65_535
    record = next(iter(source))
    assert record.semantic is not None
    assert record.semantic.dtype == np.uint16
    np.testing.assert_array_equal(record.semantic, mask)


def test_the_zero_label_is_dropped_as_mmseg_does_it(tmp_path: Path) -> None:
    mask = MASK.copy()
    mask[0] = 255
    put(tmp_path, "train/a", mask=mask)
    source = read(tmp_path, options=ReadOptions(labels=("cat", "dog"), reduce_zero_label=True))
    record = next(iter(source))
    wanted = np.where((mask == 0) | (mask == 255), 255, mask - 1)
    np.testing.assert_array_equal(record.semantic, wanted)
    assert "0 in the masks is ignored" in source.told[0]
    unnamed = read(tmp_path, options=ReadOptions(reduce_zero_label=True))
    assert unnamed.labels.names == ("class_0", "class_1")
    many = ReadOptions(labels=tuple(map(str, range(255))), reduce_zero_label=True)
    with pytest.raises(DataError, match=r"255 classes do not fit .* at most 254"):
        read(tmp_path, options=many)


def test_an_ignored_number_that_is_a_class_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "train/a")
    describe(tmp_path, ignore_index=1)
    with pytest.raises(DataError, match="ignore_index is 1, which is class 'cat' as well"):
        read(tmp_path, options=ReadOptions())
    describe(tmp_path, ignore_index=-100)
    with pytest.raises(DataError, match="ignore_index is -100, which no mask can hold"):
        read(tmp_path, options=ReadOptions())


def huge() -> bytes:
    header = struct.pack(">IIBBBBB", 1 << 15, 1 << 14, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    data = encode_grey(MASK)
    return data[:8] + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]


BROKEN = {
    "fractions": (as_file(Image.fromarray(MASK.astype(np.float32)), "TIFF"), "in place of .*: mode F"),
    "below 0": (
        as_file(Image.fromarray(MASK.astype(np.int32) - 1), "TIFF"),
        "outside the classes: .*-1 in 16 px",
    ),
    "values": (np.full((6, 8), 7, np.uint8), "masks with values outside the classes: ann_dir/train/b.png: 7"),
    "size": (MASK[:4], r"masks of another size than their image: .* mask 8x4, image 8x6"),
    "rgb": (encode_rgb(IMAGE), r"masks with colours in place of class indices: .*: mode RGB"),
    "cut": (encode_indices(MASK, palette=PALETTE)[:-20], r"masks that cannot be read whole: .*truncated"),
    "text": (b"hello", "masks that cannot be read whole: .*not an image"),
    "empty": (b"", "the file is empty"),
    "huge": (huge(), r"32768x16384 pixels; the limit is 268435456 in all"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_can_report_a_broken_mask_as_checks_do(root: Path, kind: str) -> None:
    mask, words = BROKEN[kind]
    put(root, "train/b", mask=mask)
    told = trouble(read(root, options=NAMED))
    assert list(told) == ["b"]
    assert len(told["b"]) == 1
    assert [*map(str, check_semantic(root, num_classes=3, cache=False, workers=1))] == list(told["b"])
    assert re.search(words, told["b"][0])


def test_numbers_of_classes_in_jpegs_are_refused(tmp_path: Path) -> None:
    _, mask = put(tmp_path, "train/a", mask=as_file(Image.fromarray(np.zeros_like(MASK)), "JPEG"))
    mask.rename(mask.with_suffix(".jpg"))
    describe(tmp_path, masks=Files("ann_dir/{split}", ".jpg"))
    assert trouble(read(tmp_path, options=ReadOptions())) == {
        "a": ("masks of class numbers that are JPEGs: ann_dir/train/a.jpg: not what was drawn",)
    }


def test_all_problems_of_a_pair_are_told_together(root: Path) -> None:
    put(root, "train/a", mask=np.full((4, 8), 9, np.uint8))
    assert [len(problems) for problems in trouble(read(root, options=NAMED)).values()] == [2]


def test_an_image_that_exif_turns_needs_a_turned_mask(root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = as_file(Image.fromarray(IMAGE), "JPEG", exif=exif)
    put(root, "train/b", image=turned, suffix=".jpg")
    put(root, "train/e", image=turned, suffix=".jpg", mask=np.ascontiguousarray(MASK.T))
    source = read(root, options=NAMED)
    told = trouble(source)
    assert "the image is turned on loading, as its EXIF orientation 6 says" in told.pop("b")[0]
    assert told == {}
    assert {key.image_id: key for key in source.keys}["e"].name == "e.jpg"
    (record,) = (source.load(key) for key in source.keys if key.image_id == "e")
    assert record.size_hw == (8, 6)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_no_damage_to_a_mask_ends_in_anything_but_words(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("fuzz")
    whole = encode_indices(MASK, palette=PALETTE[:2])
    kind = data.draw(st.sampled_from(["flip", "cut", "header"]))
    place = data.draw(st.integers(0, len(whole) - 1))
    broken = bytearray(whole)
    if kind == "cut":
        del broken[place:]
    elif kind == "flip":
        broken[place] ^= data.draw(st.integers(1, 255))
    else:
        broken[16 + place % 13] = data.draw(st.integers(0, 255))
        broken[29:33] = struct.pack(">I", zlib.crc32(broken[12:29]))
    put(root, "train/a", mask=bytes(broken))
    try:
        for record in read(root, options=NAMED):
            assert record.semantic is not None
            assert record.semantic.shape == (6, 8)
            assert record.semantic.max() <= 2
    except UserError:
        pass
