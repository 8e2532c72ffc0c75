"""tools/new_task.py from outside: a raw set becomes a task."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segloop.data.info import DatasetInfo
from tools import new_task


def test_photos_and_masks_of_0_and_255_become_a_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    generator = np.random.default_rng(0)
    for number in range(9):
        mask = np.zeros((20, 24), np.uint8)
        mask[3:9, 2 + number : 8 + number] = 255
        pixels = generator.integers(0, 90, (20, 24, 3)).astype(np.uint8) + (mask // 2)[..., None]
        (tmp_path / "фото").mkdir(exist_ok=True)
        for name, drawn in (
            (f"фото_image_{number}.jpg", pixels),
            (f"фото_mask_{number}.png", mask),
        ):
            Image.fromarray(drawn).save(tmp_path / "фото" / name)
    (tmp_path / "configs" / "_base_").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEGLOOP_DATA", raising=False)
    words = ["new_task.py", "spots", "фото", "--no-trial", "--workers", "0", "--group-by", r"\d"]
    monkeypatch.setattr(sys, "argv", words)
    assert new_task.main() == 0
    info = DatasetInfo.read(tmp_path / "data" / "spots")
    assert info.class_names == ("background", "foreground")
    assert sum(info.splits.values()) == 9
    assert (info.cut or "").endswith("grouped by group or picture")
    assert (tmp_path / "configs" / "spots" / "unet_dropout_spots.py").is_file()
    assert "python tools/train.py configs/spots/unet_dropout_spots.py" in capsys.readouterr().out
