"""A dry run of a training tries all of it, tells what would go wrong, and leaves nothing behind."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segloop.experiments.dry_run import sandbox
from segloop.experiments.launch import Options, train
from segloop.utils.errors import UserError
from tests.experiments.dry_run.trying import contents, tried_training


def real_error(config: Path, *overrides: str, **settings: str) -> str:
    """Return what the training itself says before it ends."""
    with pytest.raises(UserError) as caught:
        train(Options(config=str(config), overrides=list(overrides)), **settings)  # type: ignore[arg-type]
    return str(caught.value)


def test_a_training_that_will_run_is_ready_and_nothing_is_left(tiny_config: Path, tmp_path: Path) -> None:
    before = contents(tmp_path)
    tried = tried_training(tiny_config)
    assert tried.code == 0, tried.text
    assert "Ready: this training will start and reach its first validation." in tried.text
    assert "train: 4 images of 64x64" in tried.row("data")
    assert "6, as many as model.decode_head predicts: background, starfish" in tried.row("classes")
    assert "background 9" in tried.row("pixels")
    assert "2 steps of 2 images, the largest (64x64) first" in tried.row("training")
    assert "scores: aAcc, mIoU, mAcc, mDice, mIoU_fg, mDice_fg" in tried.row("validation")
    assert tried.row("time").startswith("✓ time about ")
    assert "2 steps x" in tried.row("time")
    assert "1 validation x" in tried.row("time")
    assert contents(tmp_path) == before
    assert not (tmp_path / "work").exists()


def test_the_disk_estimate_is_what_a_run_takes(tiny_trained: tuple[Path, Path], tmp_path: Path) -> None:
    config, work = tiny_trained
    often = "default_hooks.checkpoint.interval=1"
    text = tried_training(config, often, work_dir=tmp_path / "other").row("disk")
    sizes = [work / "iter_2.pth", *work.glob("best_*.pth")]
    wanted = [path.stat().st_size / 1000 for path in sizes]
    told = re.search(r"2 checkpoints x (\d+) kB, best (\d+) kB", text)
    assert told
    assert [int(told[1]), int(told[2])] == pytest.approx(wanted, rel=0.3)
    real = sum(path.stat().st_size for path in work.rglob("*") if path.is_file())
    estimated = 1000 * int(text.removeprefix("✓ disk ").split()[0])
    assert real / 2 < estimated < 6 * real  # logs of two iterations are nearly nothing, of a run they are not


def test_a_work_dir_with_a_run_in_it_stays_as_it_is(tiny_trained: tuple[Path, Path], tmp_path: Path) -> None:
    config, work = tiny_trained
    again = Path(shutil.copytree(work, tmp_path / "work"))
    before = contents(tmp_path)
    tried = tried_training(config, "train_cfg.max_iters=4", work_dir=again, resume="auto")
    assert tried.code == 0, tried.text
    assert "iter_2.pth goes on after iteration 2 of 4" in tried.row("resume")
    assert contents(tmp_path) == before  # the best checkpoint among them, though a better one was found
    tried = tried_training(config, work_dir=again)
    assert "holds an earlier run, up to iter_2.pth" in tried.row("work_dir", "!")
    assert "--resume goes on with it" in tried.row("work_dir")
    assert contents(tmp_path) == before


def test_the_same_run_goes_on_and_another_is_moved_aside(tiny_config: Path, tmp_path: Path) -> None:
    rarely = ["default_hooks.checkpoint.interval=100"]  # as the trials have it
    train(Options(config=str(tiny_config), overrides=rarely), resume="same")
    record = json.loads((tmp_path / "work/train.json").read_text())
    (tmp_path / "work/train.json").write_text(json.dumps(record | {"state": "interrupted"}))
    before = contents(tmp_path)
    tried = tried_training(tiny_config, resume="same")
    assert "iter_2.pth goes on after iteration 2 of 2" in tried.row("resume")
    tried = tried_training(tiny_config, "optim_wrapper.optimizer.lr=0.5", resume="same")
    assert f"it will be moved to {tmp_path}/work.before" in tried.row("work_dir", "!")
    assert contents(tmp_path) == before


def test_a_fold_is_tried_as_it_will_be_cut(tiny_config: Path, tmp_path: Path) -> None:
    before = contents(tmp_path)
    tried = tried_training(tiny_config, "kfold.fold=1", "kfold.folds=4")
    assert tried.code == 0, tried.text
    assert "train: 3 images of 64x64" in tried.row("data")
    assert "val: 1 image" in tried.text
    assert contents(tmp_path) == before
    tried = tried_training(tiny_config, "kfold.fold=5", "kfold.folds=4")
    assert "fold=5 of 4: folds are counted from 1" in tried.row("kfold", "✗")


def test_says_when_nothing_is_left_to_train(tiny_trained: tuple[Path, Path], tmp_path: Path) -> None:
    config, work = tiny_trained
    tried = tried_training(config, work_dir=Path(shutil.copytree(work, tmp_path / "work")), resume="auto")
    assert tried.code == 1
    assert "nothing is left to train" in tried.row("resume", "✗")


def test_a_damaged_checkpoint_is_told_as_the_run_tells_it(
    tiny_trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    config, work = tiny_trained
    again = Path(shutil.copytree(work, tmp_path / "work"))
    newest = again / "iter_2.pth"
    newest.write_bytes(newest.read_bytes()[:-50])
    tried = tried_training(config, "train_cfg.max_iters=4", work_dir=again, resume="auto")
    assert "iter_1.pth goes on after iteration 1 of 4" in tried.row("resume")
    assert "iter_2.pth is damaged" in capsys.readouterr().err
    tried = tried_training(config, work_dir=again, resume=str(newest))
    assert tried.code == 2
    assert "is damaged" in str(tried.error)


@pytest.mark.parametrize(
    "overrides",
    [
        ("model.backbone.chanels=[4,8]",),
        ("model.decode_head.num_classes=4",),
        ("model.data_preprocessor.std=[nan,nan,nan]",),
        ("default_hooks.checkpoint.save_best=mDice_gf",),
        ("load_from=gone.pth",),
    ],
)
def test_what_the_run_refuses_is_told_in_its_words(tiny_config: Path, overrides: tuple[str, ...]) -> None:
    tried = tried_training(tiny_config, *overrides)
    assert tried.code == 2
    assert str(tried.error) == real_error(tiny_config, *overrides)


def test_a_broken_mask_is_told_in_the_runs_words(tiny_config: Path, tiny_root: Path) -> None:
    for split in ("train", "val"):
        mask = min((tiny_root / "ann_dir" / split).iterdir())
        pixels = np.array(Image.open(mask))
        pixels[0, :3] = 77
        Image.fromarray(pixels).save(mask)
    tried = tried_training(tiny_config)
    assert tried.code == 2
    assert "77 in 3 px" in str(tried.error)
    assert "ann_dir/val" in str(tried.error)
    assert str(tried.error) == real_error(tiny_config)
    assert "The data cannot be used as they are: 2 finding(s)" in tried.row("data", "✗")


def test_independent_mistakes_are_told_together(tiny_config: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    tried = tried_training(tiny_config, "model.decode_head.num_classes=4", work_dir=tmp_path / "file/inside")
    assert tried.code == 2
    assert "cannot be written" in str(tried.error)
    assert "num_classes is 4, but the data have 6 classes" in str(tried.error)
    assert "2 findings: work_dir, data" in tried.text


def test_a_validation_that_would_fail_is_caught(
    tiny_config: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segloop.experiments.metrics import SegLoopSemanticMetric

    def fail(self: object, results: list) -> dict:
        raise ZeroDivisionError("no pixel at all")

    monkeypatch.setattr(SegLoopSemanticMetric, "compute_metrics", fail)
    tried = tried_training(tiny_config)
    assert tried.code == 1
    assert "ZeroDivisionError in test_training.py" in tried.row("validation", "✗")
    assert "no pixel at all" in tried.row("validation", "✗")
    assert "2 steps" in tried.row("training", "✓")
    assert "Traceback" in capsys.readouterr().err


def test_memory_that_runs_out_says_what_to_lower(tiny_config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from segloop.experiments.models.encoder_decoder import SegLoopEncoderDecoder

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(SegLoopEncoderDecoder, "train_step", fail)
    tried = tried_training(tiny_config)
    assert tried.code == 1
    row = tried.row("memory", "✗")
    assert "in training, a batch of 2 does not fit" in row
    assert "train_dataloader.batch_size=" in row
    assert "train_dataloader.dataset.pipeline.1.size" in row  # RareClassCrop


def test_runs_by_epochs_are_tried_too(tiny_config: Path) -> None:
    tiny_config.write_text(
        tiny_config.read_text().replace(
            "train_cfg = dict(",
            "train_cfg = dict(_delete_=True, by_epoch=True, max_epochs=3)\nunused = dict(",
        )
        + "\ntrain_dataloader['sampler'] = dict(endless=False)\nparam_scheduler = []\ndel unused\n"
    )
    tried = tried_training(tiny_config, "default_hooks.checkpoint.by_epoch=True")
    assert tried.code == 0, f"{tried.text} {tried.error}"
    assert "6 steps x" in tried.row("time")
    assert "3 validations x" in tried.row("time")


def test_weights_to_start_from_are_compared(tiny_trained: tuple[Path, Path], tmp_path: Path) -> None:
    config, work = tiny_trained
    whole = work / "iter_2.pth"
    tried = tried_training(config, f"load_from={whole}", work_dir=tmp_path / "a")
    assert "tensors fit the model's" in tried.row("load_from", "✓")
    tried = tried_training(
        config, f"load_from={whole}", "model.backbone.channels=[4,16]", work_dir=tmp_path / "b"
    )
    assert "backbone" in tried.row("load_from", "!")
    torch.save({"strange.weight": torch.zeros(1)}, tmp_path / "other.pth")
    tried = tried_training(config, f"load_from={tmp_path / 'other.pth'}", work_dir=tmp_path / "c")
    assert tried.code == 1
    assert ": 0 of " in tried.row("load_from", "✗")


def test_a_demo_set_that_is_missing_is_tried_on_a_few_scenes(
    tiny_config: Path, tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(tiny_root)
    monkeypatch.setattr(sandbox, "DEMO_SCENES", 7)
    before = contents(tmp_path)
    tried = tried_training(tiny_config)
    assert tried.code == 0, tried.text
    assert "will draw the demo set (800 train, 200 val, 200 test)" in tried.row("data", "!")
    assert contents(tmp_path) == before
    assert not tiny_root.exists()


def test_a_folder_that_a_training_writes_to_is_told(tiny_config: Path, tmp_path: Path) -> None:
    import os

    from segloop.utils.processes import machine

    (tmp_path / "work").mkdir()
    record = {"state": "running", "process": os.getpid(), "machine": machine()}
    (tmp_path / "work/train.json").write_text(json.dumps(record))
    tried = tried_training(tiny_config)
    assert tried.code == 1
    assert "a training writes there now" in tried.row("work_dir", "✗")


def test_a_set_of_mmsegs_own_kind_is_checked_mask_by_mask(tiny_config: Path, tiny_root: Path) -> None:
    broken = min((tiny_root / "ann_dir/train").iterdir())
    pixels = np.array(Image.open(broken))
    pixels[0, :3] = 77
    Image.fromarray(pixels).save(broken)
    names = ["background", "starfish", "scallop", "nautilus", "fish", "leaf"]
    own = (
        f"dict(type='BaseSegDataset', _delete_=True, data_root={str(tiny_root)!r}, img_suffix='.png', "
        f"metainfo=dict(classes={names}), pipeline={{{{_base_.SPLIT_pipeline}}}}, "
        "data_prefix=dict(img_path='img_dir/SPLIT', seg_map_path='ann_dir/SPLIT'))"
    )
    text = tiny_config.read_text()
    loaders = [
        f"{split}_dataloader = dict(batch_size=2, num_workers=0, dataset="
        + own.replace("SPLIT_pipeline", f"{'train' if split == 'train' else 'test'}_pipeline").replace(
            "SPLIT", split
        )
        + ")"
        for split in ("train", "val")
    ]
    tiny_config.write_text(text + "\n" + "\n".join(loaders))
    tried = tried_training(tiny_config, "strict=False")
    assert tried.code == 1
    assert "77 in 3 px" in tried.row("data", "✗")
    assert "train: 4 images of 64x64" in tried.row("data", "✓")
