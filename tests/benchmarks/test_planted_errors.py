"""Suspects are held against the mistakes that were planted."""

from __future__ import annotations

from benchmarks.planted_errors import is_hit, precision
from segloop.analysis.suspects import Suspect
from segloop.data.planting import Planted


def test_a_hit_is_half_inside() -> None:
    planted = [Planted("a", "moved", (10, 10, 20, 20))]

    def suspect(image_id: str, *box: int) -> Suspect:
        return Suspect(image_id, 1.0, "missing", 0, 1, 9, 0.9, (box[0], box[1], box[2], box[3]))

    assert is_hit(suspect("a", 12, 12, 18, 18), planted)
    assert is_hit(suspect("a", 5, 10, 15, 20), planted)
    assert not is_hit(suspect("a", 4, 10, 15, 20), planted)
    assert not is_hit(suspect("b", 12, 12, 18, 18), planted)
    assert precision([True, False, True], 4) == 0.5
