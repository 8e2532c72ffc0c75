"""From a prepared set to its config."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters.base import ReadOptions
from data_converters.pairs import read
from segloop.experiments.proposal.command import new_experiment
from segloop.utils.errors import DataError, UserError


def make(root: Path, value: int) -> None:
    for split in ("train", "val"):
        for number in range(2):
            mask = np.zeros((20, 24), np.uint8)
            mask[4:9, 3 : 9 + number] = value
            for top, pixels in (("images", np.stack([mask * 90 + number] * 3, -1)), ("masks", mask)):
                file = root / split / top / f"{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(file)


def run(root: Path, said: list[str], **told: object) -> None:
    new_experiment(
        read(root, options=ReadOptions()),
        root,
        name="spots",
        kind="semantic",
        splits={"train": 2, "val": 2},
        minutes=1,
        watch=lambda unit: nullcontext(),
        trial=False,
        workers=0,
        say=said.append,
        **told,  # type: ignore[arg-type]
    )


def test_a_set_becomes_a_page_and_a_config_and_the_next_command_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "src", 1)
    said: list[str] = []
    run(tmp_path / "src", said)
    assert Path("configs/spots/unet_dropout_spots.py").is_file()
    assert Path("work_dirs/eda/spots/index.html").is_file()
    assert "python tools/test.py configs/spots/unet_dropout_spots.py --split val" in said[-1]
    with pytest.raises(UserError, match="is there already; --force"):
        run(tmp_path / "src", said)
    run(tmp_path / "src", said, force=True)


def test_a_set_without_an_object_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "src", 0)
    with pytest.raises(DataError, match="nothing else: there is nothing to learn"):
        run(tmp_path / "src", [])
