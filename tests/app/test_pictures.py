"""Small and large pictures of a RUN's and a data set's images."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from segloop.app.images import read_table
from segloop.app.pictures import enlarged, jpeg, label_picture, read_case, thumbnail, tiles
from segloop.data.annotations import ImageRecord, Label, LabelSet
from segloop.utils.errors import DataError
from segloop.viz.error_pictures import TITLES
from segloop.viz.overlay import MISSED
from tests.analysis.runs_made import write_run
from tests.app.test_images import instance_run  # noqa: F401 - a fixture

TRUTH = np.zeros((40, 60), np.uint8)
TRUTH[10:30, 10:30] = 1


def decoded(data: bytes) -> np.ndarray:
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def test_a_thumbnail_is_small_and_shows_what_was_missed(tmp_path: Path) -> None:
    run = write_run(tmp_path, {"a": (TRUTH, np.zeros_like(TRUTH))})
    small = decoded(thumbnail(read_case(run, "a"), side=30))
    assert small.shape == (20, 30, 3)
    assert np.abs(small[10, 10].astype(int) - MISSED).max() < 60
    assert {thumbnail(read_case(run, "a"), show=show) for show in TITLES}.__len__() == 4


def test_large_pictures_follow_the_opacity_and_keep_their_pixels(tmp_path: Path) -> None:
    run = write_run(tmp_path, {"a": (TRUTH, TRUTH)})
    clear, solid = (tiles(read_case(run, "a"), opacity=value) for value in (0.0, 1.0))
    assert list(clear) == list(TITLES)
    assert np.array_equal(clear["truth"][180, 180], clear["image"][180, 180])
    assert solid["truth"][180, 180].tolist() == [230, 90, 60]
    assert clear["image"].shape == (360, 540, 3)


def test_objects_are_drawn_with_what_became_of_them(instance_run) -> None:  # noqa: F811
    table = read_table(instance_run)
    case = read_case(instance_run, "lost", kinds=table.kinds["lost"])
    assert case.objects is not None
    assert [int(each.max()) for each in case.objects] == [2, 1]
    assert len(thumbnail(case)) > 100


def test_labels_are_drawn_over_an_image_of_a_set(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    cv2.imwrite(str(file), np.full((40, 60, 3), 200, np.uint8))
    labels = LabelSet((Label("ground"), Label("disc", (10, 20, 255))), background=0)
    record = ImageRecord(image_id="a", name="a.png", file=file, size_hw=(40, 60), semantic=TRUTH)
    drawn = label_picture(record, labels, opacity=1.0)
    assert drawn[20, 20].tolist() == [10, 20, 255]
    assert drawn[5, 5].tolist() == [200, 200, 200]
    file.write_bytes(b"no image")
    with pytest.raises(DataError, match="cannot be read"):
        label_picture(record, labels)


def test_a_large_image_is_left_as_it_is() -> None:
    image = np.zeros((600, 700, 3), np.uint8)
    assert enlarged(image) is image
    assert decoded(jpeg(image)).shape == image.shape
