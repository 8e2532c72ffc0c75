"""Masks of colours become objects and index maps, and what the format has lost is told."""

from __future__ import annotations

import io
import pickle
import random
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters import cvat_mask
from data_converters.base import BadRecord, ReadOptions
from data_converters.cvat_mask import object_number
from segloop.data import masks
from segloop.data.annotations import Bitmap, ImageRecord
from segloop.data.png import encode_indices, encode_rgb
from segloop.utils.errors import FormatError, UserError
from tests.data_converters.cvat_cases import picture, write_zip

LABELMAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:255,0,0::\ndog:0,128,255::\n"
COLORS = np.array([[0, 0, 0], [255, 0, 0], [0, 128, 255]], np.uint8)
CLASSES = np.array([[0, 1, 1, 0, 2], [0, 1, 1, 0, 2], [1, 0, 0, 0, 2]])
OBJECTS = np.array([[0, 3, 3, 0, 1], [0, 3, 3, 0, 1], [2, 0, 0, 0, 1]])


def voc_colors(count: int = 256) -> np.ndarray:
    """Return VOC's colour map, as its development kit defines it."""
    colors = np.zeros((count, 3), np.uint8)
    for number in range(count):
        rest = number
        for bit in range(7, -1, -1):
            for channel in range(3):
                colors[number, channel] |= (rest >> channel & 1) << bit
            rest >>= 3
    return colors


def write_export(
    folder: Path,
    classes: bytes | None,
    objects: bytes | None,
    *,
    labelmap: str = LABELMAP,
    more: Mapping[str, bytes] | None = None,
) -> Path:
    """Write an export of one image, `sub/i`."""
    files: dict[str, str | bytes] = {
        "labelmap.txt": labelmap,
        "ImageSets/Segmentation/default.txt": "sub/i\n",
    }
    if classes is not None:
        files["SegmentationClass/sub/i.png"] = classes
    if objects is not None:
        files["SegmentationObject/sub/i.png"] = objects
    return write_zip(folder, {**files, **(more or {})})


def read_one(file: Path, **options: object) -> ImageRecord:
    found = cvat_mask.read(file, options=ReadOptions(**options))  # type: ignore[arg-type]
    (key,) = found.keys
    return pickle.loads(pickle.dumps(found.load))(pickle.loads(pickle.dumps(key)))


def saved(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def pixels_of(record: ImageRecord) -> list[tuple[str, list[list[int]]]]:
    found = []
    for each in record.instances:
        assert isinstance(each.shape, Bitmap)
        found.append((each.label, masks.decode(each.shape.runs, each.shape.size_hw).astype(int).tolist()))
    return found


def test_object_numbers_are_those_of_vocs_colours() -> None:
    packed = [int(r) << 16 | int(g) << 8 | int(b) for r, g, b in voc_colors().tolist()]
    assert [object_number(color) for color in packed] == list(range(256))


@pytest.mark.parametrize("palette", [False, True])
def test_an_export_as_cvat_writes_it(tmp_path: Path, palette: bool) -> None:
    voc = voc_colors()
    if palette:
        classes = encode_indices(CLASSES.astype(np.uint8), palette=COLORS)
        objects = encode_indices(OBJECTS.astype(np.uint8), palette=voc[:255])
    else:
        classes, objects = encode_rgb(COLORS[CLASSES]), encode_rgb(voc[OBJECTS])
    more = {"JPEGImages/sub/i.png": picture(5, 3)}
    record = read_one(write_export(tmp_path, classes, objects, more=more))
    assert (record.image_id, record.name, record.split, record.size_hw) == (
        "sub/i",
        "sub/i.png",
        None,
        (3, 5),
    )
    assert pixels_of(record) == [
        ("dog", (OBJECTS == 1).astype(int).tolist()),
        ("cat", (OBJECTS == 2).astype(int).tolist()),
        ("cat", (OBJECTS == 3).astype(int).tolist()),
    ]
    assert (record.semantic, record.remarks) == (None, ())


@pytest.mark.parametrize("kind", ["indices", "colours"])
def test_without_objects_there_is_an_index_map(tmp_path: Path, kind: str) -> None:
    grey = saved(Image.fromarray(CLASSES.astype(np.uint8)))
    file = write_export(tmp_path, grey if kind == "indices" else encode_rgb(COLORS[CLASSES]), None)
    found = cvat_mask.read(file, options=ReadOptions())
    assert found.told == ("There is no SegmentationObject/: images have index maps, and no objects.",)
    assert (found.labels.names, found.labels.background) == (("background", "cat", "dog"), 0)
    record = found.load(found.keys[0])
    assert record.semantic is not None
    assert (record.semantic.tolist(), record.semantic.dtype, record.instances) == (
        CLASSES.tolist(),
        np.uint8,
        (),
    )


def test_a_background_of_another_colour(tmp_path: Path) -> None:
    colors = np.array([[9, 9, 9], [255, 0, 0], [0, 128, 255]], np.uint8)
    labelmap = LABELMAP.replace("background:0,0,0", "background:9,9,9")
    record = read_one(
        write_export(
            tmp_path, encode_rgb(colors[CLASSES]), encode_rgb(voc_colors()[OBJECTS]), labelmap=labelmap
        )
    )
    assert len(record.instances) == 3
    record = read_one(write_export(tmp_path, encode_rgb(COLORS[CLASSES]), None, labelmap=labelmap))
    assert record.semantic is not None
    assert record.semantic.tolist() == CLASSES.tolist(), "black, which no label has, is none either"


def test_colours_that_nobody_declared_are_told_with_counts(tmp_path: Path) -> None:
    colors = COLORS.copy()
    colors[2] = 224, 224, 192
    with pytest.raises(BadRecord) as caught:
        read_one(write_export(tmp_path, encode_rgb(colors[CLASSES]), None))
    assert caught.value.problems == (
        "SegmentationClass/sub/i.png: 3 pixel(s) of the colour 224,224,192: not in labelmap.txt",
    )
    grey = saved(Image.fromarray(np.where(CLASSES == 2, 255, CLASSES).astype(np.uint8)))
    with pytest.raises(BadRecord, match=r"3 pixel\(s\) of the value 255, and there are 3 labels"):
        read_one(write_export(tmp_path, grey, None))


def test_more_objects_than_colours_are_noticed(tmp_path: Path) -> None:
    numbers = np.arange(1, 301).reshape(15, 20)
    classes = np.ones((15, 20), int)
    file = write_export(tmp_path, encode_rgb(COLORS[classes]), encode_rgb(voc_colors()[numbers % 256]))
    record = read_one(file)
    assert len(record.instances) == 256
    assert [(remark.kind, remark.count) for remark in record.remarks] == [
        ("image(s) with more objects than the format has colours", 1)
    ]
    assert record.remarks[0].example.startswith("sub/i: 256 were told apart")


def test_colours_shared_by_labels_and_strays_are_noticed(tmp_path: Path) -> None:
    objects = np.array([[5, 1, 1, 0, 1], [0, 1, 1, 0, 1], [1, 0, 0, 0, 1]])
    record = read_one(write_export(tmp_path, encode_rgb(COLORS[CLASSES]), encode_rgb(voc_colors()[objects])))
    assert [each.label for each in record.instances] == ["cat", "dog"]
    assert [(remark.kind, remark.count) for remark in record.remarks] == [
        ("pixel(s) of objects that have no label", 1),
        ("object(s) that share their colour with one of another label", 1),
    ]


@pytest.mark.parametrize(
    ("classes", "objects", "more", "told"),
    [
        (None, b"", {}, "SegmentationClass/sub/i.png is missing"),
        (picture(5, 3), None, {"SegmentationObject/x.png": b""}, "SegmentationObject/sub/i.png is missing"),
        (picture(5, 3), picture(4, 3), {}, "its masks are of 5x3 and 4x3 pixels"),
        (
            picture(5, 3),
            picture(5, 3),
            {"JPEGImages/sub/i.png": picture()},
            "its masks are of 5x3 pixels, and sub",
        ),
        (picture(5, 3), picture(5, 3), {"JPEGImages/other.png": b""}, ""),
        (picture(5, 3)[:-20], None, {}, "SegmentationClass/sub/i.png: truncated"),
        (b"GIF89a", None, {}, "SegmentationClass/sub/i.png: it cannot be decoded"),
        (saved(Image.new("LA", (5, 3))), None, {}, "it is of the kind LA"),
        (
            saved(Image.fromarray(np.full((3, 5), 1 << 15, np.uint16))),
            None,
            {},
            "value 32768, and there are 3 labels",
        ),
    ],
)
def test_masks_that_cannot_be_used(
    tmp_path: Path, classes: bytes | None, objects: bytes | None, more: dict[str, bytes], told: str
) -> None:
    file = write_export(tmp_path, classes, objects, more=more)
    if not told:
        assert read_one(file).instances == ()
        return
    with pytest.raises(BadRecord, match=told):
        read_one(file)


def test_absurd_sizes_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    data = bytearray(picture(5, 3))
    data[16:24] = (40_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    with pytest.raises(BadRecord, match=r"SegmentationClass/sub/i.png: .*(promise|40000x40000|limit)"):
        read_one(write_export(tmp_path, bytes(data), None))


def test_grey_of_a_few_bits_is_not_spread(tmp_path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 4, 1, 2, 0, 0, 0, 0)  # two bits, grey
    data = zlib.compress(bytes([0, 0b00011000]))
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    record = read_one(write_export(tmp_path, png, None))
    assert record.semantic is not None
    assert record.semantic.tolist() == [[0, 1, 2, 0]]


def test_only_the_images_of_a_list(tmp_path: Path) -> None:
    file = write_export(tmp_path, picture(5, 3), None)
    (tmp_path / "list").write_text("sub/i\n")
    assert read_one(file, list_file=tmp_path / "list").image_id == "sub/i"
    (tmp_path / "list").write_text("sub/j\n")
    with pytest.raises(UserError, match=r"1 image\(s\) that are not there"):
        read_one(file, list_file=tmp_path / "list")


def test_exports_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        FormatError, match=r"a\.zip: it has no labelmap\.txt, which says what the colours mean"
    ):
        cvat_mask.read(write_zip(tmp_path, {"SegmentationClass/a.png": b""}), options=ReadOptions())
    with pytest.raises(
        FormatError, match=r"labelmap\.txt: 1 problem\(s\)\n  line 1: label 'a' has the colour"
    ):
        cvat_mask.read(write_export(tmp_path, None, None, labelmap="a:x::"), options=ReadOptions())


def test_noise_never_ends_in_a_traceback(tmp_path: Path) -> None:
    rng = random.Random(0)
    whole = [encode_rgb(COLORS[CLASSES]), encode_rgb(voc_colors()[OBJECTS]), LABELMAP.encode("latin-1")]
    told = 0
    for _ in range(120):
        noisy = [bytearray(each) for each in whole]
        for _ in range(rng.randint(1, 2)):
            some = rng.choice(noisy)
            some[rng.randrange(len(some))] = rng.randrange(256)
        if rng.random() < 0.3:
            del noisy[0][rng.randrange(len(noisy[0])) :]
        file = write_export(tmp_path, bytes(noisy[0]), bytes(noisy[1]), labelmap=noisy[2].decode("latin-1"))
        try:
            read_one(file)
        except UserError:
            told += 1
    assert told > 60
