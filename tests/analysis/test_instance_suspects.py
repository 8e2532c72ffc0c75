"""Objects that may be labelled wrongly: the surer and the rarer, the more suspect."""

from __future__ import annotations

from segloop.analysis.instance_gathering import gather_objects
from segloop.analysis.instance_suspects import meaning, suspicion_by_image, suspicions
from segloop.analysis.matching import match
from tests.analysis.instance_runs_made import NAMES, squares


def suspects(*pairs):
    images = [match(truth, found, image_id=str(place)) for place, (truth, found) in enumerate(pairs)]
    gathered = gather_objects(images, class_names=NAMES, keys=[], total=len(images))
    return gathered, suspicions(gathered)


GOOD = squares((0, 0, 0, 10), (1, 30, 30, 10)), squares((0, 0, 0, 10), (1, 30, 30, 10), scores=[0.9, 0.9])


def test_planted_mistakes_come_first():
    left_out = squares((0, 0, 0, 10)), GOOD[1]
    renamed = squares((0, 0, 0, 10), (0, 30, 30, 10)), GOOD[1]
    unsure = GOOD[0], squares((0, 0, 0, 10), (1, 30, 30, 10), (1, 50, 0, 10), scores=[0.9, 0.9, 0.35])
    gathered, found = suspects(*[GOOD] * 10, left_out, renamed, unsure)
    assert {each.image_id for _, each in found[:2]} == {"10", "11"}
    told = {each.image_id: meaning(each, NAMES) for _, each in found}
    assert told["10"] == ("missing", "the model is sure of bar here, and nothing is labelled")
    assert told["11"] == ("wrong class", "labelled disc, and the model is sure that it is bar")
    values = suspicion_by_image(found, gathered.image_ids)
    assert values[0] == 0
    assert min(values[10], values[11]) > values[12] > 0


def test_what_the_model_often_invents_is_less_suspect():
    often = GOOD[0], squares((0, 0, 0, 10), (1, 30, 30, 10), (0, 50, 0, 10), scores=[0.9, 0.9, 0.8])
    rare = GOOD[0], squares((0, 0, 0, 10), (1, 30, 30, 10), (1, 50, 0, 10), scores=[0.9, 0.9, 0.8])
    _, found = suspects(*[often] * 8, rare)
    assert found[0][1].image_id == "8"


def test_an_object_that_nothing_was_found_for_is_less_suspect_than_a_sure_find():
    extra = squares(*((0, 0, 0, 10), (1, 30, 30, 10), (1, 50, 0, 10))), GOOD[1]
    missing = squares((0, 0, 0, 10)), GOOD[1]
    _, found = suspects(*[GOOD] * 10, extra, missing)
    assert [each.kind for _, each in found[:2]] == ["invented", "missed"]
    assert meaning(found[1][1], NAMES)[0] == "extra"


def test_a_coarse_outline_is_less_suspect_than_an_object_that_is_not_there():
    """Both are as sure, as large in doubt, and as rare."""
    loose = GOOD[0], squares((0, 0, 0, 10), (1, 30, 30, 8), scores=[0.9, 0.9])
    extra = squares(*((0, 0, 0, 10), (1, 30, 30, 10), (1, 50, 0, 6))), GOOD[1]
    _, found = suspects(*[GOOD] * 10, loose, extra)
    assert [each.kind for _, each in found] == ["missed", "outline"]
    assert found[0][0] > found[1][0]
