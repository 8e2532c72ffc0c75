"""Every mistake in a config is refused with its place and the nearest name, and no config that runs is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from segloop.experiments.config import load_config, save_config
from segloop.experiments.strict import check_config, examine
from segloop.experiments.strict.check import Findings
from segloop.utils.errors import ConfigError

REPOSITORY = Path(__file__).resolve().parents[3]
CONFIGS = sorted((REPOSITORY / "configs").glob("*.py"))
FIRST = REPOSITORY / "configs/config_experiment_1.py"


def look(path: Path, *overrides: str) -> Findings:
    return examine(load_config(path, overrides=overrides), path=path, overrides=overrides)


def child(folder: Path, text: str) -> Path:
    path = folder / "child.py"
    path.write_text(f"_base_ = [{str(FIRST)!r}]\n{text}\n")
    return path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_accepts_our_configs_without_a_word(path: Path) -> None:
    assert look(path) == Findings([], [], [])


def test_accepts_the_merged_config_that_a_run_keeps(tmp_path: Path) -> None:
    overrides = ["train_dataloader.dataset.pipeline.1.prob=0.5", "model.decode_head.num_classes=7"]
    save_config(load_config(FIRST, overrides=overrides), tmp_path / "merged.py")
    assert look(tmp_path / "merged.py") == Findings([], [], [])


def test_still_finds_a_misspelt_key_in_a_merged_config(tmp_path: Path) -> None:
    save_config(load_config(FIRST), tmp_path / "merged.py")
    text = (tmp_path / "merged.py").read_text()
    (tmp_path / "merged.py").write_text(text.replace("log_processor =", "log_procesor ="))
    (fault,) = look(tmp_path / "merged.py").faults
    assert "log_procesor: nothing reads this key. Did you mean 'log_processor'?" in fault


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("trian_cfg.max_iters=3", "trian_cfg: nothing reads this key. Did you mean 'train_cfg'?"),
        ("train_cfg.max_iter=3", "IterTrainLoop takes no 'max_iter'. Did you mean 'max_iters'?"),
        ("model.backbone.dept=3", "ResNet takes no 'dept'. Did you mean 'depth'?"),
        ("model.backbone.type=ResNett", "there is no component 'ResNett'. Did you mean 'ResNet'?"),
        ("model.backbone.depth=fifty", "ResNet's 'depth' cannot be 'fifty'"),
        ("model.decode_head.loss_decode.0.loss_weigth=1", "Did you mean 'loss_weight'?"),
        ("model.test_cfg.moode=whole", "model.test_cfg.moode: nothing reads 'moode' here."),
        ("optim_wrapper.optimizer.lrr=1", "AdamW takes no 'lrr'. Did you mean 'lr'?"),
        ("optim_wrapper.optimizer.lr=fast", "AdamW's 'lr' cannot be 'fast'"),
        ("optim_wrapper.clip_grad.max_nrom=1", "Did you mean 'max_norm'?"),
        ("optim_wrapper.paramwise_cfg.norm_decay=1", "Did you mean 'norm_decay_mult'?"),
        ("param_scheduler.0.type=LinaerLR", "Did you mean 'LinearLR'?"),
        ("param_scheduler.0.strat_factor=1", "LinearLR takes no 'strat_factor'. Did you mean"),
        ("default_hooks.chekpoint=1", "there is no default hook 'chekpoint'. Did you mean 'checkpoint'?"),
        ("default_hooks.chekpoint.interval=1", "there is no default hook 'chekpoint'. Did you mean"),
        ("default_hooks.checkpoint.intervall=1", "CheckpointHook knows no 'intervall'."),
        ("train_dataloader.batchsize=3", "a data loader takes no 'batchsize'. Did you mean 'batch_size'?"),
        ("train_dataloader.batch_size=few", "a data loader's 'batch_size' cannot be 'few'"),
        ("train_dataloader.sampler.shufle=True", "SegLoopSampler takes no 'shufle'."),
        ("train_dataloader.dataset.splitt=val", "SemanticDataset takes no 'splitt'. Did you mean 'split'?"),
        ("train_dataloader.dataset.pipeline.1.sise=3", "RareClassCrop takes no 'sise'. Did you mean 'size'?"),
        ("train_dataloader.dataset.pipeline.0.transforms.1.type=LoadMask", "no transform 'LoadMask'"),
        ("val_evaluator.type=SegLoopSemanticMetrik", "there is no metric 'SegLoopSemanticMetrik'."),
        ("visualizer.vis_backends.0.type=LocalVisBakend", "Did you mean 'LocalVisBackend'?"),
        ("env_cfg.memory_format=channels_lost", "choose one of 'channels_last', 'contiguous'"),
        ("env_cfg.mp_cfg.opencv_threads=0", "Did you mean 'opencv_num_threads'?"),
        ("randomness.sed=3", "Did you mean 'seed'?"),
        ("demo.sede=1", "Did you mean 'seed'?"),
        ("log_processor.windowsize=3", "LogProcessor takes no 'windowsize'. Did you mean 'window_size'?"),
        ("resume=perhaps", "resume: cannot be 'perhaps'"),
        ("tta_model.type=SegTTAModl", "Did you mean 'SegTTAModel'?"),
        ("custom_imports.allow_failed=True", "Did you mean 'allow_failed_imports'?"),
        ("model.backbone=5", "SegLoopEncoderDecoder's 'backbone' cannot be 5"),
    ],
)  # fmt: skip
def test_refuses_an_override(override: str, said: str) -> None:
    faults = look(FIRST, override).faults
    assert any(fault.startswith("--cfg-options: ") and said in fault for fault in faults), faults


def test_knows_ours_where_a_config_imports_only_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_parts_of_a_user.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "segloop.experiments.components", raising=False)
    path = child(tmp_path, "custom_imports = dict(imports=['own_parts_of_a_user'])")
    assert look(path).faults == []
    assert "segloop.experiments.components" in sys.modules


def test_names_what_is_missing(tmp_path: Path) -> None:
    path = child(tmp_path, "custom_hooks = [dict(type='EMAHook', ema_typ=1), {}]")
    faults = look(path).faults
    assert any("EMAHook" in fault and "'ema_typ'" in fault for fault in faults)
    assert any("custom_hooks.1: has no 'type'" in fault for fault in faults)
    path = child(tmp_path, "train_cfg = dict(_delete_=True, type='IterBasedTrainLoop')")
    (fault,) = look(path).faults
    assert fault.endswith("child.py:2: train_cfg: IterBasedTrainLoop needs 'max_iters'")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("", "bias_decay_mult, norm_decay_mult"),
        ("paramwise_cfg=dict(_delete_=True, custom_keys=dict(head=dict(decay_mult=0.1)))", "decay_mult"),
        ("paramwise_cfg=None", None),
        ("paramwise_cfg=dict(_delete_=True, custom_keys=dict(head=dict(lr_mult=0.1)))", None),
    ],
)
def test_a_share_of_a_weight_decay_needs_one(tmp_path: Path, settings: str, told: str | None) -> None:
    optimizer = "optimizer=dict(_delete_=True, type='SGD', lr=0.1)"
    path = child(tmp_path, f"optim_wrapper = dict({optimizer}, {settings})")
    faults = [] if told is None else [f"needs 'weight_decay' (0 for none): paramwise_cfg has {told}"]
    assert [fault.partition("optimizer: ")[2] for fault in look(path).faults] == faults


def test_tells_all_faults_at_once_with_file_and_line(tmp_path: Path) -> None:
    text = "model = dict(\n    backbone=dict(dept=50),\n    decode_head=dict(chanels=3),\n)\nwrok_dir = 'x'"
    path = child(tmp_path, text)
    overrides = ["optim_wrapper.optimizer.lrr=1"]
    config = load_config(path, overrides=overrides)
    with pytest.raises(ConfigError) as error:
        check_config(config, path=path, overrides=overrides)
    first, *faults, way_out = str(error.value).splitlines()
    assert first == f"{path} has 4 faults:"
    assert [fault.split(": ")[0].rpartition("/")[2] for fault in faults] == [
        "child.py:3",
        "child.py:4",
        "  --cfg-options",
        "child.py:6",
    ]
    assert way_out == "To run it all the same: --cfg-options strict=False"


def test_names_the_line_in_a_base(tmp_path: Path) -> None:
    text = "lengths = dict(\n    type='IterBasedTrainLoop',\n    max_iter=3)\ntrain_cfg = lengths\n"
    (tmp_path / "base.py").write_text(text)
    (tmp_path / "leaf.py").write_text("_base_ = ['./base.py']\ntrain_cfg = dict(max_iters=4)\n")
    (fault,) = look(tmp_path / "leaf.py").faults
    assert f"{tmp_path / 'base.py'}:3: train_cfg.max_iter:" in fault


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("data_root", "train_dataloader.dataset.data_root, val_dataloader.dataset.data_root"),
        ("num_classes", "Set instead: model.decode_head.num_classes"),
        ("norm_cfg", "Set instead: model.backbone.norm_cfg, model.decode_head.norm_cfg"),
        ("train_pipeline", "Set instead: train_dataloader.dataset.pipeline"),
        ("vis_backends", "Set instead: visualizer.vis_backends"),
        ("data_preprocessor", "Set instead: model.data_preprocessor"),
    ],
)
def test_warns_of_a_variable_that_was_already_used(tmp_path: Path, name: str, target: str) -> None:
    value = load_config(FIRST)[name]
    path = child(tmp_path, f"{name} = {value!r}")
    found = look(path)
    assert found.faults == []
    (warning,) = found.warnings
    assert warning.startswith(f"{path}:2: {name} has no effect here")
    assert target in warning
    if name == "data_root":  # as an override it moves all paths below it
        assert look(FIRST, f"{name}={value}").warnings == []
    elif not isinstance(value, list | dict):
        (warning,) = look(FIRST, f"{name}={value}").warnings
        assert warning.startswith(f"--cfg-options: {name} has no effect here")
        assert target in warning


def test_warns_with_the_whole_path_of_a_nested_override() -> None:
    (warning,) = look(FIRST, "train_pipeline.2.prob=0.3").warnings
    assert warning.endswith("Set instead: train_dataloader.dataset.pipeline.2.prob")


def test_a_variable_that_the_child_uses_itself_is_not_warned_of(tmp_path: Path) -> None:
    path = child(tmp_path, "data_root = 'x'\ntrain_dataloader = dict(dataset=dict(data_root=data_root))")
    assert look(path) == Findings([], [], [])
    path = child(tmp_path, "width = {{_base_.num_classes}}\nmodel = dict(decode_head=dict(channels=width))")
    assert look(path) == Findings([], [], [])


def test_an_unused_variable_and_a_former_key_are_warned_of(tmp_path: Path) -> None:
    found = look(child(tmp_path, "in_channels = 3\nfp16 = dict(loss_scale=1)"))
    assert found.faults == []
    assert [warning.partition("child.py:")[2] for warning in found.warnings] == [
        "2: in_channels: nothing uses this variable",
        "3: fp16: nothing reads this key since OpenMMLab 2.0; see optim_wrapper.type='AmpOptimWrapper'",
    ]


def test_strict_false_turns_refusals_into_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    overrides = ["strict=False", "train_cfg.max_iter=3"]
    check_config(load_config(FIRST, overrides=overrides), path=FIRST, overrides=overrides)
    assert "Warning: --cfg-options: train_cfg.max_iter: " in capsys.readouterr().err


def test_says_which_package_is_missing(tmp_path: Path) -> None:
    path = child(tmp_path, "model = dict(backbone=dict(_delete_=True, type='mmpretrain.ConvNeXt'))")
    found = look(path)
    assert found.faults == []
    (absent,) = found.absent
    assert absent.endswith("'mmpretrain.ConvNeXt' is of 'mmpretrain', which is not installed")
