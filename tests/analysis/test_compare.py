"""A whole comparison: who is better by hand, what decides, what a reader must know."""

from __future__ import annotations

import json

import numpy as np
import pytest

from segloop.analysis import instance_intervals
from segloop.analysis.compare import class_keys, compare
from segloop.utils.errors import UserError
from tests.analysis.instance_runs_made import squares, write_instance_run
from tests.analysis.runs_compared import write_pair, write_shifted, write_timing, write_training
from tests.analysis.runs_made import write_run


def numbers_of(runs, **options):
    return compare(runs, **({"repeats": 120} | options)).numbers


def test_who_is_better_is_said_and_is_json(tmp_path):
    runs = write_pair(tmp_path)
    numbers = json.loads(json.dumps(numbers_of(runs, topk=2), allow_nan=False))
    (pair,) = numbers["pairs"]
    assert pair["pair"] == ["A", "B"]
    assert pair["images"]["wins"] == [7, 1]
    assert pair["images"]["equal"] == 0
    assert [each["image_id"] for each in pair["won"]["B"]] == ["0"]
    assert len(pair["won"]["A"]) == 2
    assert pair["won"]["A"][0]["by"] >= pair["won"]["A"][1]["by"] > 0
    gap = runs[1].scores["mDice_fg"] - runs[0].scores["mDice_fg"]
    assert pair["differences"]["mDice_fg"]["value"][0] == pytest.approx(gap, abs=1e-6)
    assert numbers["score"] == "mIoU_fg"  # the config of the first kept its checkpoints by it
    assert numbers["class_scores"] == ["IoU.ground", "IoU.disc", "IoU.bar"]
    assert pair["differences"]["IoU.disc"]["holm"] >= pair["differences"]["IoU.disc"]["p"]


def test_a_clear_winner_and_none(tmp_path):
    one, twin = write_shifted(tmp_path / "a", 1, number=12), write_shifted(tmp_path / "b", 1, number=12)
    worse = write_shifted(tmp_path / "c", 5, number=12)
    numbers = numbers_of([one, twin, worse], repeats=200)
    told = {"".join(each["pair"]): each for each in numbers["pairs"]}
    assert told["AB"]["verdict"] == {"better": None, "text": "no difference can be shown"}
    assert told["AB"]["tests"]["permutation"] == {"p": 1.0, "holm": 1.0}
    assert told["AB"]["won"] == {"A": [], "B": []}
    assert told["AC"]["verdict"] == {"better": "A", "text": "A is better"}
    # 12 images, all the same way: 2 of 4096 flips; the least of three is taken three times
    assert told["AC"]["tests"]["permutation"]["p"] == pytest.approx(2 / 4096, abs=1e-6)
    assert told["AC"]["tests"]["permutation"]["holm"] == pytest.approx(6 / 4096, abs=1e-6)


def test_large_objects_and_many_images_may_disagree(tmp_path):
    # A is right in all small discs but one huge one; B is wrong in all small ones and right in the huge one
    def truth(side):
        mask = np.zeros((40, 40), np.uint8)
        mask[:side, :side] = 1
        return mask

    def images(small, large):
        return {f"{n:02}": (truth(40 if n > 19 else 4), truth(large if n > 19 else small)) for n in range(40)}

    one = write_run(tmp_path / "a", images(4, 30), names=("ground", "disc"))
    other = write_run(tmp_path / "b", images(2, 36), names=("ground", "disc"))
    assert numbers_of([one, other], score="IoU.disc")["pairs"][0]["verdict"] == {
        "better": None,
        "text": "B is better by IoU.disc, A by the mean of images: they disagree",
    }


def test_the_score_that_decides_can_be_chosen_and_must_be_there(tmp_path):
    runs = write_pair(tmp_path, number=3)
    assert numbers_of(runs, score="Dice.bar")["score"] == "Dice.bar"
    with pytest.raises(UserError, match=r"--score mDice_gf: not all(.|\n)*Did you mean 'mDice_fg'"):
        compare(runs, score="mDice_gf")
    (runs[0].folder / "config.py").unlink()
    assert numbers_of(runs)["score"] == "mDice_fg"


def test_costs_curves_and_configs_of_the_trainings(tmp_path):
    runs = write_pair(tmp_path, number=3)
    for run, lr in zip(runs, (0.1, 0.2), strict=True):
        write_training(run, depth=18, lr=lr, score="mIoU_fg")
        write_timing(run.folder, 0.5)
    numbers = numbers_of(runs)
    # the tested configs differ in depth too: what was trained with counts
    assert numbers["config"]["differences"] == [
        {"path": "optim_wrapper.optimizer.lr", "values": ["0.1", "0.2"]}
    ]
    assert numbers["curves"][0]["score"] == [[100, 1.0, 41.0], [200, 3.0, 67.0]]
    assert {"score": 0.6, "minutes": [3.0, 3.0]} in numbers["time_to_score"]
    assert numbers["runs"][0]["costs"]["parameters"] == 1000
    assert numbers["notes"] == []


def test_without_a_training_its_own_config_speaks(tmp_path):
    runs = write_pair(tmp_path, number=2)
    assert [each["path"] for each in numbers_of(runs)["config"]["differences"]] == ["model.backbone.depth"]
    (runs[1].folder / "config.py").unlink()
    assert numbers_of(runs)["config"] == {"missing": ["b/test-last"], "differences": []}


def test_common_images_alone_decide_and_it_is_said(tmp_path):
    runs = write_shifted(tmp_path / "a", 1, number=6), write_shifted(tmp_path / "b", 2, number=3)
    numbers = numbers_of(runs, common=True)
    assert numbers["images"] == 3
    assert "3 of the 6 images of a/test-last are compared." in numbers["notes"]
    shorter = write_shifted(tmp_path / "short", 1, number=3)
    assert numbers["scores"]["mDice_fg"][0][0] == pytest.approx(shorter.scores["mDice_fg"], abs=1e-6)


def test_too_few_resamples_for_many_pairs_are_told(tmp_path):
    runs = [write_shifted(tmp_path / name, 1, number=2) for name in "abc"]
    # 2 x 3 pairs / 101 is more than .05: no p could be small enough
    assert "--repeats 120 is the least" in numbers_of(runs, repeats=100)["notes"][0]
    # nor one of 3 classes of 3 pairs each, for which p of classes are corrected
    (told,) = numbers_of(runs, repeats=120)["notes"]
    assert "a single class among 3 classes of 3 pairs: --repeats 360 is the least" in told
    cells = [
        each["differences"][f"IoU.{name}"]
        for each in numbers_of(runs, repeats=120)["pairs"]
        for name in ("disc", "bar")
    ]
    assert min(each["holm"] for each in cells) > 0.05
    assert numbers_of(runs, repeats=360)["notes"] == []


def test_one_image_has_scores_and_no_intervals(tmp_path):
    numbers = numbers_of(write_pair(tmp_path, number=1))
    assert numbers["scores"]["mDice_fg"][0][1:] == [None, None]
    assert numbers["pairs"][0]["tests"]["bootstrap"] == {"p": None, "holm": None}
    assert numbers["pairs"][0]["verdict"]["text"] == "no difference can be shown"


def test_empty_foreground_everywhere(tmp_path):
    empty, spot = np.zeros((8, 8), np.uint8), np.eye(8, dtype=np.uint8)
    one = write_run(tmp_path / "a", {str(n): (empty, empty) for n in range(4)})
    other = write_run(tmp_path / "b", {str(n): (empty, spot if n == 2 else empty) for n in range(4)})
    pair = numbers_of([one, other])["pairs"][0]
    assert pair["images"]["wins"] == [1, 0]  # the one that invented nothing
    assert pair["images"]["compared"] == 1
    assert pair["won"]["A"] == [{"image_id": "2", "by": 1.0}]


def test_objects(tmp_path):
    truth = squares((0, 0, 0, 10), (1, 30, 30, 10))
    right = squares((0, 0, 0, 10), (1, 30, 30, 10), scores=[0.9, 0.8])
    half = squares((0, 0, 0, 10), scores=[0.9])
    one = write_instance_run(tmp_path / "a", {str(n): (truth, right) for n in range(9)})
    other = write_instance_run(tmp_path / "b", {str(n): (truth, half) for n in range(9)})
    numbers = numbers_of([one, other])
    assert numbers["score"] == "coco/segm_mAP"
    assert numbers["score_of_images"] == "quality"
    pair = numbers["pairs"][0]
    assert pair["verdict"] == {"better": "A", "text": "A is better"}
    assert pair["images"]["wins"] == [9, 0]
    # one of two: 1 / (1 + 1/2)
    assert pair["images"]["mean_difference"] == pytest.approx(2 / 3 - 1, abs=1e-6)
    assert numbers["class_scores"] == ["coco/segm_mAP.disc", "coco/segm_mAP.bar"]
    assert pair["differences"]["coco/segm_mAP.bar"]["value"][0] == pytest.approx(-1)


def pages_of_objects(tmp_path, names, **options):
    truth = squares((0, 0, 0, 10), (1, 30, 30, 10))
    found = squares((0, 1, 0, 10), (1, 30, 30, 10), scores=[0.9, 0.8])
    images = {str(n): (truth, found) for n in range(4)}
    return [write_instance_run(tmp_path / name, images, experiment=name, **options) for name in names]


def test_ap_of_two_rules_is_told(tmp_path):
    runs = pages_of_objects(tmp_path, "ab", groups=("coco/segm",))
    assert numbers_of(runs)["notes"] == []
    runs[1].meta["max_dets"] = [10, 100, 1000]
    (told,) = numbers_of(runs)["notes"]
    assert told == "COCO's AP looks at 100, 1,000 found objects of a class in an image: not one rule."


def test_ap_that_is_resampled_too_seldom_for_so_many_pairs_is_told(tmp_path, monkeypatch):
    runs = pages_of_objects(tmp_path, "abc", groups=("coco/segm",))
    monkeypatch.setattr(instance_intervals, "AP_WORK", 100 * 8 * 10)  # 8 objects and 10 thresholds a resample
    assert numbers_of(runs[:2], repeats=1000)["notes"] == []
    told = numbers_of(runs, repeats=1000)["notes"]
    assert len(told) == 3
    assert "coco/segm_mAP of A is known in 100 of 1,000 resamples, too few to show" in told[0]


def test_a_score_that_is_not_resampled_does_not_decide(tmp_path, monkeypatch):
    runs = pages_of_objects(tmp_path, "ab", groups=("coco/segm", "cityscapes", "match"))
    with pytest.raises(UserError, match=r"--score cityscapes/AP cannot decide(.|\n)*Choose: coco/segm_mAP, "):
        compare(runs, score="cityscapes/AP", repeats=100)
    with pytest.raises(
        UserError, match=r"--score coco/segm_AR@10 cannot decide(.|\n)*COCO's recalls, by size"
    ):
        compare(runs, score="coco/segm_AR@10", repeats=100)
    monkeypatch.setattr(instance_intervals, "AP_WORK", 1)
    assert numbers_of(runs)["score"] == "match/recall"
    with pytest.raises(UserError, match=r"--score coco/segm_mAP cannot decide(.|\n)*very much was found"):
        compare(runs, score="coco/segm_mAP", repeats=100)
    alone = pages_of_objects(tmp_path / "alone", "ab", groups=("cityscapes",))
    with pytest.raises(UserError, match=r"could decide between them\. Only scores of resamples can"):
        compare(alone, repeats=100)


def test_one_that_found_nothing_is_compared_by_a_score_that_both_have(tmp_path):
    truth = squares((0, 0, 0, 10))
    images = {str(n): (truth, squares((0, 1, 0, 10), scores=[0.9])) for n in range(4)}
    nothing = {str(n): (truth, squares(scores=[])) for n in range(4)}
    runs = [write_instance_run(tmp_path / "a", images), write_instance_run(tmp_path / "b", nothing)]
    for pair in (runs, runs[::-1]):
        assert numbers_of(pair)["pairs"][0]["tests"]["bootstrap"]["p"] is not None


def test_a_thousand_classes(tmp_path):
    names = [f"kind {number}" for number in range(1000)]
    truth = np.kron(np.arange(16).reshape(4, 4) * 60, np.ones((8, 8))).astype(np.uint16)
    runs = [
        write_run(tmp_path / name, {"a": (truth, np.roll(truth, by)), "b": (truth, truth)}, names=names,
                  background=None)
        for name, by in (("x", 2), ("y", 3))
    ]  # fmt: skip
    numbers = numbers_of(runs)
    assert len(numbers["class_scores"]) == 1000
    assert numbers["scores"]["Dice.kind 1"][0][0] is None


def test_the_same_numbers_again_and_too_many_runs(tmp_path):
    runs = write_pair(tmp_path, number=3)
    assert numbers_of(runs, seed=4) == numbers_of(runs, seed=4)
    with pytest.raises(UserError, match="compare 26 at most"):
        compare([runs[0]] * 27)


def test_classes_that_belong_to_a_score():
    keys = ["mIoU_fg", "Dice.a", "IoU.a", "spacecraft/IoU.a", "pq/PQ.a", "coco/segm_mAP.a"]
    assert class_keys(keys, "mIoU_fg of images") == ["IoU.a"]
    assert class_keys(keys, "spacecraft/mIoU") == ["spacecraft/IoU.a"]
    assert class_keys(keys, "coco/segm_mAP") == ["coco/segm_mAP.a"]
    assert class_keys(keys, "cells/mAP") == ["Dice.a", "pq/PQ.a"]


def test_tiles_of_a_scene_count_as_one(tmp_path):
    one, worse = write_shifted(tmp_path / "a", 1, number=12), write_shifted(tmp_path / "b", 5, number=12)
    alone = numbers_of([one, worse])
    assert alone["groups"] is None
    assert alone["pairs"][0]["tests"]["permutation"]["p"] == pytest.approx(2 / 4096, abs=1e-6)
    assert "groups" not in alone["rules"]

    (tmp_path / "scenes.csv").write_text(
        "image_id,scene,film\n" + "".join(f"{place},{'abc'[place % 3]},x\n" for place in range(12))
    )
    table = {"table": str(tmp_path / "scenes.csv"), "column": "scene"}
    together = numbers_of([one, worse], group=table)
    assert together["groups"] == 3
    (pair,) = together["pairs"]
    assert pair["tests"]["permutation"]["p"] == 2 / 8
    assert pair["verdict"]["better"] is None
    assert "3 groups are few: intervals of fewer than 20 tend to be too narrow." in together["notes"]
    assert together["rules"]["intervals"].endswith("3 of them.")
    assert "together" in together["rules"]["groups"]

    nothing = numbers_of([one, worse], group=table | {"column": "film"})
    assert nothing["groups"] == 1
    assert nothing["scores"][nothing["score"]][0][1:] == [None, None]
    assert nothing["pairs"][0]["verdict"]["text"] == "no difference can be shown"


def test_groups_of_objects_too(tmp_path):
    images = {
        f"{scene}/{place}": (squares((0, 4, 4, 12)), squares((0, 4 + place, 4, 12), scores=[0.9]))
        for scene in "ab"
        for place in range(3)
    }
    runs = [write_instance_run(tmp_path / name, images) for name in "ab"]
    by_image, by_scene = numbers_of(runs), numbers_of(runs, group={"folder": 1})
    assert by_scene["groups"] == 2
    value, low, high = by_scene["scores"]["spacecraft/mIoU"][0]
    assert low == pytest.approx(value), "both scenes are alike"
    assert high == pytest.approx(value)
    assert by_image["scores"]["spacecraft/mIoU"][0][1] < value


def test_what_differs_in_the_tests_is_told_beside_the_models(tmp_path):
    runs = write_pair(tmp_path, number=3)
    assert numbers_of(runs)["tests"] == []
    test = "test_dataloader = dict(dataset=dict(pipeline=[dict(type='Resize', scale={size})]))\n"
    for run, size in zip(runs, (4, 8), strict=True):
        write_training(run)  # whose configs do not differ
        (run.folder / "config.py").write_text(
            f"model = dict(depth=18, test_cfg=dict(mode='{'whole' if size == 4 else 'slide'}'))\n"
            + test.format(size=size)
            + f"test_evaluator = dict(thresholds='{size}.json')\n"
        )
        run.meta["command"] = ["tools/test.py", "net.py"]
        run.meta["thresholds"] = {"classes": {"disc": {"threshold": size / 10}}, "file": None}
    runs[1].meta["command"].append("--tta")
    numbers = numbers_of(runs)
    assert numbers["config"]["differences"] == []
    assert [(each["path"], *each["values"]) for each in numbers["tests"]] == [
        ("--tta", "False", "True"),
        ("thresholds.disc.threshold", "0.4", "0.8"),
        ("model.test_cfg.mode", "'whole'", "'slide'"),
        ("test_dataloader.dataset.pipeline[Resize].scale", "4", "8"),
    ]
    assert "B was tested with --tta, A without" in " ".join(numbers["notes"])
