"""No tool and no config makes a checkpoint run: whatever loads one, it is read as data."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.registry import MODELS
from mmengine.runner import CheckpointLoader, load_checkpoint
from torch import nn

import segloop.experiments.components  # noqa: F401
from segloop.experiments.launch import Options, evaluate, train
from segloop.experiments.loading import for_mmengine
from segloop.utils.errors import ConfigError


class Hostile:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """The file that exists once something was run."""
    return tmp_path / "ran"


def hostile(path: Path, marker: Path, *, weights: dict | None = None) -> str:
    """Save a checkpoint that is whole and runs a command beside it."""
    content = {"meta": {"iter": 1, "epoch": 0}, "state_dict": weights or {}, "extra": Hostile(marker)}
    torch.save(content, path)
    return str(path)


def weights_of(work: Path) -> dict[str, Any]:
    return torch.load(work / "iter_2.pth", weights_only=True)["state_dict"]


def test_what_we_save_needs_no_exception_from_torchs_guard(tiny_trained: tuple[Path, Path]) -> None:
    _, work = tiny_trained
    newest = torch.load(work / "iter_2.pth", weights_only=True)
    assert {"meta", "state_dict", "message_hub", "optimizer", "param_schedulers"} <= set(newest)
    for path in work.glob("*.pth"):
        content = torch.load(path, weights_only=True)
        history = content["message_hub"]["log_scalars"]["train/loss"]
        assert set(history) == {"log_history", "count_history", "max_length"}
        assert isinstance(content["message_hub"]["runtime_info"]["iter"], int)


def test_resume_gets_the_histories_back(tiny_trained: tuple[Path, Path], tmp_path: Path) -> None:
    config, work = tiny_trained
    again = Path(shutil.copytree(work, tmp_path / "work"))
    before = torch.load(again / "iter_2.pth", weights_only=True)["message_hub"]["log_scalars"]["train/loss"]
    options = Options(config=str(config), work_dir=str(again), overrides=["train_cfg.max_iters=3"])
    runner = train(options, resume="auto")
    history = runner.message_hub.get_scalar("train/loss")
    assert isinstance(history, HistoryBuffer)
    assert history.data[0][:2].tolist() == before["log_history"].tolist()
    assert len(history.data[0]) == 3


def test_resume_load_from_and_test_refuse_a_hostile_file(
    tiny_trained: tuple[Path, Path], tmp_path: Path, marker: Path
) -> None:
    config, work = tiny_trained
    bad = hostile(tmp_path / "bad.pth", marker, weights=weights_of(work))
    options = Options(config=str(config), work_dir=str(tmp_path / "work"))
    with pytest.raises(ConfigError, match=r"bad\.pth cannot be loaded safely: it asks for posix\.system"):
        train(options, resume=bad)
    loading = Options(config=str(config), work_dir=options.work_dir, overrides=[f"load_from={bad}"])
    with pytest.raises(ConfigError, match="--unsafe-load"):
        train(loading)
    with pytest.raises(ConfigError, match="cannot be loaded safely"):
        evaluate(options, checkpoint=bad)
    (tmp_path / "work/last_checkpoint").write_text(bad)
    with pytest.raises(ConfigError, match="cannot be loaded safely"):
        train(options, resume="auto")
    assert not marker.exists()


def test_a_file_of_weights_is_nothing_to_resume(tiny_trained: tuple[Path, Path], tmp_path: Path) -> None:
    config, work = tiny_trained
    torch.save({"state_dict": weights_of(work)}, tmp_path / "weights.pth")
    options = Options(config=str(config), work_dir=str(tmp_path / "work"))
    with pytest.raises(ConfigError, match=r"nothing to resume.*load_from="):
        train(options, resume=str(tmp_path / "weights.pth"))


def test_unsafe_load_must_be_asked_for_each_time(
    tiny_trained: tuple[Path, Path], tmp_path: Path, marker: Path, capsys: pytest.CaptureFixture
) -> None:
    config, work = tiny_trained
    bad = hostile(tmp_path / "bad.pth", marker, weights=weights_of(work))
    options = Options(config=str(config), work_dir=str(tmp_path / "work"), unsafe_load=True)
    evaluate(options, checkpoint=bad)
    assert marker.exists()
    assert "runs its own code" in capsys.readouterr().err
    marker.unlink()
    with pytest.raises(ConfigError, match="cannot be loaded safely"):
        evaluate(Options(config=str(config), work_dir=str(tmp_path / "work")), checkpoint=bad)
    assert not marker.exists()


RESNET = dict(depth=18, norm_cfg=dict(type="BN"))


@pytest.mark.filterwarnings("ignore:.*pretrained is a deprecated.*")
@pytest.mark.parametrize(
    "model",
    [
        dict(type="mmseg.ResNet", **RESNET, init_cfg=dict(type="Pretrained", checkpoint="{bad}")),
        dict(type="mmseg.ResNet", **RESNET, pretrained="{bad}"),
        dict(type="mmdet.ResNet", **RESNET, init_cfg=dict(type="Pretrained", checkpoint="{bad}")),
        dict(
            type="mmdet.ResNet",
            **RESNET,
            init_cfg=dict(type="Pretrained", checkpoint="{bad}", prefix="backbone"),
        ),
        dict(type="mmseg.ResNet", **RESNET, init_cfg=dict(type="ResNetWeights", checkpoint="{bad}")),
        dict(  # loads by itself, past init_cfg
            type="mmdet.SwinTransformer",
            embed_dims=8,
            depths=(1, 1, 1, 1),
            num_heads=(1, 1, 1, 1),
            init_cfg=dict(type="Pretrained", checkpoint="{bad}"),
        ),
    ],
    ids=["mmseg", "pretrained", "mmdet", "prefix", "ResNetWeights", "swin"],
)
def test_every_way_to_initialise_a_model_refuses_a_hostile_file(
    model: dict, tmp_path: Path, marker: Path
) -> None:
    import mmdet.models  # noqa: F401
    import mmseg.models  # noqa: F401

    bad = hostile(tmp_path / "bad.pth", marker)
    described = Config(eval(repr(model).replace("{bad}", bad)))
    net = MODELS.build(described)
    with pytest.raises(ConfigError, match="cannot be loaded safely"):
        net.init_weights()
    assert not marker.exists()


def test_the_text_of_a_config_in_a_checkpoint_is_not_executed(
    tiny_trained: tuple[Path, Path], tmp_path: Path, marker: Path
) -> None:
    """mmengine's resume runs `meta['config']` as Python; no guard for pickles can see that."""
    config, work = tiny_trained
    content = torch.load(work / "iter_2.pth", weights_only=True)
    content["meta"]["config"] = f"import pathlib\npathlib.Path({str(marker)!r}).touch()\n"
    torch.save(content, tmp_path / "bad.pth")
    options = Options(
        config=str(config), work_dir=str(tmp_path / "work"), overrides=["train_cfg.max_iters=3"]
    )
    assert train(options, resume=str(tmp_path / "bad.pth")).iter == 3
    assert not marker.exists()


def test_every_address_that_mmengine_knows_is_ours(tmp_path: Path, marker: Path) -> None:
    loaders = {scheme: loader.__module__ for scheme, loader in CheckpointLoader._schemes.items()}
    assert set(loaders.values()) == {"segloop.experiments.loading"}
    with pytest.raises(ConfigError, match="copy it to this machine"):
        load_checkpoint(nn.Linear(1, 1), "s3://bucket/a.pth")
    with pytest.raises(ConfigError, match="Did you mean 'resnet50"):
        load_checkpoint(nn.Linear(1, 1), "torchvision://resnet5")


def test_a_fetched_file_is_read_as_data_too(
    tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(address: str, path: str, progress: bool) -> None:
        fetched.append(address)
        hostile(Path(path), marker)

    fetched: list[str] = []
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    for address in ("https://example.org/a.pth", "torchvision://resnet18", "open-mmlab://resnet50_v1c"):
        with pytest.raises(ConfigError, match="cannot be loaded safely"):
            load_checkpoint(nn.Linear(1, 1), address)
    assert [address.partition("://")[0] for address in fetched] == ["https"] * 3
    assert not marker.exists()


def test_files_of_one_name_and_two_addresses_are_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(address: str, path: str, progress: bool) -> None:
        torch.save({"weight": torch.full((1, 1), float(address.split("/")[3])), "bias": torch.zeros(1)}, path)

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    model = nn.Linear(1, 1)
    for number in (1, 2, 1):
        load_checkpoint(model, f"https://example.org/{number}/model.pth")
        assert model.weight.item() == number
    load_checkpoint(model, "https://example.org/3/resnet50-0676ba61.pth")
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert len(kept) == 3
    assert "resnet50-0676ba61.pth" in kept  # as torch itself looks for it


def test_can_report_that_there_is_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(address: str, path: str, progress: bool) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    with pytest.raises(ConfigError, match=r"cannot be fetched \(no route to host\)"):
        load_checkpoint(nn.Linear(1, 1), "open-mmlab://resnet50_v1c")


def test_histories_that_are_none_are_left_out() -> None:
    good = {
        "log_history": torch.tensor([1.0, 2.0]).double(),
        "count_history": torch.ones(2),
        "max_length": 5,
    }
    logs = {"good": good, "text": "x", "torn": good | {"count_history": torch.ones(1)}}
    restored = for_mmengine({"message_hub": {"log_scalars": logs}})["message_hub"]["log_scalars"]
    assert list(restored) == ["good"]
    assert restored["good"].mean() == 1.5
    assert pickle.loads(pickle.dumps(restored["good"])).data[0].dtype == np.float64
