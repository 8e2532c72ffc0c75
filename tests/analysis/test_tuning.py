"""A RUN's thresholds before and after: of parts and of instances, with the official scores of both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from segloop.analysis.instances import Instances
from segloop.analysis.matching import ImageMatches, match
from segloop.analysis.runs import Run, read_run
from segloop.analysis.thresholds import ComponentRule, InstanceRule
from segloop.analysis.tuning import open_run, report, tune, work_dir_of
from segloop.utils.errors import DataError, FormatError, UserError
from tests.analysis.instance_runs_made import write_instance_run
from tests.analysis.ship_runs import write_ships_run


class InstanceRun(Run):
    """A RUN of an instance test whose matches are made up."""

    def matches(self) -> Iterator[ImageMatches]:
        def box(left: int, width: int) -> np.ndarray:
            mask = np.zeros((10, 40), bool)
            mask[2:8, left : left + width] = True
            return mask

        truth = Instances.of_bitmaps([box(0, 10), box(20, 10)], [0, 1])
        found = Instances.of_bitmaps(
            [box(0, 10), box(20, 10), box(12, 2), box(33, 6)], [0, 1, 0, 1], scores=[0.3, 0.8, 0.9, 0.6]
        )
        yield match(truth, found, image_id="1")


def instance_run(folder: Path, **meta: object) -> Run:
    """A made-up RUN of two classes."""
    told = {"kind": "instance", "experiment": "cells", "split": "val", "classes": ["astro", "cort"]}
    return InstanceRun(folder / "work/test/val-best", {**told, "checkpoint": {"file": "best.pth"}, **meta})


def test_each_class_of_an_instance_run_gets_thresholds_of_its_own(tmp_path: Path) -> None:
    tuning = tune(instance_run(tmp_path, score_families=["coco", "cells"]))
    assert tuning.metric == "cells/mAP"
    assert tuning.before == {"astro": InstanceRule(0.5), "cort": InstanceRule(0.5)}
    astro, cort = tuning.after["astro"], tuning.after["cort"]
    assert astro.score <= 0.3  # its true one is unsure, and its false one small
    assert 12 < astro.min_area <= 60
    assert 0.6 < cort.score <= 0.8 or 36 < cort.min_area <= 60
    assert tuning.scores_before["cells/mAP"] == pytest.approx(1 / 4)
    assert tuning.scores_after["cells/mAP"] == tuning.scores_after["match/recall"] == 1.0
    assert tuning.thresholds().tuned_on["before"] == 0.25
    assert "astro: score 0.5, min_area 0  →" in report(tuning)


def test_what_a_test_counted_by_is_where_the_search_begins(tmp_path: Path) -> None:
    stored = {"classes": {"astro": {"score": 0.2, "min_area": 13}, "cort": {"score": 0.7, "min_area": 0}}}
    tuning = tune(instance_run(tmp_path, thresholds=stored), metric="match/F1")
    assert tuning.before == tuning.after == {"astro": InstanceRule(0.2, 13), "cort": InstanceRule(0.7)}
    assert tuning.scores_before["match/F1"] == 1.0


def test_labels_are_those_that_the_test_loaded(tmp_path: Path) -> None:
    folder = write_ships_run(tmp_path / "work", split="val")
    usual = tune(read_run(folder), workers=1)
    for file in (tmp_path / "data/ann/a").iterdir():
        mask = cv2.imread(str(file), cv2.IMREAD_UNCHANGED) + 1  # 0 is what nobody labelled
        mask[11, :3] = 0
        assert cv2.imwrite(str(file), mask)
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "reduce_zero_label": True, "ignore_index": 255}))
    tuning = tune(read_run(folder), workers=1)
    assert tuning.scores_before == usual.scores_before
    assert tuning.after == usual.after


def test_a_metric_of_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'ships/Dice' cannot be tuned for .* Choose: cells/mAP"):
        tune(instance_run(tmp_path), metric="ships/Dice")
    with pytest.raises(UserError, match="kind 'other'"):
        tune(instance_run(tmp_path, kind="other"))


def test_parts_are_tuned_for_dice_or_f2(tmp_path: Path) -> None:
    run = read_run(write_ships_run(tmp_path / "work", split="val"))
    tuning = tune(run, metric="ships/Dice")
    assert tuning.before == {"ship": ComponentRule(0.3, 0, 8)}
    assert tuning.scores_after["ships/Dice"] == 1.0
    assert tuning.scores_before["ships/Dice"] == pytest.approx((20 / 39 + 20 / 38) / 2)
    assert tuning.curves[0].chosen == tuning.after["ship"].threshold
    assert "with its neighbours" in report(tuning)
    assert "with its neighbours" not in report(tune(run, metric="ships/F2"))


def test_ignored_pixels_are_left_out_as_in_the_test(tmp_path: Path) -> None:
    folder = write_ships_run(tmp_path / "work", split="val")
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | {"ignore_index": 255}))
    for number in (0, 2):  # those with a speck
        file = tmp_path / "data/ann/a" / f"{number}.png"
        truth = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        truth[10, 14] = 255
        cv2.imwrite(str(file), truth)
    tuning = tune(read_run(folder), metric="ships/Dice")
    assert tuning.scores_before["ships/Dice"] == pytest.approx(20 / 38)
    assert tuning.scores_before["ships/empty_clean"] == 1.0


def test_labels_that_were_changed_since_the_test_are_told(tmp_path: Path) -> None:
    run = read_run(write_ships_run(tmp_path / "work", split="val"))
    run.images["truth_sha256"] = [
        hashlib.sha256(run.truth_file(image_id).read_bytes()).hexdigest()
        for image_id in run.images["image_id"]
    ]
    assert "changed since" not in report(tune(run, metric="ships/Dice"))
    run.images.loc[run.images.index[0], "truth_sha256"] = "another"
    tuning = tune(run, metric="ships/Dice")
    assert tuning.relabelled == 1
    assert "the labels of 1 images were changed since the test" in report(tuning)


def test_a_run_without_anything_to_tune_on_is_told(tmp_path: Path) -> None:
    folder = write_ships_run(tmp_path / "work", split="val")
    table = folder / "images.csv"
    whole = table.read_text()
    table.write_text("\n".join([whole.splitlines()[0], *whole.splitlines()[3:]]) + "\n")
    with pytest.raises(FormatError, match="no image of this RUN shows a ship"):
        tune(read_run(folder))
    table.write_text(whole.splitlines()[0] + "\na/0,img/a/0.jpg,,12,16,x,\n")
    with pytest.raises(FormatError, match="no image of this RUN has a truth"):
        tune(read_run(folder))
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | {"classes": ["background", "ship", "buoy"]}))
    with pytest.raises(UserError, match="has background, ship, buoy"):
        tune(read_run(folder))


def test_the_newest_validation_run_of_a_work_dir_is_taken(tmp_path: Path) -> None:
    write_ships_run(tmp_path / "work", split="test")
    folder = write_ships_run(tmp_path / "work", split="val")
    assert open_run(tmp_path / "work").folder == folder
    assert work_dir_of(open_run(folder)) == tmp_path / "work"
    moved = folder.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="--out"):
        work_dir_of(open_run(moved))


def test_can_report_a_set_in_which_there_is_nothing_to_find(tmp_path: Path) -> None:
    crowd = Instances.of_bitmaps(np.ones((1, 4, 4), bool), [0], crowd=[True])
    found = Instances.of_bitmaps(np.eye(4)[None], [0], scores=[0.9])
    run = write_instance_run(tmp_path, {"1": (crowd, found)})
    with pytest.raises(
        DataError, match=r"none of its 1 images has a true object .*tools/test\.py CONFIG --split"
    ):
        tune(run)


def test_can_report_a_run_in_which_nothing_was_found(tmp_path: Path) -> None:
    truth = Instances.of_bitmaps(np.ones((1, 4, 4), bool), [0])
    found = Instances.of_bitmaps([], [], scores=[], size_hw=(4, 4))
    run = write_instance_run(tmp_path, {"1": (truth, found)})
    with pytest.raises(DataError, match=r"found nothing in any of its 1 images.*nothing to tune"):
        tune(run)
