"""What is told of a set is plain JSON, and the numbers are those of the counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from segloop.data.annotations import Box, ImageRecord, Instance
from segloop.data.statistics import gather
from segloop.data.statistics.summary import summarise
from tests.data.statistics.sets import OBJECTS, cell, labelled, object_set, semantic_set, square


def test_a_semantic_set_told(tmp_path: Path) -> None:
    found = summarise(gather(semantic_set(tmp_path, 10), workers=0))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["kind"] == "semantic"
    assert found["totals"]["objects"] == 15
    ground, disc, bar = found["classes"]
    assert sum(each["pixel_share"] for each in (ground, disc, bar)) == pytest.approx(1, abs=1e-5)
    assert bar["image_share"] == 0.5
    assert bar["lines"] == 5
    assert disc["aspect"]["median"] == 1.0
    assert bar["aspect"]["median"] == pytest.approx(0.1, rel=0.05)
    assert disc["cut_share"] == 0.0
    assert sum(found["images"]["brightness"]["counts"]) == 10
    assert found["images"]["sizes_hw"] == [{"size_hw": [40, 60], "images": 10}]


def test_objects_without_pictures_told() -> None:
    found = summarise(gather(object_set(), workers=0))
    json.dumps(found, allow_nan=False)
    assert found["kind"] == "instances"
    assert found["images"]["mean_rgb"] is None
    assert found["objects_per_image"] == {"0": 1, "2": 1, "3": 1}
    assert found["quality"]["shared_pixels"] == 4
    assert found["quality"]["loose_share"] is None
    assert found["quality"]["outline_over_beside"]["median"] is None


def test_boxes_have_no_share_in_what_is_told_of_shapes() -> None:
    boxes = [Instance(label=name, shape=Box((2.0, 2.0, 9.0, 9.0))) for name in ("cell", "cell", "dust")]
    record = ImageRecord(image_id="a", name="a", size_hw=(32, 32), instances=(cell(square(0, 0, 4)), *boxes))
    found = summarise(gather(labelled([record], OBJECTS), workers=0))
    cells, dust = found["classes"]
    assert cells["objects"] == 3
    assert (cells["cut_share"], cells["box_filled"]) == (1.0, 1.0)
    assert (dust["cut_share"], dust["box_filled"]) == (None, None)
    assert found["quality"]["cut_share"] == 1.0
