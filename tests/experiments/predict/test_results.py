"""Predictions are saved and drawn in the forms that other programs read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from segloop.analysis.instances import Instances
from segloop.data.annotations import Label, LabelSet
from segloop.experiments.predict import results
from segloop.experiments.predict.results import InstancePrediction, SemanticPrediction, save_overlay
from segloop.utils.errors import UserError

CLASSES = LabelSet((Label("ground"), Label("ship", color=(255, 0, 0))), background=0)
MASK = np.zeros((20, 30), np.uint8)
MASK[5:12, 8:20] = 1
OTHER = np.zeros((20, 30), np.uint8)
OTHER[10:18, 15:25] = 1
OBJECTS = InstancePrediction(
    instances=Instances.of_bitmaps([MASK, OTHER], [1, 1], scores=[0.9, 0.4]), classes=CLASSES
)
MAP = SemanticPrediction(mask=MASK, classes=CLASSES)
IMAGE = np.full((20, 30, 3), 120, np.uint8)


def pixels(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image)


def test_an_index_mask_is_a_palette_png(tmp_path: Path) -> None:
    with Image.open(MAP.save(tmp_path / "mask.png")) as saved:
        assert saved.mode == "P"
        assert (np.asarray(saved) == MASK).all()
        assert saved.getpalette()[3:6] == [255, 0, 0]


def test_objects_are_coco_results_or_a_map_of_numbers(tmp_path: Path) -> None:
    first, _ = json.loads(OBJECTS.save(tmp_path / "found.json").read_text())
    assert (first["category_id"], first["score"]) == (2, 0.9)
    assert (coco.decode(first["segmentation"]) == MASK).all()
    numbers = pixels(OBJECTS.save(tmp_path / "found.png"))
    assert numbers.dtype == np.uint16
    assert numbers[10, 16] == 1  # of two, the surer is seen
    assert numbers[17, 24] == 2


@pytest.mark.parametrize("prediction", [MAP, OBJECTS])
def test_an_overlay_shows_what_was_found(prediction: SemanticPrediction, tmp_path: Path) -> None:
    drawn = prediction.overlay(IMAGE)
    assert drawn.shape == IMAGE.shape
    assert drawn[8, 12, 0] > drawn[8, 12, 1] + 30  # red
    assert pixels(save_overlay(prediction, tmp_path / "a/b.jpg", image=IMAGE)).shape == (20, 30, 3)
    assert (pixels(save_overlay(prediction, tmp_path / "b.png", image=IMAGE)) == drawn).all()


def test_what_cannot_be_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="without its image"):
        MAP.overlay()
    with pytest.raises(UserError, match=r"ends in \.png"):
        MAP.save(tmp_path / "mask.jpg")
    with pytest.raises(UserError, match=r"ends in \.json"):
        OBJECTS.save(tmp_path / "found.xml")


def test_more_objects_than_a_png_numbers_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = OBJECTS.numbers()
    monkeypatch.setattr(results, "MOST_NUMBERED", len(OBJECTS) - 1)
    assert OBJECTS.numbers().dtype == np.uint32
    assert (OBJECTS.numbers() == narrow).all()
    assert (OBJECTS.overlay(IMAGE) != IMAGE).any()
    with pytest.raises(UserError, match=r"numbers \d objects, and there are \d: take JSON"):
        OBJECTS.save(tmp_path / "many.png")


def test_nothing_found_is_a_result(tmp_path: Path) -> None:
    nothing = InstancePrediction(
        instances=Instances.of_bitmaps([], [], size_hw=(20, 30), scores=[]), classes=CLASSES
    )
    assert json.loads(nothing.save(tmp_path / "none.json").read_text()) == []
    assert (nothing.overlay(IMAGE) == IMAGE).all()
