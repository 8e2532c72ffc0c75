"""Cityscapes' AP: golden cases by hand, and numbers that the authors' script gave."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segloop.analysis.cityscapes_ap import CityscapesAP, average_precision
from segloop.analysis.instances import Instances
from segloop.analysis.matching import match
from segloop.data.cityscapes import BY_NAME, THINGS
from segloop.data.masks import encode, encode_labels
from tests.analysis.cases import nothing, objects

NAMES = [label.name for label in THINGS]
CARAVAN = 29


def large(text: str, *, times: int = 25) -> str:
    """Return a line with each letter as often as makes four of them 100 pixels."""
    return " ".join("".join(letter * times for letter in line) for line in text.split())


def scored(*images: tuple[Instances, Instances]) -> dict[str, float]:
    score = CityscapesAP(NAMES)
    for truth, found in images:
        score.add(match(truth, found))
    return score.scores()


def test_average_precision_worked_by_hand() -> None:
    truth, found = objects(large("aaaa....bbbb....")), objects(large("xxxx.....yyyy..."), scores=[0.9, 0.8])
    scores = scored((truth, found))
    # IoU 1, and 3/5 that is over .50 and .55. Else the curve goes through (1/2, 1/2), (1/2, 1) and (0, 1).
    assert scores["cityscapes/AP50"] == 1
    assert scores["cityscapes/AP"] == pytest.approx((2 * 1 + 8 * (0 * 1 / 2 + 1 / 4 + 1 / 4)) / 10)
    assert scores["cityscapes/AP.person"] == scores["cityscapes/AP"]
    assert math.isnan(scores["cityscapes/AP.rider"])
    assert list(scores)[:4] == [
        "cityscapes/AP",
        "cityscapes/AP50",
        "cityscapes/AP.person",
        "cityscapes/AP50.person",
    ]


def test_equal_scores_are_one_point_of_the_curve() -> None:
    flags = np.array([1, 0]), np.array([0, 1])
    assert average_precision(np.array([0.5, 0.5]), *flags, true=1) == pytest.approx(1 / 2 * 1 / 2 + 1 / 2)
    assert average_precision(np.array([0.4, 0.5]), *flags, true=1) == pytest.approx(1 / 4 + 1 / 4 * 0 + 0)


def test_the_surest_of_two_on_one_object_is_right() -> None:
    truth = objects(large("aaaa."))
    twice = Instances.of_bitmaps([truth_of(truth)] * 2, [0, 0], scores=[0.3, 0.9])
    # (recall 1, precision 1/2) at .3, (1, 1) at .9, (0, 1)
    assert scored((truth, twice))["cityscapes/AP"] == pytest.approx(0 * 1 / 2 + 1 / 2 + 1 / 2)


def truth_of(side: Instances) -> np.ndarray:
    return (
        np.array([[True] * 100 + [False] * 25]) if side.size_hw == (1, 125) else np.ones(side.size_hw, bool)
    )


def test_small_objects_groups_and_void_are_spared() -> None:
    found = objects("w" * 100 + "x" * 100 + "y" * 50 + "z" * 100, scores=[0.9, 0.6, 0.8, 0.7])
    truth = "g" * 100 + "a" * 100 + "s" * 50 + "v" * 100
    spared = objects(truth, "gas", crowd="g", ignore="v")
    assert scored((spared, found))["cityscapes/AP"] == 1
    # each of the three comes before the right one: the curve goes through (1, 1/4) and (0, 0), then (0, 1)
    assert scored((objects(truth, "a"), found))["cityscapes/AP"] == pytest.approx(1 / 2 * 1 / 4)


def test_a_group_spares_by_the_share_that_lies_in_it() -> None:
    def ap(inside: int) -> float:
        truth = objects("a" * 100 + "g" * 200 + "." * 100, "ag", crowd="g")
        mask = np.zeros((1, 400), bool)
        mask[0, 300 - inside : 400 - inside] = True
        bitmaps = [np.arange(400)[None] < 100, mask]
        return scored((truth, Instances.of_bitmaps(bitmaps, [0, 0], scores=[0.5, 0.9])))["cityscapes/AP"]

    spoiled = 1 / 2 * 1 / 2 + 0  # (1, 1/2), (0, 0), (0, 1)
    assert ap(0) == pytest.approx(spoiled)
    assert ap(72) == pytest.approx((5 * 1 + 5 * spoiled) / 10)  # .72 is over .50 to .70, and not over .75
    assert ap(100) == pytest.approx(1)


def test_a_true_object_under_100_pixels_does_not_count() -> None:
    small = objects(large("aaaa.", times=24)), objects(large("xxxx.", times=24), scores=[1])
    assert math.isnan(scored(small)["cityscapes/AP"])
    missed = objects(large("aaaa.")), nothing((1, 125))
    assert scored(missed)["cityscapes/AP"] == 0
    assert scored(missed, small)["cityscapes/AP"] == 0
    assert math.isnan(scored()["cityscapes/AP"])


def test_only_void_found_and_all_missed_is_zero() -> None:
    truth = objects(large("aaaa.vvvv"), "a", ignore="v")
    assert scored((truth, objects(large(".....xxxx"), scores=[1])))["cityscapes/AP"] == 0


def draw_street(draw: np.random.Generator, size_hw: tuple[int, int] = (60, 80)) -> tuple[np.ndarray, list]:
    """Return a map of ids with objects, groups, void and caravans, and found masks, labels and scores."""
    ids = np.full(size_hw, BY_NAME["road"].id)
    classes = [label.id for label in THINGS][: draw.integers(1, 4)]
    for number in range(draw.integers(0, 10)):
        y, x, high, wide = (*draw.integers(0, (size_hw[0] - 5, size_hw[1] - 5)), *draw.integers(3, 30, 2))
        label = int(draw.choice(classes))
        ids[y : y + high, x : x + wide] = draw.choice(
            [label * 1000 + number, label, 0, CARAVAN * 1000 + number], p=[0.65, 0.15, 0.15, 0.05]
        )
    found = []
    for _ in range(draw.integers(0, 14)):
        value = int(draw.choice(np.unique(ids)))
        mask = np.roll(ids == value, draw.integers(0, 4), draw.integers(0, 2))
        mask &= draw.random(size_hw) < draw.choice([1, 0.9, 0.7])
        label = value if value < 1000 else value // 1000
        label = label if label in classes and draw.random() < 0.9 else int(draw.choice(classes))
        found.append((mask, label, float(np.round(draw.random(), 1))))
    return ids, found


def as_instances(ids: np.ndarray, found: list) -> tuple[Instances, Instances]:
    place = {label.id: number for number, label in enumerate(THINGS)}
    ignored = [label.id for label in BY_NAME.values() if label.ignored]
    parts = [
        (runs, place[number], value < 1000)
        for value, runs in encode_labels(ids).items()
        if (number := value if value < 1000 else value // 1000) in place
    ]
    truth = Instances(
        runs=[runs for runs, _, _ in parts],
        labels=np.array([label for _, label, _ in parts], np.int64),
        crowd=np.array([crowd for _, _, crowd in parts], bool),
        size_hw=ids.shape,  # type: ignore[arg-type]
        ignore=encode(np.isin(ids, ignored)),
    )
    masks, labels, scores = ([each[part] for each in found] for part in range(3))
    return truth, Instances.of_bitmaps(
        masks, [place[label] for label in labels], size_hw=ids.shape, scores=scores
    )


def test_numbers_that_the_authors_script_gave() -> None:
    """From cityscapesscripts 2.3.0 on the same streets, without their distances."""
    for seed, (ap, ap50) in SCRIPT.items():
        draw = np.random.default_rng(seed)
        scores = scored(*(as_instances(*draw_street(draw)) for _ in range(3)))
        assert (scores["cityscapes/AP"], scores["cityscapes/AP50"]) == pytest.approx((ap, ap50), abs=1e-9)


SCRIPT = {
    1: (0.15041666666666664, 0.22916666666666666),
    2: (0.1751984126984127, 0.24156746031746032),
    4: (0.16666666666666663, 0.5416666666666666),
    5: (0.07622222222222223, 0.1811111111111111),
}


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_the_authors_script(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cityscapesscripts")
    draw = np.random.default_rng(seed)
    streets = [draw_street(draw) for _ in range(3)]
    wanted = script_scores(streets, tmp_path, monkeypatch)
    found = scored(*(as_instances(*street) for street in streets))
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        assert found[key] == pytest.approx(value, abs=1e-12, nan_ok=True), key


def script_scores(streets: list, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    if not hasattr(np, "in1d"):  # gone from numpy 2.4, and the script asks for it
        monkeypatch.setattr(np, "in1d", np.isin, raising=False)
    import cityscapesscripts.evaluation.evalInstanceLevelSemanticLabeling as script

    predictions, truths = [], []
    for number, (ids, found) in enumerate(streets):
        truths.append(folder / f"town_{number:06d}_000000_gtFine_instanceIds.png")
        Image.fromarray(ids.astype(np.uint16)).save(truths[-1])
        lines = []
        for place, (mask, label, score) in enumerate(found):
            Image.fromarray((mask * 255).astype(np.uint8)).save(folder / f"{number}_{place}.png")
            lines.append(f"{number}_{place}.png {label} {score!r}\n")
        predictions.append(folder / f"town_{number:06d}_000000_pred.txt")
        predictions[-1].write_text("".join(lines))
    script.args.gtInstancesFile = str(folder / "gt.json")
    script.args.quiet, script.args.JSONOutput, script.args.predictionPath = True, False, str(folder)
    monkeypatch.chdir(folder)
    averages = script.evaluateImgLists(list(map(str, predictions)), list(map(str, truths)), script.args)[
        "averages"
    ]
    scores = {"cityscapes/AP": averages["allAp"], "cityscapes/AP50": averages["allAp50%"]}
    for name in NAMES:
        each = averages["classes"][name]
        scores |= {f"cityscapes/AP.{name}": each["ap"], f"cityscapes/AP50.{name}": each["ap50%"]}
    return {key: float(value) for key, value in scores.items()}
