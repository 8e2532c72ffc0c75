"""A RUN's predictions are drawn in the numbers of two sets of labels."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segloop.analysis.instances import Instances
from segloop.cvat.differences import join_classes
from segloop.cvat.found_maps import FoundMaps
from segloop.data.annotations import ImageRecord, Label, LabelSet
from segloop.data.png import encode_grey
from segloop.utils.errors import UserError

LABELS = LabelSet((Label("background"), Label("cat"), Label("dog")), background=0)
CLASSES = join_classes(LABELS, LABELS)
RECORD = ImageRecord(image_id="a", name="a.png", split="test", size_hw=(2, 2))


def run_of(**more: Any) -> Any:
    images = pd.DataFrame({"image_id": ["a"]}).set_index("image_id", drop=False)
    told = {"kind": "semantic", "meta": {"split": "test"}, "images": images, "background": 0, "name": "net"}
    return SimpleNamespace(**{**told, "class_names": ["background", "dog", "cat"], **more})


def test_masks_get_the_numbers_of_the_labels(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_grey(np.array([[0, 1], [2, 255]], np.uint8)))
    found = FoundMaps(run_of(prediction_file=lambda name: tmp_path / f"{name}.png"))(RECORD, CLASSES)
    assert found is not None
    assert found.tolist() == [[0, 2], [1, 3]]


def test_the_surest_object_lies_on_top() -> None:
    masks = [[[1, 1], [0, 0]], [[0, 1], [0, 1]]]
    objects = Instances.of_bitmaps(masks, [0, 1], scores=[0.9, 0.4])
    run = run_of(kind="instance", class_names=["dog", "cat"], background=None, found=lambda name: objects)
    found = FoundMaps(run)(RECORD, CLASSES)
    assert found is not None
    assert found.tolist() == [[2, 2], [0, 1]]


def test_other_images_and_other_classes_have_none() -> None:
    other = ImageRecord(image_id="b", name="b.png", split="test")
    assert FoundMaps(run_of())(other, CLASSES) is None
    train = ImageRecord(image_id="a", name="a.png", split="train")
    assert FoundMaps(run_of())(train, CLASSES) is None
    objects = Instances.of_bitmaps([[[1, 0], [0, 0]]], [0])
    with pytest.raises(UserError, match="fox"):
        FoundMaps(run_of(kind="instance", class_names=["fox"], background=None, found=lambda name: objects))(
            RECORD, CLASSES
        )
