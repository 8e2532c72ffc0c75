"""The loop writes CVAT's XML with the writer that conversions use, and hears what that could not hold."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from data_converters import cvat_loop
from segloop.cvat.packages import plan_packages
from segloop.data.annotations import Instance
from segloop.utils.errors import DataError, UserError
from tests.cvat.sets import LABELS, box, image, mask, set_of


def test_outlines_tell_how_many_pixels_they_get_wrong(tmp_path: Path) -> None:
    disc = mask(lambda canvas: cv2.circle(canvas, (20, 20), 9, 1, -1))
    record = image(tmp_path, "a.png", [Instance(label="0", shape=disc)])
    plan = plan_packages(set_of([record], LABELS))
    sent = [plan.sent(frame) for frame in plan.frames]
    assert cvat_loop.write(plan.labels, sent, tmp_path / "a.xml") == {}
    losses = cvat_loop.write(plan.labels, sent, tmp_path / "b.xml", masks="polygon:1")
    assert losses["outline-pixels"][0] > 0
    assert [each.image_id for each in cvat_loop.read(tmp_path / "b.xml")] == ["a"]


def test_every_format_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = image(tmp_path / "img", "a.png", [Instance(label="0", shape=box(1, 1, 5, 5), uid="u")])
    (tmp_path / "out").mkdir()
    cvat_loop.deliver(set_of([record], LABELS), tmp_path / "out", ["cvat", "mmseg", "coco"])
    assert (tmp_path / "out" / "cvat.xml").is_file()
    assert list((tmp_path / "out" / "mmseg").rglob("a.png"))
    assert "mmseg does not hold" in capsys.readouterr().out


def test_what_a_format_cannot_hold_is_told_with_a_way_on_that_there_is(tmp_path: Path) -> None:
    records = [
        image(tmp_path / split, "a.png", [Instance(label="0", shape=box(1, 1, 5, 5))], split=split)
        for split in ("train", "test")
    ]
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match=r"airbus cannot hold 1 of the images.* --to names") as error:
        cvat_loop.deliver(set_of(records, LABELS), tmp_path / "out", ["airbus"])
    assert "--skip-bad" not in str(error.value)


def test_a_folder_of_images_that_a_format_does_not_heed_is_refused_by_the_name_of_its_flag(
    tmp_path: Path,
) -> None:
    with pytest.raises(UserError, match="--images-dir does nothing when yolo is read"):
        cvat_loop.open_set(tmp_path, form="yolo", images=tmp_path, split=None, labels=())
    with pytest.raises(UserError, match="--images-dir does nothing when yolo is read"):
        cvat_loop.open_labels(tmp_path, form="yolo", images=tmp_path)
