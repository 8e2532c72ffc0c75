"""A submission has the sample's images in its order, and nothing that the competition refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_converters.submission import check_submission, in_order, read_sample
from segloop.data.annotations import ImageRecord
from segloop.utils.errors import DataError, FormatError, UserError

SIZES = {"a.jpg": (4, 5), "b.jpg": (4, 5)}


def write(file: Path, *rows: str) -> Path:
    file.write_text("\n".join(["ImageId,EncodedPixels", *rows, ""]))
    return file


def image(name: str) -> ImageRecord:
    return ImageRecord(image_id=name.partition(".")[0], name=name, file=Path(name))


def test_the_sample_says_which_images_in_which_order(tmp_path: Path) -> None:
    sample = write(tmp_path / "sample.csv", "b.jpg,", "a.jpg,1 2", "a.jpg,9 2")
    names = read_sample(sample, form="airbus")
    assert names == ["b.jpg", "a.jpg"]
    found = in_order([image("a.jpg"), image("c.jpg"), image("b.jpg")], names, form="airbus")
    assert [each.name for each in found] == names
    with pytest.raises(DataError, match=r"1 of the 2 images.*\n  b\.jpg"):
        in_order([image("a.jpg")], names, form="airbus")
    with pytest.raises(UserError, match="--to airbus or sartorius"):
        read_sample(sample, form="coco")
    with pytest.raises(FormatError, match="no column id"):
        read_sample(sample, form="sartorius")


def test_a_right_submission_passes(tmp_path: Path) -> None:
    file = write(tmp_path / "s.csv", "b.jpg,", "a.jpg,1 2 5 1", "a.jpg,18 3")
    check_submission(file, ["b.jpg", "a.jpg"], form="airbus", sizes=SIZES)


def test_a_mask_may_take_more_than_csv_reads_of_a_field(tmp_path: Path) -> None:
    runs = " ".join(f"{10 * number + 1} 3" for number in range(20_000))
    file = write(tmp_path / "s.csv", f"a.jpg,{runs}")
    check_submission(file, ["a.jpg"], form="airbus", sizes={"a.jpg": (500, 400)})
    assert read_sample(file, form="airbus") == ["a.jpg"]


def test_tables_come_from_any_editor(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_bytes(b'\xef\xbb\xbfImageId,EncodedPixels\r\n"b,\xc3\xbc.jpg",1 2\r\n\r\na.jpg\r\n')
    assert read_sample(file, form="airbus") == ["b,\xfc.jpg", "a.jpg"]
    file.write_bytes(b'ImageId,EncodedPixels\n"a.jpg,1 2\n')
    with pytest.raises(FormatError, match=r"line 2: a quoted field does not end"):
        read_sample(file, form="airbus")


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (["a.jpg,"], "b.jpg: is not there"),
        (["a.jpg,", "b.jpg,", "c.jpg,"], "c.jpg: is not asked for"),
        (["b.jpg,", "a.jpg,"], "not in the order"),
        (["a.jpg,1 2", "b.jpg,", "a.jpg,5 2"], "not in the order"),
        (["a.jpg,1 2", "a.jpg,2 2", "b.jpg,"], "two of its objects share pixels"),
        (["a.jpg,5 2 1 2", "b.jpg,"], "not in order, or share"),
        (["a.jpg,19 3", "b.jpg,"], "ends at pixel 21 of 20"),
        (["a.jpg,1", "b.jpg,"], "pairs of a start"),
        (["a.jpg,0 3", "b.jpg,"], "pairs of a start"),
        (["a.jpg,x y", "b.jpg,"], "runs are numbers"),
        (["a.jpg,1 2", "a.jpg,", "b.jpg,"], "an empty row beside others"),
    ],
)
def test_what_a_competition_refuses_is_refused(tmp_path: Path, rows: list[str], fault: str) -> None:
    with pytest.raises(FormatError, match=fault):
        check_submission(write(tmp_path / "s.csv", *rows), ["a.jpg", "b.jpg"], form="airbus", sizes=SIZES)
