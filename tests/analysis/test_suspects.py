"""Suspected labels: planted mistakes come before the model's own."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.analysis.gathering import gather
from segloop.analysis.measures import measure_run
from segloop.analysis.suspects import PRIOR, RULE, as_rows, find_suspects, image_suspicion, suspicion
from tests.analysis.runs_made import NAMES, scene, write_run


def case(number):
    """Return a truth, a prediction that is off by a column, as models are, and how sure it was."""
    truth = scene(number, side=64)
    pred = np.roll(truth, 1, axis=1)
    sure = np.where(truth == pred, 97, 65)
    return truth, pred, sure


def found(tmp_path, change, *, number=12, known=True):
    images, sure = {}, {}
    for place in range(number):
        truth, pred, confidence = case(place)
        truth, pred, confidence = change(place, truth, pred, confidence)
        images[f"{place:02}"], sure[f"{place:02}"] = (truth, pred), confidence
    run = write_run(tmp_path, images, sure=sure if known else None)
    gathered = gather(measure_run(run), num_classes=3, background=0)
    return gathered, find_suspects(gathered)


def planted(place, truth, pred, sure):
    """Leave out, rename, add and move an object in images 2, 5, 7 and 9; the model saw it as it was."""
    truth, sure = truth.copy(), sure.copy()
    if place == 2:
        truth[truth == 1] = 0
    elif place == 5:
        truth[truth == 1] = 2
    elif place == 7:
        truth[:10, :10], pred[:10, :10], sure[:10, :10] = 1, 0, 97
    elif place == 9:
        truth = np.roll(truth, 7, axis=1)
    sure[(truth != pred) & (np.roll(scene(place, side=64), 1, axis=1) == pred)] = 97
    return truth, pred, sure if place in (2, 5, 7, 9) else np.where(truth == pred, 97, 65)


def test_planted_mistakes_come_first_with_what_they_are(tmp_path):
    gathered, suspects = found(tmp_path, planted)
    ranked = list(dict.fromkeys(each.image_id for each in suspects))
    assert set(ranked[:4]) == {"02", "05", "07", "09"}
    first = {each.image_id: each for each in reversed(suspects)}
    assert first["02"].meaning == "missing"
    assert first["05"].meaning == "wrong class"
    assert first["07"].meaning == "extra"
    assert first["07"].box_xyxy == (0, 0, 10, 10)
    values = image_suspicion(suspects, gathered.image_ids)
    assert set(np.argsort(-values)[:4].tolist()) == {2, 5, 7, 9}


def test_a_sure_contradiction_is_more_suspect_than_an_unsure_one(tmp_path):
    def two(place, truth, pred, sure):
        pred = truth.copy()
        sure = np.full(truth.shape, 99)
        if place < 2:
            truth = np.where(truth == 1, 0, truth).astype(np.uint8)
            sure[pred == 1] = (98, 70)[place]
        return truth, pred, sure

    _, suspects = found(tmp_path, two, number=4)
    assert [each.image_id for each in suspects] == ["00", "01"]


def test_a_mistake_that_the_model_often_makes_is_less_suspect(tmp_path):
    def often(place, truth, pred, sure):
        truth = np.zeros((64, 64), np.uint8)
        truth[20:30, 20:30] = 1
        pred = truth.copy()
        truth[40:50, 40:50] = 2
        pred[40:50, 40:50] = 2
        if place:
            pred[5:15, 5:15] = 1  # discs are invented in every image but the first
        else:
            pred[5:15, 5:15] = 2  # bars in none but the first
        return truth, pred, np.full(truth.shape, 95)

    gathered, suspects = found(tmp_path, often)
    assert suspects[0].image_id == "00"
    assert suspects[0].pred == 2
    once, always = (next(each for each in suspects if each.pred == label) for label in (2, 1))
    called = gathered.confusion.sum(axis=0)
    rates = [gathered.confusion[0, label] / called[label] for label in (2, 1)]
    ratio = (rates[1] + 1 / 20) / (rates[0] + 1 / 20)
    assert once.score / always.score == pytest.approx(ratio)
    assert PRIOR == 1 / 20
    assert "(plus one in twenty)" in RULE


def test_without_confidence_regions_are_ranked_by_size_and_rarity(tmp_path):
    gathered, suspects = found(tmp_path, planted, known=False)
    assert len(suspects) == len(gathered.regions)
    assert np.isfinite(suspicion(gathered)).all()
    assert as_rows(suspects[:1], NAMES)[0]["confidence"] is None


def test_nothing_wrong_nothing_suspect(tmp_path):
    gathered, suspects = found(tmp_path, lambda place, truth, pred, sure: (truth, truth, sure), number=2)
    assert suspects == []
    assert image_suspicion(suspects, gathered.image_ids).tolist() == [0, 0]


def test_rows_of_the_table(tmp_path):
    _, suspects = found(tmp_path, planted)
    row = as_rows(suspects, NAMES)[0]
    assert row["rank"] == 1
    assert list(row) == [
        *("rank", "image_id", "suspicion", "kind", "labelled", "predicted", "pixels", "confidence"),
        *("left", "top", "right", "bottom"),
    ]
    assert len(as_rows(suspects, NAMES)) == len(suspects)
