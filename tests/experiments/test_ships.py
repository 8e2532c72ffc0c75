"""The stages of a ships experiment one after another: train, test, tune, and test with what was tuned."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from segloop.analysis.runs import read_run
from segloop.analysis.thresholds import ComponentRule, Thresholds, write_thresholds
from segloop.analysis.tuning import tune
from segloop.data.info import ClassInfo, DatasetInfo, Files
from segloop.experiments.launch import Options, evaluate, train
from segloop.utils.errors import ConfigError
from tests.conftest import REPOSITORY

CONFIG = """
_base_ = [{base!r}]
data_root = {root!r}
demo = dict(root=data_root)
model = dict(
    backbone=dict(channels=(4, 8), dropout=(0.0, 0.1)),
    decode_head=dict(in_channels=4, in_index=1, channels=4),
)
train_dataloader = dict(batch_size=2, num_workers=0, dataset=dict(data_root=data_root))
val_dataloader = dict(batch_size=2, num_workers=0, dataset=dict(data_root=data_root))
test_dataloader = dict(batch_size=2, num_workers=0, dataset=dict(data_root=data_root))
train_cfg = dict(max_iters=2, val_interval=2)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=1))
optim_wrapper = dict(enabled=False)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(vis_backends=vis_backends)
work_dir = {work_dir!r}
"""


def write_set(root: Path) -> None:
    """Write a set of 32x32 pixels: each split has a bright ship on dark water, and two empty images."""
    generator = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        for number in range(3):
            image = generator.integers(0, 60, (32, 32, 3), np.uint8)
            mask = np.zeros((32, 32), np.uint8)
            if number == 0:
                mask[10:14, 8:20] = 1
                image[mask == 1] += 150
            for folder, pixels in (("img_dir", image), ("ann_dir", mask)):
                file = root / folder / split / f"{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                assert cv2.imwrite(str(file), pixels)
    DatasetInfo(
        name="three",
        task="ships",
        classes=(ClassInfo("background", (0, 0, 0)), ClassInfo("ship", (128, 0, 0))),
        splits={"train": 3, "val": 3, "test": 3},
        images=Files("img_dir/{split}", ".png"),
        masks=Files("ann_dir/{split}", ".png"),
        background=0,
    ).write(root)


@pytest.fixture
def options(tmp_path: Path) -> Options:
    """A tiny ships experiment."""
    write_set(tmp_path / "ships")
    path = tmp_path / "tiny_ships.py"
    base = str(REPOSITORY / "configs/ships/unet_dropout_ships_demo.py")
    path.write_text(
        CONFIG.format(base=base, root=str(tmp_path / "ships"), work_dir=str(tmp_path / "work")),
        encoding="utf-8",
    )
    return Options(config=str(path), command=["tools/test.py", str(path)])


def test_a_ships_experiment_is_trained_tested_and_tuned(options: Options, tmp_path: Path) -> None:
    runner = train(options)
    assert runner.train_dataloader.batch_sampler.sampler.size == 1  # one with a ship, round(0.49) without
    best = json.loads((tmp_path / "work/train.json").read_text())["best_checkpoint"]
    assert best == "best_ships_Dice_iter_2.pth"
    logged, folder = evaluate(options, checkpoint="best", split="val")
    run = read_run(folder)
    assert run.scores["ships/F2"] == pytest.approx(logged["ships/F2"] / 100, abs=1e-6)
    assert run.scores["ships/F2_nothing"] == pytest.approx(2 / 3)
    assert "ships/Dice_all" in run.metrics["rules"]
    tuning = tune(run)
    assert tuning.images == 3
    assert tuning.scores_before["ships/F2"] == pytest.approx(run.scores["ships/F2"])
    assert tuning.scores_after["ships/F2"] >= tuning.scores_before["ships/F2"]

    write_thresholds(
        tmp_path / "work", Thresholds({"ship": ComponentRule(1.0, 1000)})
    )  # nothing is that sure
    _, folder = evaluate(options, checkpoint="best", split="val")
    tuned = read_run(folder)
    assert tuned.scores["ships/F2"] == tuned.scores["ships/F2_nothing"]
    assert tuned.scores["Dice.ship"] == 0
    assert tuned.meta["thresholds"]["file"] == "thresholds.json"
    assert (cv2.imread(str(tuned.prediction_file("0"))) == 0).all()


def test_augmentations_that_lose_the_logits_are_refused(options: Options, tmp_path: Path) -> None:
    from segloop.experiments.config import load_config
    from segloop.experiments.testing import use_tta

    config = load_config(Path(options.config), overrides=["tta_model.type=SegTTAModel"])
    with pytest.raises(ConfigError, match="SegLoopTTAModel"):
        use_tta(config)
