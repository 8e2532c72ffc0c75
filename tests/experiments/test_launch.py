"""A run from config to RUN folder, and each mistake told in words before anything is computed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import mmengine.runner.loops
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

from segloop.experiments.hooks.progress import LiveLineHook
from segloop.experiments.launch import Options, evaluate, outline, prepare, train, use_amp
from segloop.experiments.provenance import now
from segloop.utils.errors import ConfigError, DataError, UserError
from segloop.utils.processes import machine


def test_leaves_what_openmmlab_users_look_for(tiny_trained: tuple[Path, Path]) -> None:
    config, work = tiny_trained
    assert (work / config.name).is_file()
    assert (work / "last_checkpoint").read_text().endswith("iter_2.pth")
    assert list(work.glob("best_mDice_fg_iter_2.pth"))
    (scalars,) = work.glob("*/vis_data/scalars.json")
    lines = [json.loads(line) for line in scalars.read_text().splitlines()]
    steps = [line for line in lines if "loss" in line]
    assert len(steps) == 2
    assert {"base_lr", "lr", "data_time", "time", "iter", "memory", "step", "decode.loss_ce"} <= set(steps[0])
    (score,) = [line for line in lines if "mDice_fg" in line]
    assert {"aAcc", "mIoU", "mAcc", "mDice", "mIoU_fg", "IoU.fish", "Dice.fish", "step"} <= set(score)
    assert score["val_loss"] == pytest.approx(score["decode.loss_ce"] + score["decode.loss_dice"], rel=1e-4)
    assert json.loads((work / "train.json").read_text())["state"] == "done"
    assert (work / "model.json").is_file()


def test_a_test_writes_a_whole_run_folder(tiny_trained: tuple[Path, Path], tmp_path: Path) -> None:
    config, work = tiny_trained
    metrics, folder = evaluate(Options(config=str(config)), split="val", out=str(tmp_path / "masks"))
    assert folder == work / "test/val-best_mDice_fg_iter_2"
    assert {path.name for path in folder.iterdir()} == {
        "config.py",
        "meta.json",
        "metrics.json",
        "timing.json",
        "images.csv",
        "per_image.csv.gz",
        "confusion.npz",
        "confidence.npz",
        "confidence",
        "predictions",
    }
    from segloop.analysis.runs import read_run

    assert 100 * read_run(folder).scores["mDice"] == pytest.approx(metrics["mDice"], abs=1e-3)
    assert len(list((tmp_path / "masks").glob("*.png"))) == 2


def test_resume_goes_on_where_the_run_was(tiny_trained: tuple[Path, Path], tmp_path: Path) -> None:
    config, work = tiny_trained
    again = Path(shutil.copytree(work, tmp_path / "work"))
    options = Options(config=str(config), work_dir=str(again), overrides=["train_cfg.max_iters=4"])
    runner = train(options, resume="auto")
    assert runner.iter == 4
    newest = max(again.glob("*/vis_data/scalars.json"), key=lambda path: path.stat().st_mtime)
    assert json.loads(newest.read_text().splitlines()[0])["step"] == 3
    runner = train(
        Options(config=str(config), work_dir=str(tmp_path / "other"), overrides=["train_cfg.max_iters=3"]),
        resume=str(work / "iter_2.pth"),
    )
    assert runner.iter == 3


def test_a_stopped_run_goes_on_exactly(
    tiny_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def options(name: str, *overrides: str) -> Options:
        settings = ["train_cfg.max_iters=4", "default_hooks.checkpoint.interval=3", *overrides]
        return Options(config=str(tiny_config), work_dir=str(tmp_path / name), overrides=settings)

    def press(hook: LiveLineHook, runner: Runner, *args: object, **kwargs: object) -> None:
        if runner.iter == 1:
            os.kill(os.getpid(), signal.SIGINT)

    whole = train(options("whole")).model.state_dict()
    with monkeypatch.context() as patch:
        patch.setattr(LiveLineHook, "after_train_iter", press)
        with pytest.raises(KeyboardInterrupt):
            train(options("stopped"))
    assert "To go on from iter_2.pth: python tools/train.py" in capsys.readouterr().err
    assert json.loads((tmp_path / "stopped/train.json").read_text())["state"] == "interrupted"
    runner = train(options("stopped", "train_dataloader.num_workers=1"), resume="auto")
    assert all(torch.equal(value, whole[name]) for name, value in runner.model.state_dict().items())


def test_a_run_that_became_nan_is_recorded_as_failed(tiny_config: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="became nan in iteration 1"):
        train(Options(config=str(tiny_config), overrides=["model.data_preprocessor.std=[nan,nan,nan]"]))
    record = json.loads((tmp_path / "work/train.json").read_text())
    assert record["state"] == "failed"
    assert "iteration 1" in record["error"]


def test_resume_without_a_run_starts_one(tiny_config: Path, capsys: pytest.CaptureFixture) -> None:
    runner = train(Options(config=str(tiny_config)), resume="auto")
    assert runner.iter == 2
    assert "Nothing to resume" in capsys.readouterr().err


def test_patience_ends_a_run_that_does_not_improve(tiny_config: Path) -> None:
    options = Options(
        config=str(tiny_config),
        overrides=[
            "train_cfg.max_iters=9",
            "train_cfg.val_interval=1",
            "default_hooks.early_stop.patience=2",
            "optim_wrapper.optimizer.lr=0.0",
        ],
    )
    assert train(options).iter < 9


def test_seed_alone_changes_the_run(tiny_config: Path, tmp_path: Path) -> None:
    def weights(seed: int, name: str) -> torch.Tensor:
        options = Options(config=str(tiny_config), seed=seed, work_dir=str(tmp_path / name))
        return train(options).model.state_dict()["backbone.encoder.0.0.weight"]

    first = weights(1, "a")
    assert torch.equal(first, weights(1, "b"))
    assert not torch.equal(first, weights(2, "c"))


def test_a_seed_is_taken_where_the_config_has_no_randomness(tiny_config: Path) -> None:
    config = prepare(Options(config=str(tiny_config), overrides=["randomness=None"], seed=3))
    assert config.randomness == {"seed": 3}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"optim_wrapper": {"type": "AmpOptimWrapper"}}, "float16"),
        ({"optim_wrapper": {"type": "AmpOptimWrapper", "dtype": "bfloat16"}}, "bfloat16"),
        ({"val_cfg": {"fp16": True}}, "bfloat16"),
        ({}, "float32"),
    ],
)
def test_says_the_precision_of_a_training(settings: dict, said: str) -> None:
    model = SimpleNamespace(parameters=lambda: ())
    config = Config({"model": {"type": "M"}, "train_cfg": {"max_iters": 1}, **settings})
    lines = outline(SimpleNamespace(cfg=config, model=model, work_dir="w"))
    assert f", {said}, mmcv operators" in lines["Device"]


def test_amp_is_on_whatever_the_hardware_and_the_wrapper() -> None:
    for kind in ("OptimWrapper", "AutocastOptimWrapper"):
        config = Config({"optim_wrapper": {"type": kind}})
        use_amp(config)
        assert config.optim_wrapper == {"type": "AutocastOptimWrapper", "enabled": True}


def test_amp_trains_in_bfloat16_on_a_cpu(tiny_config: Path) -> None:
    runner = train(Options(config=str(tiny_config)), amp=True)
    assert runner.optim_wrapper.enabled is True
    assert runner.val_loop.fp16 is True


def test_validation_and_test_compute_in_bfloat16_on_a_gpu_too(
    tiny_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    @contextmanager
    def noting(*, enabled: bool) -> Iterator[None]:
        seen.append((enabled, torch.get_autocast_dtype("cuda")))
        yield

    monkeypatch.setattr(mmengine.runner.loops, "autocast", noting)
    options = Options(config=str(tiny_config), overrides=["optim_wrapper.enabled=True"])
    train(options)
    assert seen == [(True, torch.bfloat16)]
    evaluate(options)
    assert seen == [(True, torch.bfloat16)] * 2
    assert torch.get_autocast_dtype("cuda") == torch.float16, "other runs of this process are left alone"


def test_draws_the_demo_set_that_is_missing(tiny_config: Path, tiny_root: Path) -> None:
    shutil.move(tiny_root, tiny_root.parent / "aside")
    drawn = []

    def draw(task: str, root: str, *, seed: int, count: int | None = None) -> dict[str, int]:
        drawn.append((task, root, seed, count))
        shutil.move(tiny_root.parent / "aside", root)
        return {}

    train(Options(config=str(tiny_config), make_demo=draw))
    assert drawn == [("multiclass", str(tiny_root), 0, None)]


def test_a_run_that_drew_its_demo_set_is_the_same_the_next_time(
    tiny_config: Path, tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(tiny_root, tiny_root.parent / "aside")

    def draw(task: str, root: str, *, seed: int, count: int | None = None) -> dict[str, int]:
        shutil.move(tiny_root.parent / "aside", root)
        return {}

    def stop(hook: LiveLineHook, runner: Runner, *args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LiveLineHook, "after_train_iter", stop)
    options = Options(config=str(tiny_config), make_demo=draw)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(options, resume="same")
    assert not (tmp_path / "work.before").exists()


def test_names_the_folder_that_other_data_were_expected_in(tiny_config: Path, tmp_path: Path) -> None:
    loaders = [f"{split}_dataloader.dataset.data_root={tmp_path}/mine" for split in ("train", "val", "test")]
    with pytest.raises(DataError, match="mine/img_dir/train"):
        train(
            Options(
                config=str(tiny_config),
                overrides=[*loaders, "train_dataloader.dataset.metainfo.classes=[a,b,c,d,e,f]"],
            )
        )


def test_can_report_broken_data_before_training(tiny_config: Path, tiny_root: Path) -> None:
    images = sorted((tiny_root / "img_dir/train").iterdir())
    masks = sorted((tiny_root / "ann_dir/train").iterdir())
    mask = np.array(Image.open(masks[0]))
    mask[0, :3] = 77
    Image.fromarray(mask).save(masks[0])
    images[1].write_bytes(images[1].read_bytes()[:200])
    masks[2].unlink()
    Image.new("RGB", (64, 64)).save(masks[3])
    with pytest.raises(DataError) as caught:
        train(Options(config=str(tiny_config)))
    text = str(caught.value)
    assert all(path.name in text for path in (masks[0], images[1], images[2], masks[3]))
    assert "77" in text


def test_what_a_list_leaves_out_may_be_broken(tiny_config: Path, tiny_root: Path) -> None:
    broken, *whole = sorted((tiny_root / "img_dir/train").iterdir())
    broken.write_bytes(b"no image")
    (tiny_root / "good.txt").write_text("\n".join(path.stem for path in whole))
    with pytest.raises(DataError, match=broken.name):
        train(Options(config=str(tiny_config)))
    kept = "train_dataloader.dataset.ann_file=good.txt"
    assert train(Options(config=str(tiny_config), overrides=[kept])).iter == 2


def test_can_report_classes_that_the_model_does_not_have(tiny_config: Path) -> None:
    with pytest.raises(ConfigError, match="num_classes is 4, but the data have 6 classes"):
        train(Options(config=str(tiny_config), overrides=["model.decode_head.num_classes=4"]))


def test_can_report_a_work_dir_that_cannot_be_written(tiny_config: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for resume in (None, "same"):
        with pytest.raises(ConfigError, match="cannot be written"):
            train(Options(config=str(tiny_config), work_dir=str(tmp_path / "file/inside")), resume=resume)


def test_a_work_dir_that_another_training_writes_to_is_refused(tiny_config: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    record = {"state": "running", "process": os.getppid(), "machine": machine(), "started": now()}
    (tmp_path / "work/train.json").write_text(json.dumps(record))
    for resume in (None, "auto", "same"):
        with pytest.raises(ConfigError, match=rf"a training writes there now \(process {os.getppid()}\)"):
            train(Options(config=str(tiny_config)), resume=resume)
    assert json.loads((tmp_path / "work/train.json").read_text()) == record


def test_a_disk_that_a_test_fills_is_told_in_words(
    tiny_trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    config, work = tiny_trained
    monkeypatch.setattr("segloop.experiments.run_writer.Spool.append", fail)
    with pytest.raises(UserError, match=r"No space left on device\. Make room, then test again"):
        evaluate(Options(config=str(config), work_dir=str(tmp_path)), checkpoint=str(work))


def test_can_report_a_checkpoint_of_another_model(tiny_trained: tuple[Path, Path]) -> None:
    config, _ = tiny_trained
    options = Options(config=str(config), overrides=["model.backbone.channels=[4,16]"])
    with pytest.raises(ConfigError, match="checkpoint of another model"):
        evaluate(options)


@pytest.mark.parametrize("other", ["MuonAdamW", "SGD"])
def test_the_state_of_another_optimizer_is_not_gone_on_with(
    other: str, tiny_trained: tuple[Path, Path], tmp_path: Path
) -> None:
    config, work = tiny_trained
    changed = tmp_path / "changed.py"
    optimizer = (
        f"optim_wrapper = dict(optimizer=dict(_delete_=True, type={other!r}, lr=1e-3, weight_decay=0.1))"
    )
    changed.write_text(f"_base_ = [{str(config)!r}]\nwork_dir = {str(tmp_path / 'work')!r}\n{optimizer}\n")
    with pytest.raises(ConfigError, match=rf"another optimizer than the config's {other}: .*\n.*load_from="):
        train(Options(config=str(changed)), resume=str(work / "iter_2.pth"))


def test_an_optimizer_of_other_groups_is_not_gone_on_with(
    tiny_trained: tuple[Path, Path], tmp_path: Path
) -> None:
    config, work = tiny_trained
    options = Options(
        config=str(config), work_dir=str(tmp_path), overrides=["optim_wrapper.paramwise_cfg=None"]
    )
    with pytest.raises(ConfigError, match=r"paramwise_cfg is not what it was(?s:.*)load_from="):
        train(options, resume=str(work / "iter_2.pth"))


def test_can_report_an_unknown_split_and_component(tiny_trained: tuple[Path, Path]) -> None:
    config, _ = tiny_trained
    with pytest.raises(ConfigError, match="Did you mean 'test'"):
        evaluate(Options(config=str(config)), split="tset")
    with pytest.raises(UserError, match="FNCHead"):
        train(Options(config=str(config), overrides=["model.decode_head.type=FNCHead"]))


def test_test_time_augmentation_runs(tiny_trained: tuple[Path, Path], tmp_path: Path) -> None:
    config, _ = tiny_trained
    metrics, _ = evaluate(Options(config=str(config), work_dir=str(tmp_path)), checkpoint=str(_), tta=True)
    assert 0 <= metrics["mDice"] <= 100
