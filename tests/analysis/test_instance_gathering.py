"""What is kept of an instance RUN: classes, sizes, scores, candidates."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.analysis.instance_gathering import MOST_CANDIDATES, gather_objects
from segloop.analysis.matching import match
from tests.analysis.instance_runs_made import NAMES, squares


def gathered(*pairs, kept_from=0.3):
    images = [
        match(truth, found, image_id=str(place), kept=found.scores >= kept_from)
        for place, (truth, found) in enumerate(pairs)
    ]
    steps = []
    found = gather_objects(
        images, class_names=NAMES, keys=[], total=len(images), progress=lambda *step: steps.append(step)
    )
    assert steps[-1:] == [(len(images), len(images))] or not images
    return found


def test_classes_sizes_and_scores():
    found = gathered(
        (
            squares((0, 0, 0, 10), (1, 30, 30, 8)),
            squares(
                (0, 0, 0, 10), (0, 30, 30, 8), (1, 50, 50, 5), (1, 0, 40, 5), scores=[0.95, 0.8, 0.6, 0.1]
            ),
        )
    )
    assert found.confusion.tolist() == [[1, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert found.true_objects.tolist() == [1, 1]
    assert found.sizes[0, 6].tolist() == [1, 1]  # 100 pixels
    assert found.sizes[1, 6].tolist() == [1, 0]  # 64 pixels
    assert (found.scored[0, 1, 95], found.scored[0, 0, 80], found.scored[1, 0].sum()) == (1, 1, 2)
    assert found.class_counts[0].tolist() == [[1, 0], [1, 1], [2, 1], [1, 2]]
    assert found.surprise[0] == pytest.approx((0.8 + 0.6) / 3)
    assert (found.objects, found.object_pixels) == ([2], [164])


def test_an_unsure_object_that_fits_better_makes_no_mistake_of_a_sure_one():
    found = gathered(
        (squares((0, 0, 0, 10)), squares((0, 0, 0, 9), (0, 0, 0, 10), scores=[0.95, 0.1])),
        (squares((0, 0, 0, 10)), squares((0, 0, 0, 9), (0, 0, 0, 10), scores=[0.95, 0.4])),
    )
    assert (found.scored[0, 1, 95], found.scored[0, 0, 95]) == (2, 0)
    assert (found.scored[0, 0, 10], found.scored[0, 0, 40]) == (1, 1)
    assert found.surprise == [0.0, pytest.approx(0.95 / 2)]  # where both count, the better fit is right


def test_candidates_for_wrong_labels():
    found = gathered(
        (
            squares((0, 0, 0, 10), (1, 30, 30, 8), (0, 50, 0, 10), (1, 50, 50, 6)),
            squares(
                (0, 0, 2, 10), (0, 30, 30, 8), (1, 0, 40, 9), (1, 51, 50, 5), scores=[0.9, 0.8, 0.7, 0.1]
            ),
        )
    )
    by_kind = {each.kind: each for each in found.candidates}
    assert set(by_kind) == {"outline", "class", "invented", "missed"}
    assert (by_kind["outline"].found, by_kind["outline"].truth, by_kind["outline"].pixels) == (0, 0, 40)
    assert (by_kind["class"].label, by_kind["class"].true_label) == (0, 1)
    assert (by_kind["invented"].truth, by_kind["invented"].true_label) == (-1, -1)
    missed = {each.truth: each.score for each in found.candidates if each.kind == "missed"}
    assert missed == {2: 1.0, 3: pytest.approx(0.9)}  # something unsure was near the second


def test_an_image_has_few_candidates():
    places = [(0, 6 * (n // 10), 6 * (n % 10), 4) for n in range(40)]
    found = gathered((squares(), squares(*places, scores=np.linspace(0.4, 0.9, 40).tolist())))
    assert len(found.candidates) == MOST_CANDIDATES
    assert min(each.score for each in found.candidates) > 0.7


def test_nothing():
    assert len(gathered()) == 0
    empty = gathered((squares(), squares(scores=[])))
    assert np.isnan(empty.quality[0])
    assert empty.surprise == [0.0]
