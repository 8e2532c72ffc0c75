"""Ships come from the competition's CSV and go into one, run by run."""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from data_converters.airbus import read, writer
from data_converters.base import BadRecord, ReadOptions, WriteOptions
from segloop.data import masks
from segloop.data.annotations import Attribute, Bitmap, ImageRecord, Instance, Label, LabelledImages, LabelSet
from segloop.utils.errors import DataError, UserError
from tests.data.masks.cases import RING, RING_COLUMNS, images
from tests.data_converters.damage import damaged_tables

SHIPS = LabelSet((Label("ship"),))
RUNS = " ".join(map(str, RING_COLUMNS))
SMALL = ReadOptions(size_hw=(6, 8))


def csv_of(folder: Path, *rows: str, header: str = "ImageId,EncodedPixels") -> Path:
    """Write a CSV with these rows."""
    file = folder / "ships.csv"
    file.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return file


def written(target: Path, records: list[ImageRecord], **options: str) -> tuple[bytes, list]:
    """Write records and return the file's bytes and what was rendered."""
    made = writer(SHIPS, facts={}, options=WriteOptions(**options))
    made.open(target)
    rendered = []
    for record in records:
        rendered.append(made.render(record))
        made.add(rendered[-1])
    made.close()
    return target.read_bytes(), rendered


def image_of(name: str, size_hw: tuple[int, int], *bitmaps: np.ndarray) -> ImageRecord:
    """Return an image with a ship for each bitmap."""
    shapes = [Bitmap(size_hw, masks.encode(bitmap)) for bitmap in bitmaps]
    instances = tuple(Instance(label="ship", shape=shape) for shape in shapes)
    return ImageRecord(image_id=name.rpartition(".")[0], name=name, size_hw=size_hw, instances=instances)


def test_ships_are_read_column_by_column(tmp_path: Path) -> None:
    found = read(csv_of(tmp_path, f"b.jpg,{RUNS}", "a.jpg,", "b.jpg,47 2"), options=SMALL)
    assert found.labels == SHIPS
    assert (found.facts, found.told) == ({"task": "ships"}, ())
    first, second = pickle.loads(pickle.dumps(list(map(found.load, found.keys))))
    assert (first.image_id, first.name, first.size_hw, first.split) == ("b", "b.jpg", (6, 8), None)
    assert (masks.decode(first.instances[0].shape.runs, (6, 8)) == RING).all()
    assert first.instances[1].shape.runs.tolist() == [46, 2]
    assert (second.image_id, second.instances, second.remarks) == ("a", (), ())


def test_sizes_come_from_files_else_from_the_user_else_from_the_competition(tmp_path: Path) -> None:
    folder = tmp_path / "train_v2"
    folder.mkdir()
    Image.new("L", (8, 6)).save(folder / "a.jpg")
    turned = Image.new("L", (6, 8))
    turned.getexif()[0x0112] = 6
    turned.save(folder / "turned.jpg", exif=turned.getexif())
    source = csv_of(tmp_path, "a.jpg,1 2", "turned.jpg,1 2", "b.jpg,1 2")
    found = read(source, options=ReadOptions(split="train", labels=("boat",)))
    assert [each.size_hw for each in found] == [(6, 8), (6, 8), (768, 768)]
    assert [each.file for each in found] == [folder / "a.jpg", folder / "turned.jpg", None]
    assert {each.split for each in found} == {"train"}
    assert found.labels.names == ("boat",)
    assert found.told == (
        f"2 of 3 images are in {folder}.",
        f"1 images that the rows name are not in {folder}, first 'b.jpg'.",
        "Images without a file are taken to have 768x768 pixels, as the competition's have.",
    )
    assert [each.size_hw for each in read(source, options=ReadOptions(size_hw=(9, 9)))][2] == (9, 9)


def test_an_image_that_does_not_decode_or_is_smaller_than_its_runs_is_told(tmp_path: Path) -> None:
    (tmp_path / "i").mkdir()
    (tmp_path / "i" / "a.jpg").write_bytes(b"no image")
    Image.new("L", (8, 6)).save(tmp_path / "i" / "b.jpg")
    source = csv_of(tmp_path, "a.jpg,1 2 3", "b.jpg,40 20")
    found = read(source, options=ReadOptions(images=tmp_path / "i"))
    with pytest.raises(
        BadRecord,
        match=r"a: 2 problem\(s\)\n.*a.jpg: not an image that can be decoded.*\n  line 2: 3 numbers",
    ):
        found.load(found.keys[0])
    with pytest.raises(BadRecord, match=r"line 3: run 1 \(40 20\) ends past the 48 pixels"):
        found.load(found.keys[1])


def test_other_columns_are_kept_as_attributes_and_told(tmp_path: Path) -> None:
    source = csv_of(tmp_path, "0,a.jpg,1 2,big", "1,b.jpg,,", header="Unnamed: 0,ImageId,EncodedPixels,kind")
    found = read(source, options=SMALL)
    assert found.labels.labels[0].attributes == (Attribute("kind"),)
    assert found.told == ("All are of one class, ship; other columns become attributes: kind.",)
    assert [each.attributes for record in found for each in record.instances] == [{"kind": "big"}]


def test_swapped_height_and_width_are_asked_about(tmp_path: Path) -> None:
    disc = np.hypot(*np.mgrid[-12:12, -20:20]) < 6
    numbers = masks.to_pairs([masks.encode(disc)], disc.shape, order="columns")[0]
    source = csv_of(tmp_path, f"a.jpg,{' '.join(map(str, numbers))}")
    assert read(source, options=ReadOptions(size_hw=(24, 40))).told == ()
    (told,) = read(source, options=ReadOptions(size_hw=(40, 24))).told
    assert told.startswith("Is the order of the pixels right?")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ReadOptions(size_hw=(1 << 15, 1 << 14)), "limit is 268435456"),
        (ReadOptions(labels=("a", "b")), "airbus has one label"),
        (ReadOptions(images=Path("nowhere")), "does not exist"),
    ],
)
def test_options_that_cannot_be_are_refused(options: ReadOptions, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words):
        read(csv_of(tmp_path, "a.jpg,"), options=options)


def test_every_image_has_a_row_and_every_ship(tmp_path: Path) -> None:
    empty = np.zeros((6, 8))
    records = [
        image_of("b.jpg", (6, 8), RING, empty, RING),
        image_of("d/a, 1.jpg", (6, 8)),
        ImageRecord(image_id="c", name="c.jpg"),
        image_of("e.jpg", (6, 8), empty),
    ]
    data, rendered = written(tmp_path / "out.csv", records)
    assert data.decode() == (
        f'ImageId,EncodedPixels\nb.jpg,{RUNS}\nb.jpg,{RUNS}\n"d/a, 1.jpg",\nc.jpg,\ne.jpg,\n'
    )
    assert [(each.instances, each.pixels, each.losses) for each in rendered] == [
        (2, 26, ()),
        (0, 0, ()),
        (0, 0, ()),
        (0, 0, ()),
    ]
    assert writer(SHIPS, facts={}, options=WriteOptions()).keeps == {"instances", "overlaps", "empty-images"}


def test_another_label_is_a_loss(tmp_path: Path) -> None:
    record = image_of("a.jpg", (6, 8), RING)
    made = writer(LabelSet((Label("boat"),)), facts={}, options=WriteOptions())
    boat = Instance(label="boat", shape=record.instances[0].shape)
    rendered = made.render(ImageRecord(image_id="a", name="a.jpg", size_hw=(6, 8), instances=(boat,)))
    assert [(each.kind, each.count, each.example) for each in rendered.losses] == [("labels", 1, "a: boat")]


@given(images())
def test_masks_come_back_pixel_by_pixel(drawn) -> None:
    size_hw, bitmaps = drawn
    bitmaps = [bitmap for bitmap in bitmaps if bitmap.any()]
    names = ["п/а & b — [1].jpg", "п/A.jpg", "п/a.jpg", "1.png"]
    records = [image_of(name, size_hw, *bitmaps) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        data, _ = written(Path(folder) / "a.csv", records)
        again, _ = written(
            Path(folder) / "b.csv", list(read(Path(folder) / "a.csv", options=ReadOptions(size_hw=size_hw)))
        )
        back = list(read(Path(folder) / "a.csv", options=ReadOptions(size_hw=size_hw)))
    assert data == again
    assert [each.name for each in back] == names
    for record in back:
        assert [each.shape.runs.tolist() for each in record.instances] == [
            masks.encode(bitmap).tolist() for bitmap in bitmaps
        ]


def look_at(found: LabelledImages) -> None:
    """Load every image; only a user's mistake may come of it."""
    for key in found.keys:
        try:
            record = found.load(key)
        except UserError:
            continue
        total = record.size_hw[0] * record.size_hw[1]
        assert [masks.fault(each.shape.runs, total) for each in record.instances] == [None] * len(
            record.instances
        )


def test_damage_of_any_kind_is_told_and_never_a_traceback(tmp_path: Path) -> None:
    whole = f'ImageId,EncodedPixels,note\na.jpg,{RUNS},x\nb.jpg,,\n"c, d.jpg","1 2",й\na.jpg,32 4,\n'.encode()
    file = tmp_path / "a.csv"
    for data in damaged_tables(whole, count=400):
        file.write_bytes(data)
        try:
            found = read(file, options=SMALL)
        except UserError:
            continue
        look_at(found)
