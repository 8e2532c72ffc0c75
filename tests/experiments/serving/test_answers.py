"""Each answer holds the pixels that were predicted."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from segloop.analysis.instances import Instances
from segloop.data.annotations import Label, LabelSet
from segloop.data.masks import encode
from segloop.experiments.predict.results import InstancePrediction, SemanticPrediction
from segloop.experiments.serving.answers import answer
from segloop.experiments.serving.refusals import Refusal

CLASSES = LabelSet(
    (Label("sea", (0, 0, 0)), Label("ship", (255, 0, 0)), Label("buoy", (0, 255, 0))), background=0
)


@pytest.fixture
def semantic() -> SemanticPrediction:
    """Two ships and a buoy."""
    mask = np.zeros((6, 9), np.uint8)
    mask[:2, :3] = mask[4:, 5:] = 1
    mask[0, 8] = 2
    return SemanticPrediction(mask=mask, classes=CLASSES, image=np.full((6, 9, 3), 90, np.uint8))


@pytest.fixture
def objects() -> InstancePrediction:
    """A ship and a buoy that overlap."""
    ship, buoy = np.zeros((2, 6, 9), bool)
    ship[1:4, 1:7] = True
    buoy[3:6, 3] = True
    found = Instances(
        runs=[encode(ship), encode(buoy)],
        labels=np.array([0, 1]),
        scores=np.array([0.75, 0.5]),
        size_hw=(6, 9),
    )
    return InstancePrediction(instances=found, classes=LabelSet(CLASSES.labels[1:]))


def picture(body: bytes) -> np.ndarray:
    """Return the pixels of a PNG."""
    return np.array(Image.open(io.BytesIO(body)))


def decoded(size: list[int], counts: str) -> Any:
    """Return a mask by COCO's own decoder."""
    return coco.decode({"size": size, "counts": counts.encode()})


def test_png_is_the_index_mask_with_its_colours(semantic: SemanticPrediction) -> None:
    sent = answer(semantic, to="png")
    assert sent.media_type == "image/png"
    assert np.array_equal(picture(sent.body), semantic.mask)
    palette = Image.open(io.BytesIO(sent.body)).getpalette()
    assert palette is not None
    assert palette[3:6] == [255, 0, 0]


def test_an_overlay_has_the_size_of_the_image(semantic: SemanticPrediction) -> None:
    assert picture(answer(semantic, to="overlay").body).shape == (6, 9, 3)


def test_coco_has_one_annotation_a_connected_part(semantic: SemanticPrediction) -> None:
    told = json.loads(answer(semantic, to="coco").body)
    assert told["image"] == {"height": 6, "width": 9}
    assert told["categories"] == [{"id": 1, "name": "ship"}, {"id": 2, "name": "buoy"}]
    assert [each["category_id"] for each in told["annotations"]] == [1, 1, 2]
    painted = np.zeros((6, 9), np.uint8)
    for each in told["annotations"]:
        painted[decoded(**each["segmentation"]) > 0] = each["category_id"]
    assert np.array_equal(painted, semantic.mask)
    assert told["annotations"][0]["bbox"] == [0, 0, 3, 2]
    assert told["annotations"][0]["area"] == 6


def test_run_lengths_have_one_mask_a_class(semantic: SemanticPrediction) -> None:
    told = json.loads(answer(semantic, to="rle").body)
    assert [each["class"] for each in told["masks"]] == ["ship", "buoy"]
    assert np.array_equal(decoded(told["size"], told["masks"][0]["counts"]), semantic.mask == 1)


def test_objects_keep_their_scores_and_overlap(objects: InstancePrediction) -> None:
    told = json.loads(answer(objects, to="coco").body)
    assert [(each["category_id"], each["score"]) for each in told["annotations"]] == [(1, 0.75), (2, 0.5)]
    assert decoded(**told["annotations"][0]["segmentation"])[3, 3] == 1
    assert [each["score"] for each in json.loads(answer(objects, to="rle").body)["masks"]] == [0.75, 0.5]
    assert picture(answer(objects, to="png").body).max() == 2


def test_nothing_found_is_an_answer_too() -> None:
    empty = SemanticPrediction(mask=np.zeros((4, 4), np.uint8), classes=CLASSES)
    assert json.loads(answer(empty, to="coco").body)["annotations"] == []
    assert json.loads(answer(empty, to="rle").body)["masks"] == []


def test_an_unknown_form_is_refused_with_the_known_ones(semantic: SemanticPrediction) -> None:
    with pytest.raises(Refusal, match="choose png, overlay, coco, rle") as refusal:
        answer(semantic, to="gif")
    assert refusal.value.status == 400
