"""The ablation changes what a config has, reads what earlier runs left, and tells seeds apart."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from segloop.experiments.config import load_config
from segloop.experiments.strict import check_config
from tests.experiments.cells import write_cells

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import ablation

UNET = str(Path(__file__).resolve().parents[2] / "configs/config_experiment_2.py")


def row(name: str, score: float, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "length": "x",
        "iterations": 9,
        "seconds": 1.5,
        "mDice": 80,
        "mDice_fg": score,
        **more,
    }


def losses_of(name: str) -> list[str]:
    changed = ablation.variant(UNET, ablation.VARIANTS[name])
    return [loss["type"] for loss in changed.model.decode_head.loss_decode]


def test_one_seed_is_a_line_of_plain_numbers() -> None:
    lines = ablation.table([row("the recipe", 81.04), row("SGD", 7.0)], title="c, x")
    assert lines == [
        "| c, x | iterations | s | mDice | mDice_fg |",
        "|---|---:|---:|---:|---:|",
        "| the recipe | 9 | 1.500 | 80.0 | 81.0 |",
        "| SGD | 9 | 1.500 | 80.0 | 7.0 |",
    ]


def test_several_seeds_are_compared_one_by_one() -> None:
    recipe = [row("the recipe", 81.0), row("the recipe", 83.0, seed=1)]  # the first has no seed: as it was
    other = [row("SGD", 82.0, seed=0), row("SGD", 83.5, seed=1)]
    lines = ablation.table([*recipe, *other], title="c, x")
    assert lines[0].endswith("| s | seeds | mDice | mDice_fg | mDice_fg beside the recipe |")
    assert lines[2].endswith("| 2 | 80.0 (80.0 to 80.0) | 82.0 (81.0 to 83.0) |  |")
    assert lines[3].endswith("| 82.8 (82.0 to 83.5) | +0.8 (+0.5 to +1.0) |")


def test_objects_are_judged_by_what_the_config_saves_its_best_by() -> None:
    score = {"coco/segm_mAP": 30.0, "spacecraft/mIoU": 70.0, "best": "spacecraft/mIoU"}
    plain = {"name": "the recipe", "iterations": 9, "seconds": 1.0, **score}
    assert "| s | coco/segm_mAP | spacecraft/mIoU |" in ablation.table([plain], title="c")[0]
    assert ablation.table([plain], title="c", scores=["coco/segm_mAP"])[2].endswith("| 1.000 | 30.0 |")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("focal Tversky for Dice", ["CrossEntropyLoss", "FocalTverskyLoss"]),
        ("Lovász besides", ["CrossEntropyLoss", "BatchDiceLoss", "LovaszSoftmaxLoss"]),
        ("boundary besides", ["CrossEntropyLoss", "BatchDiceLoss", "BoundaryDistanceLoss"]),
        ("cross-entropy alone", ["CrossEntropyLoss"]),
    ],
)
def test_losses_of_a_decode_head_change(name: str, expected: list[str]) -> None:
    assert losses_of(name) == expected


def test_the_optimizer_is_the_other_one_at_the_same_rate(tmp_path: Path) -> None:
    def optimizer_of(config: str) -> tuple[str, float]:
        changed = ablation.variant(config, ablation.VARIANTS["AdamW for Muon, or the reverse"])
        check_config(changed, path=config)
        return changed.optim_wrapper.optimizer.type, changed.optim_wrapper.optimizer.lr

    assert optimizer_of(UNET) == ("AdamW", load_config(UNET).optim_wrapper.optimizer.lr)
    back = tmp_path / "back.py"
    back.write_text(
        f"_base_ = [{UNET!r}]\noptim_wrapper = dict(optimizer=dict("
        "_delete_=True, type='AdamW', lr=1e-3, weight_decay=0.1))\n"
    )
    assert optimizer_of(str(back)) == ("MuonAdamW", 1e-3)


def test_mask_heads_get_a_loss_besides_theirs(tmp_path: Path) -> None:
    changed = ablation.variant(str(write_cells(tmp_path)), ablation.VARIANTS["masks: boundary besides"])
    first, second = changed.model.roi_head.mask_head.loss_mask.losses
    assert first.use_mask
    assert second.type == "BoundaryDistanceLoss"


def test_what_a_config_has_no_room_for_is_passed_over(tmp_path: Path) -> None:
    cells = str(write_cells(tmp_path))
    for name in ("Lovász besides", "focal Tversky for Dice", "no dropout", "windows anywhere"):
        assert ablation.variant(cells, ablation.VARIANTS[name]) is None, name
    for name in ("masks: Dice besides", "output stride 8"):
        assert ablation.variant(UNET, ablation.VARIANTS[name]) is None, name


def test_results_without_a_seed_are_those_of_seed_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    folder = tmp_path / "config_experiment_2"
    folder.mkdir()
    (folder / "00.json").write_text(json.dumps({**row("the recipe", 81.0), "length": "300 iterations"}))
    trained: list[int] = []

    def measure(config: Any, folder: Path, args: Any, *, seed: int) -> dict[str, Any]:
        trained.append(seed)
        return {"iterations": 300, "seconds": 1.0, "mDice": 80.0, "mDice_fg": 84.0}

    monkeypatch.setattr(ablation, "measure", measure)
    command = ["ablation.py", UNET, "--iterations", "300", "--only", "the recipe", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*command, "--seeds", "0", "1"])
    ablation.main()
    assert trained == [1]
    assert "| 82.5 (81.0 to 84.0) |" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*command, "--seed", "0"])
    ablation.main()
    assert trained == [1]
    assert "| the recipe | 9 | 1.500 | 80.0 | 81.0 |" in capsys.readouterr().out


def test_speed_is_measured_in_turns_and_becomes_a_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begins: list[int | None] = []

    class Peer:
        """Takes twice the recipe's time with SGD, and three times with an average of weights."""

        def __init__(self, kind: str, config: str, folder: str, args: Any) -> None:
            read = load_config(config)
            averages = [hook for hook in read.get("custom_hooks", []) if hook["type"] == "EMAHook"]
            begins.extend(hook.get("begin_iter") for hook in averages)
            self.seconds = 3.0 if averages else 2.0 if read.optim_wrapper.optimizer.type == "SGD" else 1.0
            self.turns = 0

        def answer(self) -> dict[str, Any]:
            return {}

        def take_turn(self) -> float:
            self.turns += 1
            return self.seconds if self.turns > 1 else 100.0  # the first turn does not count

        def end(self) -> None:
            assert self.turns == 9

    monkeypatch.setattr(ablation, "Peer", Peer)
    command = ["ablation.py", UNET, "--speed", "--out", str(tmp_path), "--only"]
    monkeypatch.setattr(sys, "argv", [*command, "the recipe", "SGD", "averaged weights (EMA)"])
    ablation.main()
    assert begins == [None]  # not from iteration 200 on, which no turn reaches
    assert "| SGD | 2.00 (2.00 to 2.00) |" in capsys.readouterr().out
    costs = ablation.read_costs(tmp_path / "config_experiment_2")
    lines = ablation.table(
        [row("the recipe", 81.0), row("SGD", 7.0), row("no flips", 80.0)], title="c", costs=costs
    )
    assert lines[0].startswith("| c | iterations | s | a step beside the recipe's | mDice |")
    assert [line.split(" | ")[3] for line in lines[2:]] == ["1", "2.00 (2.00 to 2.00)", ""]


@pytest.mark.parametrize("name", ["background weighs 0.3", "averaged weights (EMA)", "boundary besides"])
def test_what_is_trained_would_be_accepted(name: str, tmp_path: Path) -> None:
    ablation.variant(UNET, ablation.VARIANTS[name]).dump(tmp_path / "variant.py")
    check_config(load_config(tmp_path / "variant.py"), path=tmp_path / "variant.py")
