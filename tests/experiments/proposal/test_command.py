"""From a prepared set to its config."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters.base import ReadOptions
from data_converters.mmseg import read
from segloop.data.info import ClassInfo, DatasetInfo, Files
from segloop.experiments.proposal import command
from segloop.experiments.proposal.command import new_experiment
from segloop.utils.errors import DataError, UserError


def make(root: Path, value: int, *, each: int = 2) -> DatasetInfo:
    generator = np.random.default_rng(0)
    for split in ("train", "val"):
        for number in range(each):
            mask = np.zeros((20, 24), np.uint8)
            mask[4:9, 3 : 9 + number % 9] = value
            noise = generator.integers(0, 90, (20, 24)).astype(np.uint8)
            for top, pixels in (("img_dir", np.stack([mask * 90 + noise] * 3, -1)), ("ann_dir", mask)):
                file = root / top / split / f"{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(file)
    info = DatasetInfo(
        name="spots",
        task="spots",
        classes=(ClassInfo("background", (0, 0, 0)), ClassInfo("spot", (255, 0, 0))),
        splits={"train": each, "val": each},
        images=Files("img_dir/{split}", ".png"),
        masks=Files("ann_dir/{split}", ".png"),
        background=0,
        cut="the author's own: train, val",
    )
    info.write(root)
    return info


def run(root: Path, said: list[str], **told: object) -> None:
    new_experiment(
        read(root, options=ReadOptions()),
        root,
        name="spots",
        kind="semantic",
        info=DatasetInfo.read(root),
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
    assert not any("sample" in each for each in said)
    with pytest.raises(UserError, match="is there already; --force"):
        run(tmp_path / "src", said)
    run(tmp_path / "src", said, force=True)


def test_of_a_large_set_a_sample_is_looked_at_and_all_pictures_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("segloop.experiments.proposal.sample.MOST", 5)
    monkeypatch.setattr("segloop.experiments.proposal.sample.LEAST", 1)
    make(tmp_path / "src", 1, each=8)
    left, right = (tmp_path / "src" / "img_dir" / name for name in ("train/7.png", "val/7.png"))
    right.write_bytes(left.read_bytes())
    said: list[str] = []
    run(tmp_path / "src", said)
    assert any("a sample, 5 of the 16 images, drawn with seed 0" in each for each in said)
    assert any("but for pictures that look alike, found among all" in each for each in said)
    assert any(each.startswith("The check found 1 leak") for each in said)
    assert "5 of the 16 images were looked at" in Path("work_dirs/eda/spots/index.html").read_text("utf-8")


def test_a_set_without_an_object_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "src", 0)
    with pytest.raises(DataError, match="there is nothing to learn"):
        run(tmp_path / "src", [])


def test_torch_is_not_asked_for_a_gpu_where_no_driver_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "GPU_DEVICES", ("no-such-device",))
    monkeypatch.setattr(command.sys, "platform", "linux")
    monkeypatch.setitem(command.sys.modules, "torch", None)  # importing it would be an error
    assert not command._gpu()
