"""Training is told of by its record and its log."""

from __future__ import annotations

from pathlib import Path

from segloop.analysis.report import training
from segloop.analysis.report.contents import Contents
from tests.analysis.report.made import all_text, contents_of, facts_of, write_training


def test_the_command_is_the_recorded_one(tmp_path: Path) -> None:
    text = all_text(training.training(contents_of(tmp_path)))
    assert "python tools/train.py configs/net.py --cfg-options train_cfg.max_iters=100 --seed 3" in text
    assert "python tools/analyze.py work_dirs/net/test/test-last" in text
    assert "5 min 0 s" in text
    assert "0123456789ab" in text


def test_a_training_that_did_not_end_well_says_so(tmp_path: Path) -> None:
    folder = write_training(tmp_path, train={"state": "failed", "error": "the disk is full"})
    text = all_text(training.training(Contents([facts_of(folder, tmp_path)])))
    assert "ended as 'failed': the disk is full" in text


def test_curves_of_losses_and_scores(tmp_path: Path) -> None:
    (side,) = training.curves(contents_of(tmp_path)).blocks
    loss, score = side.blocks
    assert loss.told == "Loss of training and validation: training, validation"
    assert score.told == "Scores of validation: mDice_fg, mIoU"
    assert loss.svg.count("<polyline") == 1, "a single validation is a dot"
    assert loss.svg.count("<circle") == 1


def test_several_models_share_a_plot(tmp_path: Path) -> None:
    runs = [facts_of(write_training(tmp_path / name), tmp_path / name) for name in ("a", "b")]
    (side,) = training.curves(Contents(runs)).blocks
    assert side.blocks[2].told.startswith("mDice_fg of the models: net/test-last, net/test-last")


def test_axes_end_at_a_round_number() -> None:
    assert [training.round_up(value) for value in (0.59, 1.41, 86.7, 100, 0)] == [0.6, 1.6, 100, 100, 1]


def test_times_machines_and_versions(tmp_path: Path) -> None:
    report = contents_of(tmp_path)
    times = all_text(training.times(report))
    for told in ("5 min 0 s", "1.2 GB", "50 ms", "60 ms", "cpu, 1 threads"):
        assert told in times
    machines = all_text(training.environment(report))
    for told in ("a <processor>", "another", "8.0 GB"):
        assert told in machines
    assert "numpy 2.2.6 – torch 2.13.0 2.13.0" in all_text(training.libraries(report))


def test_without_a_record(tmp_path: Path) -> None:
    folder = write_training(tmp_path)
    (folder.parents[1] / "train.json").unlink()
    next(folder.parents[1].rglob("scalars.json")).unlink()
    report = Contents([facts_of(folder, tmp_path)])
    assert "not recorded" in all_text(training.training(report))
    assert "The log of the training is gone" in all_text(training.curves(report))
    assert "another" in all_text(training.environment(report))
