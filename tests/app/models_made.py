"""A runs folder with one tiny model, as a training leaves it."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import write_tiny_config
from tests.experiments.predict.conftest import write_weights


def write_work_dir(work_dirs: Path, data: Path, *, name: str = "tiny") -> Path:
    """Write `work_dirs/<name>` with the config and the weights of a tiny U-Net; return it."""
    folder = work_dirs / name
    folder.mkdir(parents=True)
    config = write_tiny_config(folder, data)
    write_weights(config, folder / "iter_2.pth", meta={})
    return folder
