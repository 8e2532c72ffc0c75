"""Two lines load a model safely, with what was tuned for it, and say what cannot be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import segloop
from segloop.analysis.thresholds import ComponentRule, InstanceRule, Thresholds, write_thresholds
from segloop.experiments.predict.load import load
from segloop.utils.errors import ConfigError, DataError, UserError

Files = tuple[Path, Path]
NAMES = ("starfish", "scallop", "nautilus", "fish", "leaf")


def copied(files: Files, folder: Path) -> Path:
    return Path(shutil.copy(files[1], folder / "weights.pth"))


def test_importing_segloop_loads_nothing_heavy() -> None:
    code = "import sys, segloop; segloop.load; print({'torch', 'numpy', 'mmengine'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_tuned_thresholds_beside_the_checkpoint_are_applied(semantic: Files, tmp_path: Path) -> None:
    weights = copied(semantic, tmp_path)
    rules = {name: ComponentRule(0.4, min_area=3) for name in NAMES}
    file = write_thresholds(tmp_path, Thresholds(rules))
    model = segloop.load(semantic[0], weights, device="cpu")
    assert model.predictor.rules is not None
    assert model.predictor.rules[1:] == list(rules.values())
    assert model.told == (f"what counts is said by {file}",)
    write_thresholds(file, Thresholds(rules, {"checkpoint": "iter_9.pth"}))
    assert "were tuned on iter_9.pth" in load(semantic[0], weights, device="cpu").told[0]
    assert load(semantic[0], weights, device="cpu", thresholds=None).predictor.rules is None
    other = load(semantic[0], weights, device="cpu", score_thr=0.9)
    assert other.predictor.rules is not None
    assert other.predictor.rules[1] == ComponentRule(0.9, min_area=3)
    assert other.about["rules"] != model.about["rules"]  # a run with the one does not go on with the other
    write_thresholds(file, Thresholds({"ship": InstanceRule(0.5)}))
    with pytest.raises(DataError, match="tune again"):
        load(semantic[0], weights, device="cpu")


@pytest.mark.parametrize("kind", ["semantic", "instance"])
def test_a_checkpoint_of_other_classes_is_told_of(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    files: Files = request.getfixturevalue(kind)
    assert not any("other classes" in each for each in load(*files, device="cpu").told)
    weights = copied(files, tmp_path)
    content = torch.load(weights)
    names = content["meta"]["dataset_meta"]["classes"]
    content["meta"]["dataset_meta"]["classes"] = [*names[:-1], "rust"]
    torch.save(content, weights)
    model = load(files[0], weights, device="cpu")
    assert model.classes.names[-1] == "rust"
    told = f"it was trained on {', '.join([*names[:-1], 'rust'])}; the data have {', '.join(names)}"
    assert model.told[0] == f"a checkpoint of other classes, whose names are taken: {told}"


def test_windows_that_do_not_overlap_are_said_to_cut_objects(instance: Files) -> None:
    told = load(*instance, device="cpu", window_hw=(64, 64), overlap=0.0).told
    assert "windows do not overlap: objects that a rim cuts stay in pieces" in told


def test_objects_that_count_without_a_threshold_are_told(instance: Files) -> None:
    assert any("unsure ones too" in each for each in load(*instance, device="cpu").told)
    assert load(*instance, device="cpu", score_thr=0.5).told == ()


def test_a_hostile_checkpoint_is_refused(semantic: Files, tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return exec, ("raise SystemExit('it ran')",)

    torch.save({"state_dict": torch.load(semantic[1])["state_dict"], "x": Hostile()}, tmp_path / "w.pth")
    with pytest.raises(ConfigError, match="cannot be loaded safely"):
        load(semantic[0], tmp_path / "w.pth", device="cpu")


def test_mistakes_are_told_in_words(semantic: Files, instance: Files) -> None:
    for options, message in (
        (dict(tta="x"), "--tta 'x'"),
        (dict(precision="int8"), "--precision 'int8'"),
        (dict(score_thr=2), "--score-thr 2"),
        (dict(batch_size=0), "--batch-size 0"),
        (dict(window_hw=(0, 4)), "--window 0x4"),
        (dict(window_hw=(8, 8), overlap=0.7), "--overlap 0.7"),
        (dict(device="cuda:77"), "--device cuda:77"),
    ):
        with pytest.raises(UserError, match=message):
            load(*semantic, **options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="checkpoint of another model"):
        load(semantic[0], instance[1], device="cpu")


def test_precision_follows_the_processor(semantic: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segloop.experiments.optim.fast_bfloat16", lambda device=None: False)
    assert load(*semantic, device="cpu").about["precision"] == "float32"
    half = load(*semantic, device="cpu", precision="bfloat16", fuse=False)
    whole = load(*semantic, device="cpu", fuse=False)
    image = torch.randint(0, 255, (32, 32, 3), dtype=torch.uint8).numpy()
    same = half.predict(image, channels="rgb").mask == whole.predict(image, channels="rgb").mask  # type: ignore[union-attr]
    assert same.mean() > 0.9
    assert str(half).endswith("semantic, 6 classes, cpu, bfloat16")
