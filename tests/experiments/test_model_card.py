"""The card says what was recorded, and where nothing was recorded it says that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from segloop.analysis.runs import FORMAT
from segloop.data.info import ClassInfo, DatasetInfo, Files
from segloop.experiments.model_card import gather, model_card

TRAIN = {
    "experiment": "shore",
    "state": "interrupted",
    "command": ["tools/train.py", "configs/a b.py"],
    "code": {"commit": "0123456789", "dirty": True},
    "seed": 3,
    "images": 800,
    "batch_size": 16,
    "last_iter": 500,
    "max_iters": 900,
    "duration_s": 600,
    "earlier": [{"duration_s": 1200}],
    "hardware": {"cpu": "Some CPU"},
    "versions": {"torch": "2.13.0", "mmcv": None},
    "data": {"name": "finds", "content_hash": "sha256:1", "root": "../data"},
}


def make_work_dir(base: Path, *, split: str = "test", sha256: str = "abc") -> Path:
    """Write the records of a training and a test, and the data set they name."""
    info = DatasetInfo(
        name="finds",
        task="multiclass",
        classes=(ClassInfo("sand", (0, 0, 0)), ClassInfo("star", (1, 1, 1)), ClassInfo("leaf", (2, 2, 2))),
        splits={"test": 2},
        images=Files("img_dir/{split}", ".png"),
        source="a beach",
        generator="a program",
        seed=7,
        content_hash="sha256:1",
    )
    (base / "data").mkdir(parents=True)
    info.write(base / "data")
    run = base / "work/test/x"
    run.mkdir(parents=True)
    (base / "work/train.json").write_text(json.dumps(TRAIN))
    (base / "work/model.json").write_text(json.dumps({"parameters": 1_234_567}))
    scores: dict[str, Any] = {"mDice": 0.5, "Dice.sand": 0.9, "Dice.star": 0.25, "Dice.leaf": None}
    metrics = {"scores": scores, "image_means": {"mDice": 0.4}, "rules": {"set": "Pixels are counted."}}
    (run / "metrics.json").write_text(json.dumps(metrics))
    meta = {
        "format": FORMAT,
        "kind": "semantic",
        "experiment": "shore",
        "split": split,
        "finished": "2026-01-01T00:00:00Z",
        "classes": ["sand", "star", "leaf"],
        "checkpoint": {"sha256": sha256},
        "data": {"name": "finds", "root": "../../../data", "content_hash": "sha256:1"},
        "images": 2,
        "seed": 3,
        "files": ["metrics.json"],
    }
    (run / "meta.json").write_text(json.dumps(meta))
    return base / "work"


def card(work: Path) -> str:
    checkpoint = work / "best_mDice_fg_iter_500.pth"
    return model_card(gather(work, checkpoint=checkpoint, checkpoint_sha256="abc", file="a.safetensors"))


def test_says_what_was_recorded(tmp_path: Path) -> None:
    text = card(make_work_dir(tmp_path))
    assert text.startswith("---\nlibrary_name: segloop\n")
    for part in (
        "# shore",
        "1.2 M parameters. It tells 3 classes apart: sand, star, leaf.",
        "- Trained on: finds, 800 images",
        "- Source: a beach",
        "- Drawn by: a program, seed 7",
        "- Tested on: split `test`, 2 images",
        "| mDice | 0.5000 | 0.4000 |",
        "| star | – | 0.2500 |",
        "| leaf | – | – |",
        "- Pixels are counted.",
        "- Weakest class: star, Dice 0.250.",
        "- No pictures to judge by: leaf.",
        "- The checkpoint was chosen by mDice_fg on the validation split.",
        "- The training was not finished: interrupted at iteration 500.",
        "- Command: `tools/train.py 'configs/a b.py'`",
        "- Commit: 0123456789, with files changed since",
        "- Time: 30 minutes on Some CPU",
        "- Versions: torch 2.13.0\n",
        "The data's licence: not recorded.",
    ):
        assert part in text
    assert "license:" not in text.split("---")[1]  # whoever publishes it chooses
    assert "may have chosen the checkpoint" not in text


def test_scores_of_another_checkpoint_are_not_shown(tmp_path: Path) -> None:
    text = card(make_work_dir(tmp_path, sha256="other"))
    assert "was not tested, so there are none" in text
    assert "0.5000" not in text


def test_scores_of_the_validation_split_are_called_that(tmp_path: Path) -> None:
    assert "split `val`, which may have chosen the checkpoint" in card(make_work_dir(tmp_path, split="val"))


def test_a_bare_checkpoint_has_a_card_that_admits_it(tmp_path: Path) -> None:
    text = card(tmp_path)
    assert "parameters: not recorded" in text
    assert "- The training is not recorded." in text


def test_names_the_fold_and_what_was_read_where_the_set_has_no_hash(tmp_path: Path) -> None:
    work = make_work_dir(tmp_path)
    read = {"files": 12, "hash": "sha256:9"}
    data = {"name": None, "content_hash": None, "root": "../data", "read": read, "fold": {"fold": 2}}
    (work / "train.json").write_text(json.dumps(TRAIN | {"data": data}))
    text = card(work)
    assert "- Hash of the files that were read: sha256:9" in text
    assert "- Fold 2 of 5 was left out to validate on" in text
    assert "Fold" not in card(make_work_dir(tmp_path / "other"))


def test_scores_of_objects_have_their_own_names(tmp_path: Path) -> None:
    work = make_work_dir(tmp_path)
    run = work / "test/x"
    scores = {"coco/segm_mAP": 0.3, "coco/segm_mAP.sand": None, "coco/segm_mAP.star": 0.2}
    (run / "metrics.json").write_text(json.dumps({"scores": scores | {"coco/segm_mAP.leaf": 0.4}}))
    meta = json.loads((run / "meta.json").read_text())
    (run / "meta.json").write_text(json.dumps(meta | {"kind": "instance"}))
    text = card(work)
    assert "| class | coco/segm_mAP |\n|---|---|\n| sand | – |\n| star | 0.2000 |" in text
    assert "Weakest class: star, coco/segm_mAP 0.200." in text
    assert "No pictures to judge by: sand." in text
