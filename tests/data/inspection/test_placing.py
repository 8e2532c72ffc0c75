"""Images are judged beside all others of the set."""

from __future__ import annotations

from segloop.data.inspection.edges import Fit
from segloop.data.inspection.placing import Placing


def judged(*fits: Fit) -> Placing:
    """Take in fits of images 0, 1, 2 …"""
    placing = Placing()
    for place, fit in enumerate(fits):
        placing.add((str(place), None, place), f"{place}.png", fit)
    return placing


GOOD = Fit(1.6, 1.0, (0, 0))


def test_images_near_chance_stand_out_the_worst_first() -> None:
    placing = judged(*[GOOD] * 6, Fit(1.0, 1.05, (2, 0)), Fit(0.8, 1.9, (-4, 6)))
    told = [(each.image_id, each.text) for each in placing.findings()]
    assert told == [
        (
            "7",
            "fit 0.80; the middle of the set is 1.60, and 1 is chance; "
            "1.9 times better 4 px to the left and 6 px down",
        ),
        ("6", "fit 1.00; the middle of the set is 1.60, and 1 is chance"),
    ]
    assert list(placing.remarks()) == []


def test_a_set_whose_outlines_follow_nothing_gets_a_remark_and_no_findings() -> None:
    placing = judged(*[Fit(1.0, 1.0, (0, 0))] * 6)
    assert list(placing.findings()) == []
    assert "follow no edges" in next(placing.remarks())


def test_a_set_that_is_moved_as_a_whole_is_one_finding() -> None:
    placing = judged(*[Fit(1.2, 1.5, (4, 0))] * 5, *[Fit(1.2, 1.3, (4, 2))] * 2, GOOD)
    (finding,) = placing.findings()
    assert finding.image_id is None
    assert finding.text == "the labels of most images would fit better 4 px to the right"
    assert list(placing.remarks()) == []


def test_moves_that_disagree_are_no_shift() -> None:
    placing = judged(*(Fit(1.5, 1.3, (step, -step)) for step in (-8, -4, 0, 4, 8)))
    assert placing.moved_xy is None


def test_no_outline_no_word() -> None:
    placing = Placing()
    placing.add(("a", None, 0), "a.png", None)
    assert list(placing.findings()) == list(placing.remarks()) == []
