"""The prediction tool: the whole way, in both forms of its command, and mistakes that cost one message."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data_converters.convert import transfer
from segloop.experiments.predict.run import held
from segloop.utils.cli import run
from segloop.utils.errors import UserError
from tests.experiments.predict.conftest import write_weights
from tools import predict as tool


@pytest.fixture
def weights(tiny_config: Path, tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    shutil.copy(tiny_config, tmp_path / "work/experiment.py")
    names = ["background", "starfish", "scallop", "nautilus", "fish", "leaf"]
    return write_weights(tiny_config, tmp_path / "work/iter_2.pth", meta={"classes": names, "background": 0})


def main(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr("sys.argv", ["tools/predict.py", *map(str, words), "--device", "cpu"])
    with pytest.raises(SystemExit) as caught:
        run(tool.main)
    return int(caught.value.code or 0)


def test_a_folder_becomes_masks_and_pictures_and_a_broken_image_costs_a_line(
    weights: Path, tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    images = tiny_root / "img_dir/test"
    (images / "broken.png").write_bytes(b"no")
    words = [
        images,
        "--to",
        "mmseg",
        "--out",
        tmp_path / "out",
        "--overlays",
        tmp_path / "seen",
        "--split",
        "t",
    ]
    assert main(monkeypatch, weights.parent, *words, "--score-thr", "0.1") == 1
    told = capsys.readouterr()
    assert "3 image(s)\niter_2.pth: semantic, 6 classes, cpu, float32\n" in told.out
    assert "broken: not an image that can be decoded" in told.err
    assert "1 of 3 image(s) could not be predicted:" in told.err
    masks = sorted((tmp_path / "out/ann_dir/t").iterdir())
    assert [mask.stem for mask in masks] == sorted(
        file.stem for file in images.iterdir() if file.stem != "broken"
    )
    with Image.open(masks[0]) as mask:
        assert np.asarray(mask).shape == (64, 64)
    assert len(list((tmp_path / "seen").iterdir())) == 2
    assert not (tmp_path / "out.partial").exists()
    assert main(monkeypatch, weights.parent, *words) == 2
    assert "exists already" in capsys.readouterr().err


def test_an_image_that_the_format_cannot_hold_costs_the_exit_code(
    weights: Path, tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    images = tiny_root / "img_dir/test"
    shutil.copy(next(images.iterdir()), images / "caf\udce9.png")  # of an old archive: no UTF-8
    words = [images, "--from", "images", "--to", "mmseg", "--out", tmp_path / "out"]
    assert main(monkeypatch, weights.parent, *words) == 1
    assert "1 image(s) were left out:\n  caf\\udce9" in capsys.readouterr().out


def test_a_config_a_checkpoint_and_a_data_set_become_a_submission(
    weights: Path, tiny_config: Path, tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    names = sorted(file.name for file in (tiny_root / "img_dir/val").iterdir())[::-1]
    sample = tmp_path / "sample.csv"
    sample.write_text("\n".join(["ImageId,EncodedPixels", *(f"{name}," for name in names), ""]))
    words = [
        tiny_config,
        weights,
        tiny_root,
        "--split",
        "val",
        "--to",
        "airbus",
        "--out",
        tmp_path / "out.csv",
    ]
    words += ["--sample-submission", sample, "--window", "48", "--tta"]
    assert main(monkeypatch, *words) == 0
    told = capsys.readouterr().out
    assert "is read as mmseg" in told
    assert "views h, windows of 48x48" in told
    with (tmp_path / "out.csv").open() as file:
        rows = [row[0] for row in csv.reader(file)][1:]
    assert list(dict.fromkeys(rows)) == names


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{work}", "{tmp}"], "--to and --out say where"),
        (["{work}", "{tmp}", "--to", "coco"], "--to and --out say where"),
        (["{work}", "{tmp}/none", "--to", "mmseg", "--out", "{tmp}/o"], "There is no"),
        (["{work}", "{tmp}", "--overlays", "{tmp}/o", "--sample-submission", "s.csv"], "--out"),
        (["{work}", "{tmp}", "--overlays", "{tmp}/o", "--media", "copy"], "--media when nothing is written"),
        (
            ["{work}", "{tmp}", "--to", "mmseg", "--out", "{tmp}/o", "--overlays", "{tmp}/a/../o"],
            "among what",
        ),
        (["{work}", "{tmp}", "--to", "cocoo", "--out", "{tmp}/o"], "Did you mean 'coco'"),
        (["{tmp}/none.py", "{tmp}/data", "--to", "mmseg", "--out", "{tmp}/o"], "There is no config"),
        (["{work}", "{tmp}/data", "--window", "big", "--to", "mmseg", "--out", "{tmp}/o"], "no HEIGHTxWIDTH"),
        (["{work}", "{tmp}/data", "--media", "copy", "--to", "coco", "--out", "{tmp}/o.json"], "no place"),
        (["{work}", "{tmp}/data", "--workers=-1", "--to", "mmseg", "--out", "{tmp}/o"], "must be at least 0"),
        (["{work}", "{tmp}/data", "--winow", "9", "--to", "mmseg", "--out", "{tmp}/o"], "'--window'"),
    ],
)
def test_mistakes(
    words: list[str], message: str, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    filled = [word.format(tmp=tmp_path, work=weights.parent) for word in words]
    assert main(monkeypatch, *filled) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("o*"))  # nor what is finished: it was told before anything was predicted


def test_an_exported_model_needs_no_torch(tiny_onnx: Path, tiny_master: Path, tmp_path: Path) -> None:
    words = [
        str(tiny_onnx),
        str(tiny_master / "img_dir" / "val"),
        "--to",
        "mmseg",
        "--out",
        str(tmp_path / "out"),
    ]
    tool = Path(__file__).resolve().parents[2] / "tools" / "predict.py"
    code = (
        "import runpy, sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'mmengine', 'mmcv', 'mmseg', 'mmdet'):\n"
        "            raise ImportError('blocked: ' + name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
        f"sys.argv = {['predict.py', *words]!r}\n"
        f"runpy.run_path({str(tool)!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").rglob("*.png"))) >= 2


def test_as_many_processes_write_as_were_asked_for(
    weights: Path, tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def transferred(*args: Any, workers: int | None, **kwargs: Any) -> Any:
        asked.append(workers)
        return transfer(*args, workers=workers, **kwargs)

    monkeypatch.setattr("data_converters.deliver.transfer", transferred)
    words = [tiny_root / "img_dir/test", "--to", "mmseg", "--out", tmp_path / "out", "--workers", "1"]
    assert main(monkeypatch, weights.parent, *words) == 0
    assert asked == [1]


def test_another_process_keeps_out_until_all_is_written(
    weights: Path, tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = tmp_path / "out.partial"

    def transferred(*args: Any, **kwargs: Any) -> Any:
        with pytest.raises(UserError, match="Another process is adding to"), held(keep):
            pass  # it would begin the folder anew, or remove it
        return transfer(*args, **kwargs)

    monkeypatch.setattr("data_converters.deliver.transfer", transferred)
    words = [tiny_root / "img_dir/test", "--to", "mmseg", "--out", tmp_path / "out"]
    assert main(monkeypatch, weights.parent, *words) == 0
    assert not keep.exists()
