"""Cells come from the competition's CSV, and go into an answer in which no two share a pixel."""

from __future__ import annotations

import pickle
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from data_converters.base import BadRecord, ReadOptions, Rendered, WriteOptions
from data_converters.sartorius import CELLS, read, writer
from segloop.data import masks
from segloop.data.annotations import Attribute, Bitmap, ImageRecord, Instance, Label, LabelSet
from segloop.utils.errors import DataError, FormatError, UserError
from tests.data.masks.cases import RING, RING_ROWS, images
from tests.data_converters.damage import damaged_tables

HEADER = "id,annotation,width,height,cell_type,plate_time,sample_date,sample_id,elapsed_timedelta"
REST = "11h30m00s,2019-06-16,shsy5y[diff]_E10-4,0 days 11:30:00"
RUNS = " ".join(map(str, RING_ROWS))
CELL = LabelSet((Label("cell"),))
SIZE_HW = (6, 8)


def csv_of(folder: Path, *rows: str, header: str = HEADER) -> Path:
    """Write a CSV with these rows."""
    file = folder / "train.csv"
    file.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return file


def problems_of(folder: Path, *rows: str, **options: object) -> tuple[str, ...]:
    """Return what is wrong with the first image."""
    found = read(csv_of(folder, *rows), options=ReadOptions(**options))  # type: ignore[arg-type]
    with pytest.raises(BadRecord) as caught:
        found.load(found.keys[0])
    return caught.value.problems


def remarks_of(folder: Path, *masks_drawn: np.ndarray, repair: bool = False) -> tuple[ImageRecord, dict]:
    """Return the record of an image with these cells, and its remarks."""
    size_hw = masks_drawn[0].shape
    pairs = masks.to_pairs([masks.encode(each) for each in masks_drawn], size_hw, order="rows")
    rows = [f"a,{' '.join(map(str, each))},{size_hw[1]},{size_hw[0]},cort,{REST}" for each in pairs]
    found = read(csv_of(folder, *rows), options=ReadOptions(repair=repair))
    record = found.load(found.keys[0])
    return record, {each.kind: (each.count, each.example) for each in record.remarks}


def test_cells_are_read_row_by_row_with_their_types_and_columns(tmp_path: Path) -> None:
    source = csv_of(tmp_path, f"x,{RUNS},8,6,astro,{REST}", f"y,,8,6,cort,{REST}", f"x,1 2,8.0,6,cort,{REST}")
    found = read(source, options=ReadOptions(split="train"))
    names = ("plate_time", "sample_date", "sample_id", "elapsed_timedelta")
    assert found.labels.names == CELLS
    assert {label.attributes for label in found.labels.labels} == {tuple(map(Attribute, names))}
    assert found.told == (f"Other columns become attributes of the cells: {', '.join(names)}.",)
    assert found.facts == {"task": "cells"}
    first, second = pickle.loads(pickle.dumps(list(map(found.load, found.keys))))
    assert (first.image_id, first.name, first.size_hw, first.split) == ("x", "x.png", SIZE_HW, "train")
    ring, other = first.instances
    assert (masks.decode(ring.shape.runs, SIZE_HW) == RING).all()
    assert (ring.label, other.label) == ("astro", "cort")
    assert ring.attributes == dict(zip(names, REST.split(","), strict=True))
    assert (second.image_id, second.instances) == ("y", ())


def test_labels_keep_the_competitions_order_and_take_what_else_there_is(tmp_path: Path) -> None:
    def labels_of(*kinds: str, named: tuple[str, ...] = ()) -> tuple[str, ...]:
        rows = [f"x,1 2,8,6,{kind},{REST}" for kind in kinds]
        return read(csv_of(tmp_path, *rows), options=ReadOptions(labels=named)).labels.names

    assert labels_of("cort") == CELLS
    assert labels_of("b", "astro", "Astro", "a b") == (*CELLS, "Astro", "a b", "b")
    assert labels_of("b", "a") == ("a", "b")
    assert labels_of("b", "a", named=("b", "c", "a")) == ("b", "c", "a")
    with pytest.raises(DataError, match=r"1 cell_type\(s\) are not among the labels that were named:\n  a"):
        labels_of("b", "a", named=("b",))
    with pytest.raises(FormatError, match="cell_type has 1001 different values"):
        labels_of(*map(str, range(1001)))


def test_answers_can_be_read_too(tmp_path: Path) -> None:
    source = csv_of(tmp_path, "x,1 2", "y,", header="id,predicted")
    found = read(source, options=ReadOptions())
    assert (found.labels.names, [each.size_hw for each in found]) == (("cell",), [(520, 704)] * 2)
    assert found.told == (
        "Images without a file are taken to have 704x520 pixels, as the competition's have.",
    )
    assert read(source, options=ReadOptions(size_hw=SIZE_HW)).told == ()
    (tmp_path / "test").mkdir()
    Image.new("L", (8, 6)).save(tmp_path / "test" / "y.png")
    assert [each.size_hw for each in read(source, options=ReadOptions())] == [(520, 704), SIZE_HW]


def test_sizes_that_do_not_agree_are_told(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    Image.new("L", (8, 6)).save(tmp_path / "train" / "x.png")
    assert problems_of(tmp_path, f"x,1 2,6,8,cort,{REST}") == (
        f"line 2: 6x8 pixels, and {tmp_path / 'train' / 'x.png'} has 8x6 pixels",
    )
    assert problems_of(
        tmp_path,
        f"z,1 2,8,6,cort,{REST}",
        f"z,1 2,8,6,cort,{REST}",
        f"z,1 2,8,7,cort,{REST}",
        f"z,1 2,,6,cort,{REST}",
    ) == (
        "line 5: width '' and height '6' are no whole numbers",
        "line 4: 8x7 pixels, and line 2 has 8x6 pixels",
    )
    assert problems_of(
        tmp_path, f"z,1 2,99999,99999,cort,{REST}", f"z,x,0,6,cort,{REST}", f"z,,8,-6,cort,{REST}"
    ) == (
        "line 2: 99999x99999 pixels; the limit is 268435456 in all",
        "line 3: an image of 0x6 pixels",
        "line 4: width '8' and height '-6' are no whole numbers",
        "line 3: 'x' is not a whole number from 1",
    )


def test_what_is_wrong_with_runs_and_labels_is_told_together(tmp_path: Path) -> None:
    assert problems_of(
        tmp_path,
        f"x,1 2 3,8,6,cort,{REST}",
        f"x,40 10,8,6,,{REST}",
        f"x,1 2,8,6,cort,{REST},",
        "x,1 2,8,6,cort",
    ) == (
        "line 4: 10 field(s), and the header has 9",
        "line 5: 5 field(s), and the header has 9",
        "line 3: no cell_type",
        "line 2: 3 numbers: starts and lengths come in pairs",
        "line 3: run 1 (40 10) ends past the 48 pixels there are",
    )
    assert problems_of(tmp_path, f"x,1 2,8,6,,{REST}") == ("line 2: no cell_type",)


def test_holes_gaps_and_overlaps_are_told_and_kept(tmp_path: Path) -> None:
    y, x = np.mgrid[:40, :50]
    distance = np.hypot(x - 20, y - 20)
    outline = (distance > 12) & (distance < 14) & ~((x > 20) & (abs(y - 20) < 4))
    ring = (distance > 3) & (distance < 6)
    record, told = remarks_of(tmp_path, outline, ring, distance < 4)
    assert set(told) == {
        "object(s) with holes, kept",
        "object(s) that are an outline with gaps, kept",
        "pixel(s) that several objects claim, kept by all",
    }
    assert told["object(s) with holes, kept"] == (1, "a: line 3, --repair would add 29 pixels")
    assert [masks.decode(each.shape.runs, (40, 50)).sum() for each in record.instances] == [
        outline.sum(),
        ring.sum(),
        (distance < 4).sum(),
    ]


def test_repair_fills_holes_and_closes_outlines(tmp_path: Path) -> None:
    y, x = np.mgrid[:40, :50]
    distance = np.hypot(x - 20, y - 20)
    outline = (distance > 12) & (distance < 14) & ~((x > 20) & (abs(y - 20) < 4))
    ring = (distance > 3) & (distance < 6)
    record, told = remarks_of(tmp_path, outline, ring, ring, repair=True)
    mended = [masks.decode(each.shape.runs, (40, 50)) for each in record.instances]
    assert (mended[1] == (distance < 6)).all()
    assert ((mended[0] ^ (distance < 14)).sum()) < 30
    assert told["object(s) whose holes were filled"] == (2, "a: line 3, 58 pixels more in this image")
    assert told["object(s) that were an outline with gaps, closed and filled"][0] == 1


def written(
    target: Path, records: list[ImageRecord], *, labels: LabelSet = CELL, overlap: str = "z-order"
) -> tuple[list[str], list[Rendered]]:
    """Write records and return the file's lines and what was rendered."""
    made = writer(labels, facts={}, options=WriteOptions(overlap=overlap))
    made.open(target)
    rendered = [made.render(record) for record in records]
    for each in rendered:
        made.add(each)
    made.close()
    return target.read_bytes().decode().split("\n"), rendered


def strips(*spans: tuple[int, int], name: str = "a", **more: list) -> ImageRecord:
    """Return an image of one row whose cells go from one pixel to before another."""
    cells = []
    for place, (low, high) in enumerate(spans):
        runs = masks.encode((np.arange(12) >= low) & (np.arange(12) < high) & np.ones((1, 12), bool))
        cell = Instance(label="cell", shape=Bitmap((1, 12), runs))
        cells.append(replace(cell, **{key: values[place] for key, values in more.items()}))
    return ImageRecord(image_id=name, name=f"{name}.png", size_hw=(1, 12), instances=tuple(cells))


def test_an_answer_has_a_row_for_each_cell_and_each_empty_image(tmp_path: Path) -> None:
    ring = Instance(label="cell", shape=Bitmap(SIZE_HW, masks.encode(RING)))
    records = [
        ImageRecord(image_id="x", name="x.png", size_hw=SIZE_HW, instances=(ring,)),
        ImageRecord(image_id="y", name="y.png"),
    ]
    lines, rendered = written(tmp_path / "a.csv", records)
    assert lines == ["id,predicted", f"x,{RUNS}", "y,", ""]
    assert [(each.instances, each.pixels, each.losses) for each in rendered] == [(1, 13, ()), (0, 0, ())]
    assert writer(CELL, facts={}, options=WriteOptions()).keeps == {"instances", "empty-images"}


@pytest.mark.parametrize(
    ("more", "overlap", "wanted"),
    [
        ({}, "z-order", ["1 3", "4 5"]),
        ({"z_order": [1, 0]}, "z-order", ["1 6", "7 2"]),
        ({"score": [0.9, 0.5]}, "z-order", ["1 6", "7 2"]),
        ({"score": [0.5, 0.9]}, "z-order", ["1 3", "4 5"]),
        ({"score": [None, 0.1]}, "z-order", ["1 3", "4 5"]),
        ({"score": [0.1, None]}, "score", ["1 6", "7 2"]),
        ({"score": [0.9, 0.5]}, "area", ["1 3", "4 5"]),
    ],
)
def test_a_pixel_goes_to_one_cell_by_the_rule(
    more: dict, overlap: str, wanted: list[str], tmp_path: Path
) -> None:
    lines, (rendered,) = written(tmp_path / "a.csv", [strips((0, 6), (3, 8), **more)], overlap=overlap)
    assert lines[1:-1] == [f"a,{each}" for each in wanted]
    assert (rendered.instances, rendered.pixels) == (2, 8)
    (loss,) = rendered.losses
    assert (loss.kind, loss.count) == ("covered-pixels", 3)


def test_a_cell_that_has_no_pixel_left_is_told(tmp_path: Path) -> None:
    lines, (rendered,) = written(tmp_path / "a.csv", [strips((2, 4), (0, 6), (8, 9), name="d/e")])
    assert lines[1:-1] == ["e,1 6", "e,9 1"]
    assert [(each.kind, each.count, each.example) for each in rendered.losses] == [
        ("covered-pixels", 2, "d/e: cell, 2 of 2 pixels"),
        ("hidden-objects", 1, "d/e: cell, 2 pixels"),
        ("folders", 1, "d/e"),
    ]


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    made = writer(CELL, facts={}, options=WriteOptions())
    made.open(tmp_path / "a.csv")
    made.add(made.render(strips((0, 1), name="p/a")))
    with pytest.raises(BadRecord, match=r"q/a: 1 problem.*\n.*'p/a' has the same name"):
        made.add(made.render(strips((0, 1), name="q/a")))
    made.close()
    assert (tmp_path / "a.csv").read_text() == "id,predicted\na,1 1\n"


@given(images())
def test_masks_come_back_pixel_by_pixel_and_apart(drawn) -> None:
    size_hw, bitmaps = drawn
    cells = tuple(Instance(label="cell", shape=Bitmap(size_hw, masks.encode(bitmap))) for bitmap in bitmaps)
    names = ["а & b — [1]", "A", "a", "1"]
    records = [
        ImageRecord(image_id=name, name=f"{name}.png", size_hw=size_hw, instances=cells) for name in names
    ]
    left = np.zeros(size_hw, int)
    for place, bitmap in enumerate(bitmaps, 1):
        left[bitmap] = place
    wanted = [masks.encode(left == place).tolist() for place in np.unique(left[left > 0])]
    with tempfile.TemporaryDirectory() as folder:
        _, rendered = written(Path(folder) / "a.csv", records)
        back = list(read(Path(folder) / "a.csv", options=ReadOptions(size_hw=size_hw)))
    assert [each.image_id for each in back] == names
    for record in back:
        assert [each.shape.runs.tolist() for each in record.instances] == wanted
    counts = {each.kind: each.count for each in rendered[0].losses}
    drawn_pixels = sum(int(bitmap.sum()) for bitmap in bitmaps)
    assert counts.get("covered-pixels", 0) == drawn_pixels - rendered[0].pixels
    assert counts.get("hidden-objects", 0) == sum(bitmap.any() for bitmap in bitmaps) - len(wanted)


def test_damage_of_any_kind_is_told_and_never_a_traceback(tmp_path: Path) -> None:
    whole = f"{HEADER}\nx,{RUNS},8,6,astro,{REST}\nx,22 1 27 1,8,6,cort,{REST}\ny,,8,6,cort,{REST}\n".encode()
    file = tmp_path / "a.csv"
    for place, data in enumerate(damaged_tables(whole, count=300, step=2)):
        file.write_bytes(data)
        try:
            found = read(file, options=ReadOptions(repair=bool(place % 2)))
        except UserError:
            continue
        for key in found.keys:
            try:
                record = found.load(key)
            except UserError:
                continue
            total = record.size_hw[0] * record.size_hw[1]
            assert all(masks.fault(each.shape.runs, total) is None for each in record.instances)
