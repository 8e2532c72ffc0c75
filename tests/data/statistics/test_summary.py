"""What is told of a set is plain JSON, and the numbers are those of the counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from segloop.data.statistics import gather
from segloop.data.statistics.summary import summarise
from tests.data.statistics.sets import object_set, semantic_set


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
