"""Classes, colours and pixels are told as they will be loaded."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from segloop.data.checks import Finding, Seen
from segloop.data.image_files import ImageFacts
from segloop.data.index_masks import MaskFacts
from segloop.experiments.dry_run.report import BAD, GOOD, NOTE, Row
from segloop.experiments.dry_run.semantic import (
    class_rows,
    file_row,
    finding_rows,
    look_at_loaded,
    palette_rows,
    pixel_rows,
)

NAMES = ["sky", "road", "car"]


def only(rows: Iterator[Row]) -> Row:
    (row,) = rows
    return row


def dataset(**changes: Any) -> SimpleNamespace:
    plain = {
        "metainfo": {"classes": NAMES},
        "label_map": None,
        "reduce_zero_label": False,
        "ignore_index": 255,
    }
    return SimpleNamespace(**plain | changes)


def masks(*values: dict[int, int]) -> list[MaskFacts]:
    return [MaskFacts((10, 10), "L", value) for value in values]


def test_the_sizes_of_images_are_told() -> None:
    from pathlib import Path

    images = {Path("a"): ImageFacts((10, 20)), Path("b"): ImageFacts((30, 20))}
    assert "2 images of 20x10 to 20x30" in file_row("train", Seen(images=images)).text
    assert "0 images" in file_row("train", Seen()).text


def test_findings_become_a_row() -> None:
    seen = Seen(findings=[Finding("values", "a.png", "7 in 1 px")])
    row = only(finding_rows("val", seen))
    assert row.mark == BAD
    assert any("a.png: 7 in 1 px" in line for line in row.below)
    assert not list(finding_rows("val", Seen()))


def test_classes_that_agree() -> None:
    heads = [("model.decode_head", 3), ("model.auxiliary_head.0", 3)]
    row = only(class_rows({"train": {"classes": NAMES}, "val": {"classes": tuple(NAMES)}}, heads))
    assert row.text == ("3, as many as model.decode_head and model.auxiliary_head.0 predict: sky, road, car")


def test_splits_that_name_other_classes_or_one_twice() -> None:
    rows = list(class_rows({"train": {"classes": NAMES}, "val": {"classes": NAMES[::-1]}}, []))
    assert [row.mark for row in rows] == [BAD, GOOD]
    assert "train and val differ" in rows[0].text
    assert "named twice: sky" in next(class_rows({"train": {"classes": ["sky", "sky"]}}, [])).text


@pytest.mark.parametrize(
    ("palette", "mark", "text"),
    [
        ([[0, 0, 0], [1, 1, 1]], BAD, "2 colours for 3 classes"),
        ([[0, 0, 0], [1, 1, 256], [2, 2, 2]], BAD, "not three whole numbers in 0..255: road (1, 1, 256)"),
        ([[0, 0, 0], [1, 1], "red"], BAD, "road (1, 1), car red"),
        ([[0, 0, 0], [1, 1, 1], [0, 0, 0]], NOTE, "one colour for several classes: sky and car (0, 0, 0)"),
    ],
)
def test_colours_that_are_wrong(palette: Any, mark: str, text: str) -> None:
    row = only(palette_rows(NAMES, palette))
    assert row.mark == mark
    assert text in row.text


def test_colours_that_are_right_or_not_given() -> None:
    assert not list(palette_rows(NAMES, [[0, 0, 0], [1, 1, 1], [2, 2, 2]]))
    assert not list(palette_rows(NAMES, None))


def test_each_class_has_its_share_of_the_pixels() -> None:
    shares, absent = pixel_rows("train", masks({0: 60, 1: 40}, {0: 80, 255: 19, 1: 1}), dataset())
    assert shares.text == "train: sky 70.0 %, road 20.5 %, ignored 9.5 %"
    assert shares.below == ()
    assert (absent.mark, absent.text) == (NOTE, "train: not a single pixel of car")
    assert not list(pixel_rows("train", [], dataset()))


def test_what_values_become_is_told_where_they_change() -> None:
    reduced = dataset(reduce_zero_label=True)
    (row,) = pixel_rows("train", masks({0: 10, 1: 20, 2: 30, 3: 39, 255: 1}), reduced)
    assert row.text == "train: sky 20.0 %, road 30.0 %, car 39.0 %, ignored 11.0 %"
    assert [" ".join(line.split()) for line in row.below[:2]] == ["0 → ignored 10.0 %", "1 → sky 20.0 %"]
    mapped = dataset(label_map={0: 255, 1: 0, 2: 2})
    row, *_ = pixel_rows("train", masks({0: 10, 1: 20, 2: 70}), mapped)
    assert row.text == "train: sky 20.0 %, car 70.0 %, ignored 10.0 %"


def test_the_names_agree_with_what_the_loader_makes_of_values(tmp_path: Any) -> None:
    import numpy as np
    from PIL import Image

    from segloop.data.transforms import LoadIndexMask

    values = np.array([[0, 1, 2, 3, 255]], np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    for kind in (dataset(), dataset(reduce_zero_label=True), dataset(label_map={0: 2, 1: 255, 2: 0, 3: 1})):
        results = {
            "seg_map_path": str(tmp_path / "a.png"),
            "reduce_zero_label": kind.reduce_zero_label,
            "label_map": kind.label_map,
            "seg_fields": [],
        }
        loaded = LoadIndexMask().transform(results)["gt_seg_map"][0]
        names = [NAMES[value] if value < 3 else "ignored" for value in loaded]
        counts = {name: 20.0 * names.count(name) for name in [*NAMES, "ignored"] if name in names}
        row, *_ = pixel_rows("train", masks(dict.fromkeys(values[0].tolist(), 1)), kind)
        assert row.text == "train: " + ", ".join(f"{name} {share:.1f} %" for name, share in counts.items())


def test_a_set_without_masks_is_not_looked_at() -> None:
    assert look_at_loaded(SimpleNamespace()) is None

    class Bare:
        reduce_zero_label, ignore_index, metainfo = False, 255, {}

        def __len__(self) -> int:
            return 1

        def get_data_info(self, index: int) -> dict[str, Any]:
            return {"img_path": "a.png"}

    assert look_at_loaded(Bare()) is None
