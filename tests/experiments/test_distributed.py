"""Processes find each other on GPUs and on CPUs, one of them speaks, and their scores are one model's."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mmengine.device.utils
import mmengine.dist
import pytest
import torch.distributed
from mmengine.config import Config

from segloop.analysis.runs import read_run
from segloop.experiments import launch
from segloop.experiments.distributed import agreed, any_of_all, join, once, require_launcher, settle_for_cpu
from segloop.experiments.launch import Options, evaluate, say_how_to_go_on, train
from segloop.utils.errors import ConfigError, DataError

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = ["tools/train.py", "configs/a.py", "--launcher", "pytorch"]
STARTED = "torchrun --nproc_per_node=2 tools/train.py configs/a.py --launcher pytorch"
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@pytest.fixture
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without GPUs."""
    monkeypatch.setattr(mmengine.device.utils, "DEVICE", "cpu")


@pytest.fixture
def by_torchrun(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment of the only process of a distributed run."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in zip(VARIABLES, ("0", "1", "0", "127.0.0.1", str(port)), strict=True):
        monkeypatch.setenv(name, value)
    yield
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def test_says_how_to_start_what_torchrun_did_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    require_launcher("none", command=COMMAND)
    with pytest.raises(ConfigError, match=f"start with:\n  {STARTED}$"):
        require_launcher("pytorch", command=COMMAND)


@pytest.mark.usefixtures("by_torchrun")
def test_takes_what_torchrun_started() -> None:
    require_launcher("pytorch", command=COMMAND)


@pytest.mark.usefixtures("on_cpu")
def test_can_report_a_launcher_that_needs_gpus() -> None:
    with pytest.raises(ConfigError, match=f"slurm needs GPUs(?s:.*)  {STARTED}$"):
        join(Config({"launcher": "slurm"}), command=[*COMMAND[:-1], "slurm"])


@pytest.mark.parametrize(
    ("given", "taken"),
    [({}, "gloo"), ({"dist_cfg": {"backend": "nccl"}}, "gloo"), ({"dist_cfg": {"backend": "mpi"}}, "mpi")],
)
def test_cpus_talk_by_gloo_where_the_config_says_nccl(given: dict[str, Any], taken: str) -> None:
    config = Config({"env_cfg": {"cudnn_benchmark": True, **given}, "find_unused_parameters": True})
    settle_for_cpu(config)
    assert config.env_cfg == {"cudnn_benchmark": True, "dist_cfg": {"backend": taken}}
    assert config.model_wrapper_cfg.find_unused_parameters is True
    assert config.model_wrapper_cfg.device_ids is None


@pytest.mark.usefixtures("by_torchrun")
def test_gpus_are_left_to_mmengine(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(mmengine.device.utils, "DEVICE", "cuda")
    monkeypatch.setattr(mmengine.dist, "init_dist", lambda *words, **options: calls.append((words, options)))
    config = Config({"launcher": "slurm", "env_cfg": {"dist_cfg": {"backend": "nccl", "timeout": 60}}})
    join(config, command=COMMAND)
    assert calls == [(("slurm",), {"backend": "nccl", "timeout": 60})]
    join(config, command=COMMAND)  # a config that a run has kept names the hook already
    assert config.custom_hooks == [{"type": "SameBuffersHook"}]
    assert "model_wrapper_cfg" not in config


@pytest.mark.usefixtures("on_cpu", "by_torchrun")
@pytest.mark.parametrize("option", ["model.decode_head.norm_cfg.type=SyncBN", "sync_bn=torch"])
def test_norms_that_need_gpus_are_plain_ones_on_cpus(option: str, tiny_config: Path) -> None:
    head = ["model.decode_head.type=FCNHead", "model.decode_head.num_convs=1"]
    runner = train(Options(config=str(tiny_config), launcher="pytorch", overrides=[*head, option]))
    assert runner.iter == 2
    assert not any(isinstance(module, torch.nn.SyncBatchNorm) for module in runner.model.modules())


@pytest.mark.usefixtures("on_cpu", "by_torchrun")
def test_trains_on_a_cpu_with_a_config_made_for_gpus(tiny_config: Path) -> None:
    options = ["env_cfg.dist_cfg.backend=nccl", "env_cfg.dist_cfg.timeout=60"]
    runner = train(Options(config=str(tiny_config), launcher="pytorch", overrides=options))
    assert runner.iter == 2
    assert type(runner.model).__name__ == "MMDistributedDataParallel"
    assert torch.distributed.get_backend() == "gloo"


def test_nobody_goes_on_from_what_an_earlier_training_left(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "iter_900.pth").touch()
    say_how_to_go_on(Options(config="configs/a.py", command=COMMAND[:2]), work_dir=str(tmp_path))
    assert "Nothing was saved yet. To start again: " in capsys.readouterr().err


def test_one_process_says_how_all_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    options = Options(config="configs/a.py", launcher="pytorch", command=COMMAND)
    monkeypatch.setattr(mmengine.dist, "get_world_size", lambda: 2)
    say_how_to_go_on(options, work_dir=str(tmp_path))
    assert f": {STARTED} --resume\n" in capsys.readouterr().err
    monkeypatch.setattr(mmengine.dist, "is_main_process", lambda: False)
    say_how_to_go_on(options, work_dir=str(tmp_path))
    assert not capsys.readouterr().err


@pytest.mark.usefixtures("on_cpu", "by_torchrun")
def test_the_views_of_a_model_in_several_processes_are_merged(
    tiny_trained: tuple[Path, Path], tmp_path: Path
) -> None:
    config, work = tiny_trained
    options = Options(config=str(config), work_dir=str(tmp_path / "work"), launcher="pytorch")
    metrics, folder = evaluate(options, checkpoint=str(work), tta=True)
    assert read_run(folder).meta["images"] == 2
    assert "mIoU" in metrics


def test_one_process_works_and_the_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    once(lambda: done.append("alone"))
    monkeypatch.setattr(mmengine.dist, "is_main_process", lambda: False)
    monkeypatch.setattr(mmengine.dist, "broadcast_object_list", lambda failed: failed.__setitem__(0, False))
    once(lambda: done.append("twice"))
    assert done == ["alone"]


def test_where_one_process_fails_all_end_and_one_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        raise DataError("broken")

    with pytest.raises(DataError, match="broken"):
        once(work)
    monkeypatch.setattr(mmengine.dist, "is_main_process", lambda: False)
    monkeypatch.setattr(mmengine.dist, "broadcast_object_list", lambda failed: failed.__setitem__(0, True))
    with pytest.raises(SystemExit, match="2"):
        once(work)


def test_all_processes_know_what_one_has_found(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    assert agreed(lambda: "alone") == "alone"
    told = iter([False, "found"])
    monkeypatch.setattr(mmengine.dist, "is_main_process", lambda: False)
    monkeypatch.setattr(mmengine.dist, "broadcast_object_list", lambda got: got.__setitem__(0, next(told)))
    assert agreed(lambda: done.append("twice")) == "found"
    assert not done


def test_one_process_moves_an_earlier_run_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train.json").write_text('{"state": "done"}', encoding="utf-8")

    def stop(*_: object, **__: object) -> None:
        raise DataError("far enough")

    told = iter([False, False, None])
    monkeypatch.setattr(launch, "prepare_training", lambda *_, **__: Config({"work_dir": str(tmp_path)}))
    monkeypatch.setattr(launch, "check_data", stop)
    monkeypatch.setattr(mmengine.dist, "is_main_process", lambda: False)
    monkeypatch.setattr(mmengine.dist, "broadcast_object_list", lambda got: got.__setitem__(0, next(told)))
    with pytest.raises(DataError, match="far enough"):
        train(Options(config="a.py"), resume="same")
    assert (tmp_path / "train.json").is_file()


@pytest.mark.usefixtures("on_cpu", "by_torchrun")
def test_what_is_true_in_one_process_is_told_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """`test_stopping` asks two."""
    assert any_of_all() is bool
    torch.distributed.init_process_group("gloo")
    monkeypatch.setattr(mmengine.dist, "get_world_size", lambda: 2)
    asked = any_of_all()
    assert [asked(own) for own in (False, True, False)] == [False, True, False]


@pytest.mark.slow
def test_two_processes_train_one_model(tiny_config: Path, tmp_path: Path) -> None:
    starter = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    tool = [str(REPOSITORY / "tools/train.py"), str(tiny_config), "--launcher", "pytorch", "--device", "cpu"]
    done = subprocess.run([*starter, *tool], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Device    2 x cpu" in done.stdout
    assert done.stdout.count("Trained.") == 1
    (scalars,) = (tmp_path / "work").glob("*/vis_data/scalars.json")
    logged = json.loads(scalars.read_text().splitlines()[-1])
    alone, _ = evaluate(Options(config=str(tiny_config)), checkpoint="last", split="val")
    assert [alone[name] for name in ("aAcc", "mIoU")] == [logged[name] for name in ("aAcc", "mIoU")]
