"""The ships metric cuts by threshold and size before anything is counted, and says by which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from segloop.analysis.thresholds import ComponentRule, InstanceRule, Thresholds, write_thresholds
from segloop.experiments.ships_metric import SegLoopShipsMetric
from segloop.utils.errors import ConfigError, DataError
from tests.experiments.ships_cases import META, TRUTH, chances, metric, sample


def evaluated(made: SegLoopShipsMetric, *samples: object) -> dict[str, float]:
    """The scores of a validation of these samples."""
    made.process({}, [each.to_dict() for each in samples])
    return made.evaluate(size=len(samples))


EMPTY = np.zeros_like(TRUTH)


def test_scores_of_a_set_in_percent() -> None:
    alarm = sample(chances(ship=0.0, speck=0.9), EMPTY)
    scores = evaluated(metric(), sample(chances()), alarm)
    assert (scores["ships/Dice"], scores["ships/Dice_all"], scores["ships/F2"]) == (100.0, 50.0, 50.0)
    assert scores["Dice.ship"] == pytest.approx(100 * 16 / 17, abs=1e-3)


def test_threshold_and_size_decide_all_scores_alike() -> None:
    alarm = sample(chances(ship=0.0, speck=0.9), EMPTY)
    scores = evaluated(metric(min_area=2), sample(chances()), alarm)
    assert (scores["ships/F2"], scores["Dice.ship"]) == (100.0, 100.0)
    scores = evaluated(metric(threshold=0.8), sample(chances()), alarm)
    assert (scores["ships/Dice"], scores["ships/F2_full"], scores["Dice.ship"]) == (0.0, 0.0, 0.0)


def test_tuned_thresholds_replace_those_of_the_config(tmp_path: Path) -> None:
    tuned = write_thresholds(tmp_path, Thresholds({"ship": ComponentRule(0.6, 2, 4)}))
    made = metric(threshold=0.9, thresholds=str(tuned))
    assert made.rule == ComponentRule(0.6, 2, 4)
    assert "0.6 or more, and has 2 pixels" in made.rule_in_words()
    assert made.describe()["thresholds"]["file"] == "thresholds.json"
    other = write_thresholds(tmp_path, Thresholds({"ship": InstanceRule(0.6)}))
    with pytest.raises(DataError, match="needs 'components'"):
        _ = metric(thresholds=str(other)).rule


def test_touching_ships_of_the_coco_file_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    made = metric()
    halves = [TRUTH * (np.arange(8) < 3), TRUTH * (np.arange(8) >= 3)]
    from segloop.data.masks import encode

    monkeypatch.setattr(made._true, "of", lambda file, mask: [encode(half) for half in halves])
    score = made.cut(sample(chances()).to_dict()).score
    assert (score.true, score.found, score.f2) == (2, 1, 0.0)  # IoU 0.5 is not over 0.5


def test_ignored_pixels_are_no_false_alarm() -> None:
    ignored = TRUTH.copy()
    ignored[5, 7] = 255
    score = metric().cut(sample(chances(speck=0.9), ignored).to_dict()).score
    assert (score.fp, score.fn, score.found, score.f2) == (0, 0, 1, 1.0)


def test_a_model_with_one_channel_gives_probabilities() -> None:
    content = sample(chances()).to_dict()
    content["seg_logits"] = {"data": torch.from_numpy(chances()).float()[None]}
    assert (metric().cut(content).mask == TRUTH).all()


def test_what_the_metric_is_not_for_is_told() -> None:
    made = SegLoopShipsMetric()
    made.dataset_meta = {"classes": ["background", "ship", "buoy"], "background": 0}
    with pytest.raises(ConfigError, match="one class of objects; the data have background, ship, buoy"):
        _ = made.object_class
    with pytest.raises(ConfigError, match=r"threshold=2 and min_mean=0\.0 lie between 0 and 1"):
        SegLoopShipsMetric(threshold=2)
    content = sample(chances()).to_dict()
    del content["seg_logits"]
    with pytest.raises(ConfigError, match="needs the model's logits"):
        metric().cut(content)


def test_masks_alone_are_written_of_images_without_truth(tmp_path: Path) -> None:
    made = metric(format_only=True, output_dir=str(tmp_path), min_area=2)
    assert evaluated(made, sample(chances(speck=0.9), None)) == {}
    assert (tmp_path / "1.png").is_file()


def test_the_background_may_be_the_second_class() -> None:
    made = SegLoopShipsMetric()
    made.dataset_meta = {"classes": ["ship", "background"], "background": 1}
    content = sample(1 - chances(), 1 - TRUTH).to_dict()
    assert (made.cut(content).mask == 1 - TRUTH).all()
    assert META["classes"][metric().object_class] == "ship"
