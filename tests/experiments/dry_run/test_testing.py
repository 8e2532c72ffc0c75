"""A dry run of a test compares checkpoint and model, tries a few batches, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from segloop.experiments.launch import Options, evaluate
from segloop.utils.errors import UserError
from tests.experiments.dry_run.trying import contents, tried_test


def real_error(config: Path, *overrides: str, **settings: str) -> str:
    """Return what the test itself says before it ends."""
    with pytest.raises(UserError) as caught:
        evaluate(Options(config=str(config), overrides=list(overrides)), **settings)  # type: ignore[arg-type]
    return str(caught.value)


def test_a_test_that_will_run_is_ready_and_nothing_is_left(
    tiny_trained: tuple[Path, Path], tmp_path: Path
) -> None:
    config, work = tiny_trained
    again = Path(shutil.copytree(work, tmp_path / "work"))
    before = contents(tmp_path)
    tried = tried_test(config, work_dir=again, split="val", out=str(tmp_path / "masks"))
    assert tried.code == 0, tried.text
    assert "Ready: this test will start and write its RUN." in tried.text
    assert "val; below it is called test" in tried.row("split", "✓")
    assert "tensors are the model's, after iteration 2" in tried.row("checkpoint", "✓")
    assert "test/val-best_mDice_fg_iter_2 will be written" in tried.row("RUN", "✓")
    assert "scores: aAcc" in tried.row("test", "✓")
    assert "1 batch x" in tried.row("time")
    assert "for the RUN" in tried.row("disk", "✓")
    assert "at the most in a step" in tried.row("memory", "✓")
    assert contents(tmp_path) == before


def test_the_lists_of_a_fold_are_not_left_either(tiny_trained: tuple[Path, Path], tmp_path: Path) -> None:
    config, work = tiny_trained
    fold = ("kfold.fold=1", "kfold.folds=2")
    checkpoint = str(work / "iter_2.pth")
    tried = tried_test(config, *fold, work_dir=tmp_path / "fold", checkpoint=checkpoint, split="val")
    assert tried.code == 0, tried.text
    assert not list(tmp_path.iterdir())


def test_a_run_that_is_there_is_told(tiny_trained: tuple[Path, Path], tmp_path: Path) -> None:
    config, work = tiny_trained
    again = Path(shutil.copytree(work, tmp_path / "work"))
    (again / "test/test-iter_1").mkdir(parents=True)
    tried = tried_test(config, work_dir=again, checkpoint=str(again / "iter_1.pth"))
    assert "is there and will be replaced" in tried.row("RUN", "!")
    assert tried.code == 0


@pytest.mark.parametrize(
    ("overrides", "settings"),
    [
        (("model.backbone.channels=[4,16]",), {}),
        (("model.decode_head.num_classes=4",), {}),
        ((), {"checkpoint": "gone.pth"}),
        ((), {"split": "tset"}),
    ],
)
def test_what_the_test_refuses_is_told_in_its_words(
    tiny_trained: tuple[Path, Path], overrides: tuple[str, ...], settings: dict[str, str]
) -> None:
    config, _ = tiny_trained
    tried = tried_test(config, *overrides, **settings)
    assert tried.code == 2
    assert str(tried.error) == real_error(config, *overrides, **settings)


def test_a_checkpoint_of_other_classes_is_a_finding(tiny_trained: tuple[Path, Path], tmp_path: Path) -> None:
    config, work = tiny_trained
    content = torch.load(work / "iter_2.pth", weights_only=True)
    content["meta"]["dataset_meta"]["classes"] = ["sky", "a", "b", "c", "d", "e"]
    torch.save(content, tmp_path / "other.pth")
    tried = tried_test(config, checkpoint=str(tmp_path / "other.pth"))
    assert tried.code == 1
    assert "it was trained on sky, a, b" in tried.row("classes", "✗")


def test_a_hostile_checkpoint_is_not_run(tiny_trained: tuple[Path, Path], tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple:
            return os.mkdir, (str(tmp_path / "run"),)

    config, _ = tiny_trained
    torch.save({"state_dict": Hostile()}, tmp_path / "hostile.pth")
    tried = tried_test(config, checkpoint=str(tmp_path / "hostile.pth"))
    assert tried.code == 2
    assert "cannot be loaded safely" in str(tried.error)
    assert not (tmp_path / "run").exists()


def test_an_output_that_cannot_be_written_is_a_finding(
    tiny_trained: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, _ = tiny_trained
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    tried = tried_test(config, out="masks")
    assert tried.code == 1
    assert "masks cannot be written" in tried.row("out", "✗")
