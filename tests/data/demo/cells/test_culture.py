"""Samples have several pictures that look alike, so that a split must keep them together."""

from __future__ import annotations

import itertools
import re
from collections import Counter

import pytest

from segloop.data.demo.cells.bodies import KINDS
from segloop.data.demo.cells.culture import PLATES, Resident, plan, residents


def test_a_longer_plan_begins_with_the_shorter_one() -> None:
    assert plan(0, "train", 60)[:17] == plan(0, "train", 17)
    assert len(plan(0, "train", 60)) == 60


def test_plans_differ_by_seed_and_split() -> None:
    ids = [{shot.image_id for shot in plan(*each, 40)} for each in ((0, "train"), (0, "test"), (1, "train"))]
    assert len(set.union(*ids)) == 120
    assert all(re.fullmatch("[0-9a-f]{12}", each) for each in set.union(*ids))


def test_small_sets_have_all_types_and_large_ones_the_shares_of_the_competition() -> None:
    assert set(PLATES) == set(KINDS)
    assert {shot.sample.cell_type for shot in plan(0, "train", 16)} == set(KINDS)
    counts = Counter(shot.sample.cell_type for shot in plan(0, "train", 700))
    assert counts["cort"] > counts["shsy5y"] > 120
    assert counts["astro"] > 120


def test_samples_have_pictures_hours_apart_and_names_with_plate_and_well() -> None:
    shots = plan(0, "train", 400)
    times: dict[str, list[int]] = {}
    for shot in shots[:-4]:
        assert re.fullmatch(r".+\[.+\]_[A-H]\d{1,2}-[12]_Vessel-\d+_Ph_[123]", shot.sample.sample_id)
        assert shot.sample.sample_id.split("_")[0] in PLATES[shot.sample.cell_type]
        times.setdefault(shot.sample.sample_id, []).append(shot.minutes)
    assert {len(each) for each in times.values()} == {2, 3, 4}
    gaps = [second - first for each in times.values() for first, second in itertools.pairwise(each)]
    assert min(gaps) >= 180
    wells = [sample_id.rsplit("-", 2)[0] for sample_id in times]
    assert set(Counter(wells).values()) == {1, 2}


@pytest.mark.parametrize("cell_type", KINDS)
def test_cells_drift_in_the_hours_between_two_pictures(cell_type: str) -> None:
    first, second = [shot for shot in plan(0, "train", 40) if shot.sample.cell_type == cell_type][:2]
    assert first.sample == second.sample
    before, after = ({cell.number: cell for cell in residents(0, shot)} for shot in (first, second))
    both = before.keys() & after.keys()
    assert len(both) > 0.8 * len(before)
    moves = [_distance(before[number], after[number]) / before[number].radius for number in both]
    assert 0 < max(moves) < 1


def test_cells_lie_close_but_not_on_top_of_each_other() -> None:
    for shot in plan(0, "train", 40)[::6]:
        kind, cells = KINDS[shot.sample.cell_type], residents(0, shot)
        least = min(
            _distance(one, other) / (one.radius + other.radius)
            for place, one in enumerate(cells)
            for other in cells[:place]
        )
        assert 0.3 * kind.gap < least < 1.3 * kind.gap


def _distance(one: Resident, other: Resident) -> float:
    return float(((one.x - other.x) ** 2 + (one.y - other.y) ** 2) ** 0.5)
