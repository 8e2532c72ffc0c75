"""What every test shares: operators in place before any mmcv import, a tiny data set, a tiny experiment."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

import segloop.ops

segloop.ops.install()  # before any test module imports mmcv
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two threads wait for each other where cores are busy
for name in [name for name in os.environ if name.startswith("CVAT_")]:
    del os.environ[name]  # a server and secrets of whoever runs the tests

# No test may fail because a machine is busy, so nothing of hypothesis looks at the clock.
hypothesis.settings.register_profile(
    "house", deadline=None, max_examples=50, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("house")

REPOSITORY = Path(__file__).resolve().parents[1]

TINY = """
_base_ = [{bases}]
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
env_cfg = dict(cudnn_benchmark=False)
work_dir = {work_dir!r}
"""
BASES = ("models/unet_dropout", "datasets/multiclass", "schedules/adamw", "runtime")


@pytest.fixture(autouse=True)
def no_scope() -> Iterator[None]:
    """Leave no default scope of mmengine's behind, in which names mean other classes."""
    yield
    if "mmengine.registry" in sys.modules:
        sys.modules["mmengine.registry"].DefaultScope._instance_dict.clear()


@pytest.fixture(scope="session")
def tiny_master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo set of 64x64 pixels, drawn once; tests copy it before they break it."""
    from segloop.data.demo.multiclass import draw_native

    root = tmp_path_factory.mktemp("tiny") / "multiclass"
    draw_native(root, seed=1, counts={"train": 4, "val": 2, "test": 2}, size=64, workers=1)
    return root


@pytest.fixture
def tiny_root(tiny_master: Path, tmp_path: Path) -> Path:
    """A copy of the tiny set that a test may change."""
    return Path(shutil.copytree(tiny_master, tmp_path / "data" / "multiclass"))


def write_tiny_config(folder: Path, root: Path) -> Path:
    """Write a config of a tiny U-Net, two iterations long, whose work_dir is `folder/work`."""
    bases = ", ".join(repr(str(REPOSITORY / "configs/_base_" / f"{name}.py")) for name in BASES)
    path = folder / "tiny_experiment.py"
    path.write_text(TINY.format(bases=bases, root=str(root), work_dir=str(folder / "work")), encoding="utf-8")
    return path


@pytest.fixture
def tiny_config(tiny_root: Path, tmp_path: Path) -> Path:
    """A config of a tiny experiment on a copy of the tiny set."""
    return write_tiny_config(tmp_path, tiny_root)


@pytest.fixture(scope="session")
def tiny_trained(tmp_path_factory: pytest.TempPathFactory, tiny_master: Path) -> tuple[Path, Path]:
    """A tiny experiment that was trained once, its config and its work_dir; tests do not change them."""
    from segloop.experiments.launch import Options, train

    folder = tmp_path_factory.mktemp("trained")
    config = write_tiny_config(folder, tiny_master)
    train(Options(config=str(config)))
    return config, folder / "work"


@pytest.fixture(scope="session")
def tiny_undecided(tmp_path_factory: pytest.TempPathFactory, tiny_trained: tuple[Path, Path]) -> Path:
    """The tiny experiment's weights without the background's head start: it finds all sorts of things."""
    import torch

    content = torch.load(tiny_trained[1] / "iter_2.pth", weights_only=False)
    content["state_dict"]["decode_head.conv_seg.bias"].zero_()
    path = tmp_path_factory.mktemp("undecided") / "undecided.pth"
    torch.save(content, path)
    return path


@pytest.fixture(scope="session")
def tiny_onnx(
    tmp_path_factory: pytest.TempPathFactory, tiny_trained: tuple[Path, Path], tiny_undecided: Path
) -> Path:
    """Those weights, exported once; skips where what exports and runs them is not installed."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="needs: pip install -r requirements/dev.txt")
    from segloop.experiments.export.exporting import export

    out = tmp_path_factory.mktemp("exported") / "tiny.onnx"
    exported = export(
        tiny_trained[0], checkpoint=tiny_undecided, out=out, sizes_hw=[(33, 47)], say=lambda line: None
    )
    assert exported.path == out
    return out
