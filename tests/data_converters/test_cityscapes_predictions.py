"""Predictions are read as the official evaluation reads them, and what it would stumble over is told."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segloop.data.png import encode_grey, encode_rgb
from segloop.utils.errors import DataError, UserError
from tests.data_converters.cityscapes_cases import NAME, SIZE, objects, problems, put, read
from tests.data_converters.damage import spoil_a_file

MASK = np.zeros(SIZE, np.uint8)
MASK[2:4, 3:9] = 1
PAGE = f"{NAME}_leftImg8bit_pred.txt"


def predicted(root: Path, text: str, **masks: np.ndarray) -> Path:
    put(root / PAGE, text)
    for name, pixels in masks.items():
        put((root / PAGE).parent / f"{name}.png", encode_grey(pixels))
    return root


def test_lines_become_objects_with_scores(tmp_path: Path) -> None:
    predicted(tmp_path, "\ufeffa.png 26 0.5\r\nb.png 24.0 1e-3\nc.png 7 0.9\n", a=MASK, b=MASK * 200)
    (record,) = read(tmp_path, results=True, split="val")
    assert (record.image_id, record.split, record.size_hw) == (f"{NAME}_leftImg8bit", "val", SIZE)
    assert [(each.label, each.score) for each in record.instances] == [("car", 0.5), ("person", 0.001)]
    for _, _, pixels in objects(record):
        np.testing.assert_array_equal(pixels, MASK > 0)
    (remark,) = record.remarks
    assert (remark.kind, remark.count) == ("prediction(s) of labels that are not read, left out", 1)
    assert remark.example == f"{NAME}_leftImg8bit: c.png of the label 7"


def test_a_list_picks_images(tmp_path: Path) -> None:
    root = predicted(tmp_path / "results", "")
    put(root / "ulm/other_pred.txt", "")
    file = put(tmp_path / "some.txt", "ulm/other\n")
    assert [each.image_id for each in read(root, results=True, list_file=file)] == ["ulm/other"]
    file.write_text("ulm/another\n", encoding="utf-8")
    with pytest.raises(DataError, match="names 1 image"):
        read(root, results=True, list_file=file)


def test_a_link_that_leads_back_makes_no_second_image(tmp_path: Path) -> None:
    predicted(tmp_path, "a.png 26 0.5\n", a=MASK)
    (tmp_path / "latest").symlink_to(".")
    assert len(read(tmp_path, results=True)) == 1


def test_sizes_of_images_without_predictions_come_from_the_images(tmp_path: Path) -> None:
    root = predicted(tmp_path / "results", "")
    assert "has no size" in read(root, results=True).told[0]
    (record,) = read(root, results=True)
    assert (record.size_hw, record.instances) == (None, ())
    image = put(tmp_path / "val" / f"{NAME}_leftImg8bit.png", encode_rgb(np.zeros((*SIZE, 3), np.uint8)))
    (record,) = read(root, results=True, images=tmp_path / "val")
    assert (record.size_hw, record.file) == (SIZE, image)
    (problem,) = problems(read(root, results=True, images=root))
    assert "there is no image" in problem


def test_all_problems_of_a_list_are_told_together(tmp_path: Path) -> None:
    text = "a.png 26\na.png car 1\na.png 99 1\na.png -1 1\na.png 26 nan\n../../../a.png 26 1\n"
    text += "/etc/a.png 26 1\nno.png 26 1\nb.png 26 1\na.png 26 1\n"
    predicted(tmp_path, text, a=MASK, b=MASK[:3])
    found = problems(read(tmp_path, results=True))
    assert [each.partition(": ")[2] for each in found[:5]] == [
        "expected a mask, a label's id and a score, with blanks between",
        "'car' and '1' are no label's id and score",
        "99 is no label's id",
        "-1 is no label's id",
        "the score 'nan' is no number",
    ]
    assert "line 1" in found[0]
    assert "climbs out" in found[5]
    assert "absolute path" in found[6]
    assert "no.png: No such file" in found[7]
    assert "12x8, not 12x3" in found[8]
    assert len(found) == 9


def test_a_list_that_is_no_text_is_told(tmp_path: Path) -> None:
    put(tmp_path / PAGE, b"\xff\xfe")
    (problem,) = problems(read(tmp_path, results=True))
    assert "cannot be read" in problem


def test_what_holds_no_predictions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no \*_pred.txt"):
        read(tmp_path, results=True)
    with pytest.raises(UserError, match="--semantic reads no classes"):
        read(tmp_path, results=True, semantic=True)


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_no_damage_ends_in_anything_but_words(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = predicted(tmp_path_factory.mktemp("fuzz"), "a.png 26 0.5\nb.png 24 1\n", a=MASK, b=MASK)
    spoil_a_file(data, root)
    with contextlib.suppress(UserError):
        assert all(len(record.instances) <= 2 for record in read(root, results=True))
