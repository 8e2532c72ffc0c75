"""What was found is written as COCO's results, and read again image by image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from segloop.analysis.instances import Instances
from segloop.analysis.results_file import ResultsFile, ResultsWriter, results_of
from segloop.utils.errors import FormatError

SIZE_HW = (3, 4)
TWO = Instances.of_bitmaps(
    [np.eye(3, 4), np.ones(SIZE_HW)], [1, 0], scores=[0.75, float(np.float32(0.1))], size_hw=SIZE_HW
)
ONE = Instances.of_bitmaps([np.zeros(SIZE_HW)], [1], scores=[0.5], size_hw=SIZE_HW)
LABELS = {4: 0, 9: 1}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with two objects in image 7, none in 8, one in 3."""
    path = tmp_path / "predictions" / "results.json"
    writer = ResultsWriter(path)
    for image_id, found in ((7, TWO), (8, Instances.of_bitmaps([], [], size_hw=SIZE_HW)), (3, ONE)):
        writer.add(results_of(found, image_id=image_id, category_ids=[4, 9]))
    writer.close()
    return path


def test_it_is_the_list_that_coco_means_with_one_object_to_a_line(path: Path) -> None:
    results = json.loads(path.read_text())
    assert [(each["image_id"], each["category_id"], each["score"]) for each in results] == [
        (7, 9, 0.75),
        (7, 4, 0.100000001),
        (3, 9, 0.5),
    ]
    assert "bbox" not in results[0]
    assert len(path.read_text().splitlines()) == 5


def test_pycocotools_reads_the_same_masks(path: Path) -> None:
    from pycocotools import mask as coco

    results = json.loads(path.read_text())
    assert np.array_equal(coco.decode(results[0]["segmentation"]), np.eye(3, 4))


def test_an_image_is_read_alone_and_one_without_objects_is_empty(path: Path) -> None:
    file = ResultsFile(path, labels=LABELS)
    found = file.of(7, size_hw=SIZE_HW)
    assert [each.tolist() for each in found.runs] == [each.tolist() for each in TWO.runs]
    assert found.labels.tolist() == [1, 0]
    assert np.float32(found.scores[1]) == np.float32(0.1)
    assert len(file.of("3", size_hw=SIZE_HW)) == 1
    assert len(file.of(8, size_hw=SIZE_HW)) == len(file.of(99, size_hw=SIZE_HW)) == 0
    assert [(image_id, len(results)) for image_id, results in file] == [(7, 2), (3, 1)]


def test_nothing_found_at_all_is_an_empty_list(tmp_path: Path) -> None:
    ResultsWriter(tmp_path / "results.json").close()
    assert json.loads((tmp_path / "results.json").read_text()) == []
    assert list(ResultsFile(tmp_path / "results.json", labels={})) == []


def cut(text: str) -> str:
    """Leave out the end, as a full disk does."""
    return text[: len(text) // 2]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "no object of COCO's results|ends in the middle"),
        (lambda text: text.removesuffix("]\n"), "ends in the middle"),
        (lambda text: text.replace('"score"', '"skore"'), "line 2: this is no object of COCO's results"),
        (lambda text: text.replace('"score":0.75', '"score":"high"'), "line 2: this is no object"),
        (lambda text: text.replace('"counts":', '"count":'), "line 2: this is no object"),
        (lambda text: text.replace('"category_id":4', '"category_id":[4]'), "line 3: this is no object"),
        (
            lambda text: text.replace('"size":[3,4]', '"size":[4,3]', 1),
            r"image 7: the size of a mask is \[4, 3\], that of the image \[3, 4\]",
        ),
        (lambda text: text.replace('"category_id":9', '"category_id":"a"'), "category 'a' is none of"),
        (lambda text: text[2:], "does not begin as a RUN's results do"),
        (lambda text: text.replace('"category_id":9', '"category_id":5'), "category 5 is none of"),
        (lambda text: text.replace('"counts":"', '"counts":"0'), "image 7: a mask does not fill 4x3 pixels"),
    ],
)
def test_can_report_what_is_wrong_with_the_file(path: Path, damage, message: str) -> None:
    path.write_text(damage(path.read_text()))
    with pytest.raises(FormatError, match=message):
        ResultsFile(path, labels=LABELS).of(7, size_hw=SIZE_HW)


def test_can_report_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="the file is missing"):
        list(ResultsFile(tmp_path / "none.json", labels={}))
