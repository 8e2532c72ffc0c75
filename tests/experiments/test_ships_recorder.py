"""A RUN of a ships test holds cut masks, probabilities, the scores of each image and of the set."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import cv2
import pytest

from segloop.experiments.run_writer import ImageRow, Spool, SpooledImages
from segloop.experiments.ships_recorder import ShipsRecorder
from tests.experiments.ships_cases import META, TRUTH, chances, metric, sample

ROW = ImageRow("a/1", "a/1.jpg", "m/1.png", 6, 8, "", "")


def recorder(folder: Path, **options: Any) -> ShipsRecorder:
    return ShipsRecorder(
        folder, metric=metric(**options), dataset_meta=META, ignore_index=255, background="auto"
    )


def test_masks_are_cut_and_probabilities_kept_as_bytes(tmp_path: Path) -> None:
    record = recorder(tmp_path, min_area=2).record(sample(chances(speck=0.9)), ROW)
    assert record["ships"]["found"] == 1
    assert record["pairs"] == [[0, 1], [0, 1], [40, 8]]
    mask = cv2.imread(str(tmp_path / "predictions/a/1.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape[:2] == TRUTH.shape
    kept = cv2.imread(str(tmp_path / "probabilities/a/1.png"), cv2.IMREAD_UNCHANGED)
    assert (kept[5, 7], kept[1, 1], kept.dtype) == (230, 178, "uint8")


def test_probabilities_are_left_out_if_the_config_says_so(tmp_path: Path) -> None:
    recorder(tmp_path, keep_probabilities=False).record(sample(chances()), ROW)
    assert not (tmp_path / "probabilities").exists()


def test_tables_and_scores_of_the_set(tmp_path: Path) -> None:
    recording = recorder(tmp_path)
    spool = Spool(tmp_path / "records-0.jsonl")
    spool.append(ROW, recording.record(sample(chances(ship=0.6)), ROW))
    tables = recording.write_tables(SpooledImages([tmp_path / "records-0.jsonl"]))
    assert tables["scores"]["ships/F2"] == tables["scores"]["Dice.ship"] == 1.0
    assert tables["scores"]["ships/empty_clean"] is None
    assert "0.5 or more" in tables["rules"]["found"]
    lines = gzip.decompress((tmp_path / "ships.csv.gz").read_bytes()).decode().splitlines()
    assert lines == ["image_id,tp,fp,fn,f2,true,found", "a/1,8,0,0,1.0,1,1"]
    assert recording.describe()["thresholds"]["classes"]["ship"]["threshold"] == 0.5


def test_confidence_is_that_of_the_class_that_was_decided_for(tmp_path: Path) -> None:
    recording = recorder(tmp_path, threshold=0.8)  # so that a probability of 0.7 is background
    confidence = recording.record(sample(chances(ship=0.7)), ROW)["confidence"]
    assert confidence["wrong"] == 8
    assert confidence["wrong_confidence_sum"] == pytest.approx(8 * 0.3, abs=1e-3)
