"""What was found in an image, as rows, as a picture, as CSV."""

from __future__ import annotations

import numpy as np

from segloop.analysis.instances import Instances
from segloop.app.found import by_class, found_in, painted, table_csv
from segloop.data.annotations import Label, LabelSet
from segloop.data.masks import encode
from segloop.experiments.predict.results import InstancePrediction, SemanticPrediction

LABELS = LabelSet((Label("ground"), Label("disc", (255, 0, 0)), Label("=bar", (0, 0, 255))), background=0)
MASK = np.zeros((10, 20), np.uint8)
MASK[1:3, 1:5] = 1
MASK[6:8, 1:3] = 1
MASK[5:9, 10:15] = 2
SEMANTIC = SemanticPrediction(mask=MASK, classes=LABELS)
THINGS = LabelSet(LABELS.labels[1:])
INSTANCE = InstancePrediction(
    instances=Instances(
        runs=[encode(MASK == 2), encode(MASK == 1)],
        labels=np.array([1, 0]),
        scores=np.array([0.9, 0.4]),
        size_hw=(10, 20),
    ),
    classes=THINGS,
)


def test_parts_of_an_index_mask_are_listed_with_their_boxes() -> None:
    found = found_in(SEMANTIC)
    assert [(each.label, each.pixels, each.score) for each in found] == [
        ("disc", 8, None),
        ("disc", 4, None),
        ("=bar", 20, None),
    ]
    assert found[2].box_xyxy == (10, 5, 15, 9)
    assert found[2].share == 0.1
    assert found_in(SemanticPrediction(mask=np.zeros_like(MASK), classes=LABELS)) == []


def test_classes_are_summed_the_largest_first() -> None:
    assert by_class(found_in(SEMANTIC)) == [("=bar", 1, 0.1, None), ("disc", 2, 0.06, None)]
    assert by_class(found_in(INSTANCE))[0] == ("=bar", 1, 0.1, 0.9)


def test_only_the_classes_and_scores_that_are_asked_for_are_painted() -> None:
    image = np.full((10, 20, 3), 100, np.uint8)
    both = painted(SEMANTIC, image, opacity=1.0)
    assert both[6, 12].tolist() == [0, 0, 255]
    one = painted(SEMANTIC, image, opacity=1.0, classes=["disc"])
    assert one[6, 12].tolist() == [100, 100, 100]
    sure = painted(INSTANCE, image, opacity=1.0, score_from=0.5)
    assert sure[6, 12].tolist() == [0, 0, 255]
    assert sure[2, 2].tolist() == [100, 100, 100]


def test_of_a_large_image_a_smaller_one_is_painted() -> None:
    image = np.full((10, 20, 3), 100, np.uint8)
    for prediction in (SEMANTIC, INSTANCE):
        small = painted(prediction, image, opacity=1.0, side=10)
        assert small.shape == (5, 10, 3)
        assert small[3, 6].tolist() == [0, 0, 255]
        assert np.array_equal(painted(prediction, image, side=20), painted(prediction, image))


def test_no_cell_of_the_table_is_a_formula() -> None:
    lines = table_csv([("@a", found_in(INSTANCE))]).splitlines()
    assert lines[0].startswith("image,object,class,score")
    assert lines[1] == "'@a,1,'=bar,0.9000,20,0.100000,10,5,15,9"
    assert table_csv([("-a", found_in(INSTANCE))]).splitlines()[1].startswith("'-a,")
