"""Proposals for objects."""

import numpy as np
import pytest

from segloop.data.statistics.anchors import fit_anchors
from segloop.data.statistics.bins import SIZES
from segloop.experiments.proposal import instances
from segloop.experiments.proposal.seen import Seen
from tests.experiments.proposal.sets import seen


def objects(**told: object) -> Seen:
    return seen(kind="instances", names=("bolt",), background=None, pixels=(100,), **told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("side", "size_hw", "scale"),
    [
        (10, (200, 200), 2.0),
        (10, (3000, 3000), 1.0),
        (10, (700, 700), 1.45),
        (28, (200, 200), 1.5),
        (60, (200, 200), 1.0),
        (400, (800, 800), 0.2),
    ],
)
def test_small_objects_are_enlarged_and_large_ones_made_smaller(
    side: int, size_hw: tuple[int, int], scale: float
) -> None:
    assert instances.scale(objects(side=side, size_hw=size_hw)) == pytest.approx(scale, abs=0.05)


def test_windows_and_batches_follow_from_the_scaled_image() -> None:
    assert instances.window(objects(side=10, size_hw=(1000, 1000))) == 64
    assert instances.window(objects(side=60, size_hw=(200, 200))) is None
    assert instances.batch_size(objects(side=60, size_hw=(200, 200))) == 4
    assert instances.batch_size(objects(side=60, size_hw=(900, 900), most=1)) >= 1


def test_full_images_get_room_for_their_objects() -> None:
    text = "\n".join(instances.config_lines(objects(most=300), batch=2))
    assert "rcnn=dict(max_per_img=400)" in text
    assert "max_per_img" not in "\n".join(instances.config_lines(objects(most=70), batch=2))


def test_reasons_name_anchors_and_the_fullest_image() -> None:
    found = {each.what: each for each in instances.choices(objects(most=300))}
    assert "meet" in found["anchors"].why
    assert found["objects"].value == "up to 400 an image"


def test_anchors_fit_the_boxes_of_the_enlarged_image() -> None:
    small = objects(side=8, size_hw=(60, 60))
    assert instances.scale(small) == 2
    boxes = np.roll(small.tally.boxes, (SIZES.steps, SIZES.steps), axis=(0, 1))  # twice as large
    fitting = instances.anchors(small)
    assert fitting is not None
    assert fitting == fit_anchors(boxes)
    text = "\n".join(instances.config_lines(small, batch=2))
    assert f"scales={list(fitting.scales)}" in text
    (told,) = [each for each in instances.choices(small) if each.what == "anchors"]
    assert (told.value, told.why) == (f"scales {list(fitting.scales)}", "they meet 100 % of the boxes")
