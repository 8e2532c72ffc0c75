"""Two networks of few channels with random weights, one of each kind, as files; nothing is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.conftest import write_tiny_config
from tests.experiments.cells import write_cells


def write_weights(config: Path, path: Path, *, meta: dict, overrides: tuple[str, ...] = ()) -> Path:
    """Write weights that nobody has learnt, the same each time, which find a bit of each class."""
    from mmengine.registry import MODELS, DefaultScope

    import segloop.experiments.components  # noqa: F401
    from segloop.experiments.config import load_config
    from segloop.experiments.predict.find import bare_model

    loaded = load_config(config, overrides=overrides)
    with DefaultScope.overwrite_default_scope(loaded.get("default_scope", "mmseg")):
        network = MODELS.build(bare_model(loaded))
    noise = torch.Generator().manual_seed(3)
    state = network.state_dict()
    for name, value in state.items():
        if value.is_floating_point():
            spread = torch.randn(value.shape, generator=noise)
            scale = (2 / max(1, value[0].numel())) ** 0.5 if value.ndim > 1 else 0.1
            center = 1.0 if name.endswith("running_var") or (spread.ndim == 1 and "weight" in name) else 0.0
            scale *= 0.05 if "fc_cls" in name else 1  # scores that differ, and not all of them 1
            state[name] = (center + spread * scale).abs() if center else spread * scale
    torch.save({"state_dict": state, "meta": {"dataset_meta": meta}}, path)
    return path


@pytest.fixture(scope="session")
def semantic(tmp_path_factory: pytest.TempPathFactory, tiny_master: Path) -> tuple[Path, Path]:
    """A config and weights of a tiny U-Net of six classes."""
    folder = tmp_path_factory.mktemp("semantic")
    config = write_tiny_config(folder, tiny_master)
    names = ["background", "starfish", "scallop", "nautilus", "fish", "leaf"]
    return config, write_weights(config, folder / "weights.pth", meta={"classes": names, "background": 0})


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A config and weights of a tiny Mask R-CNN of two classes that calls much an object."""
    folder = tmp_path_factory.mktemp("instance")
    config = write_cells(folder)
    text = config.read_text().replace(
        "    rpn_head=dict(in_channels=16, feat_channels=16),\n",
        "    rpn_head=dict(in_channels=16, feat_channels=16),\n"
        "    test_cfg=dict(rpn=dict(max_per_img=30), rcnn=dict(score_thr=0.2, max_per_img=12)),\n",
    )
    config.write_text(text)
    return config, write_weights(config, folder / "weights.pth", meta={"classes": ["cell", "dust"]})


@pytest.fixture(scope="session")
def pictures(tiny_master: Path) -> list[Path]:
    """The images of the tiny set, 64x64."""
    return sorted((tiny_master / "img_dir").rglob("*.png"))
