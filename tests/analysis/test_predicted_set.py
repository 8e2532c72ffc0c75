"""What a RUN predicted stands in the place of the truth, for the images that it was tested on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import cv2
import numpy as np
import pandas as pd
import pytest

from segloop.analysis.instances import Instances
from segloop.analysis.predicted_set import predicted_set
from segloop.analysis.runs import Run
from segloop.utils.errors import DataError
from tests.cvat.sets import LABELS, image, set_of


class FakeRun:
    """Answers as a Run does."""

    folder, class_names, background = Path("RUN"), list(LABELS.names), 0
    meta: ClassVar = {"split": "test"}

    def __init__(self, kind: str, file: Path | None = None) -> None:
        self.kind, self.file = kind, file
        self.images = pd.DataFrame(index=["a"])

    def prediction_file(self, image_id: str) -> Any:
        return self.file

    def found(self, image_id: str) -> Instances:
        masks = np.zeros((2, 48, 64), np.uint8)
        masks[:, 2:5, 2:9] = 1
        return Instances.of_bitmaps(masks, [1, 4], scores=[0.9, 0.2])


def test_objects_come_with_scores_and_without_the_unsure(tmp_path: Path) -> None:
    images = set_of([image(tmp_path, "a.png"), image(tmp_path, "b.png")], LABELS)
    (record,) = predicted_set(cast(Run, FakeRun("instance")), images)
    assert [(each.label, each.score) for each in record.instances] == [("0", pytest.approx(0.9))]
    assert record.file == images.load(0).file


def test_index_maps_come_with_the_colours_of_the_set(tmp_path: Path) -> None:
    mask = np.zeros((48, 64), np.uint8)
    mask[3:9, 3:9] = 2
    cv2.imwrite(str(tmp_path / "p.png"), mask)
    images = set_of([image(tmp_path, "a.png")], LABELS)
    found = predicted_set(cast(Run, FakeRun("semantic", tmp_path / "p.png")), images)
    assert (found.labels.background, found.labels.labels[1].color) == (0, (255, 0, 0))
    assert np.array_equal(next(iter(found)).semantic, mask)


def test_a_run_of_other_images_is_refused(tmp_path: Path) -> None:
    other = replace(image(tmp_path, "a.png"), image_id="z")
    with pytest.raises(DataError, match="none of these images"):
        predicted_set(cast(Run, FakeRun("semantic")), set_of([other], LABELS))


def test_an_image_of_another_split_that_has_the_same_id_is_none_of_the_run(tmp_path: Path) -> None:
    both = [image(tmp_path / split, "a.png", split=split) for split in ("train", "test")]
    run = cast(Run, FakeRun("instance"))
    assert [each.split for each in predicted_set(run, set_of(both, LABELS))] == ["test"]
    elsewhere = replace(both[1], split="test2017")  # of a set that calls its splits otherwise
    assert [each.split for each in predicted_set(run, set_of([elsewhere], LABELS))] == ["test2017"]
