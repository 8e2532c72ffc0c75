"""A recorded training is started again, ends bit by bit the same, and is refused where it cannot."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from mmengine.runner import Runner

from segloop.experiments import rerun
from segloop.experiments.comparing import compare
from segloop.experiments.hooks.progress import LiveLineHook
from segloop.experiments.launch import Options, train
from segloop.experiments.rerun import find_work_dir, judge, plan, require_same
from segloop.utils.errors import UserError
from tools import train as tool

TOOL = Path(tool.__file__)


def run_again(monkeypatch: pytest.MonkeyPatch, found: rerun.Plan) -> int:
    """Run a plan's command in this process; return what the comparison says."""
    assert found.command[1] == str(TOOL)
    monkeypatch.setattr("sys.argv", found.command[1:])
    assert tool.main() == 0
    return judge(found)


def stop_after_the_first(hook: LiveLineHook, runner: Runner, *args: object, **kwargs: object) -> None:
    if runner.iter == 0:
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_training_run_again_ends_the_same(
    workers: int,
    tiny_config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    overrides = ["model.decode_head.dropout_ratio=0.5", f"train_dataloader.num_workers={workers}"]
    options = Options(config=str(tiny_config), overrides=overrides, seed=3)
    if workers:  # a training that was stopped and resumed is one training
        with monkeypatch.context() as patch:
            patch.setattr(LiveLineHook, "after_train_iter", stop_after_the_first)
            with pytest.raises(KeyboardInterrupt):
                train(options)
        train(options, resume="auto")
    else:
        train(options)
    found = plan(tmp_path / "work", tool=TOOL)
    assert found.work_dir == tmp_path / "work-rerun"
    assert found.same
    require_same(found)
    assert found.environment["OMP_NUM_THREADS"] == "1"
    assert run_again(monkeypatch, found) == 0
    told = capsys.readouterr().out
    assert "Identical: the log" in told
    assert "Identical: the weights" in told
    if workers:
        return
    other = plan(tmp_path / "work", tool=TOOL, seed=4, work_dir=tmp_path / "other")
    assert not other.same
    assert run_again(monkeypatch, other) == 0
    assert "Different: the weights" in capsys.readouterr().out
    assert rerun.judge(rerun.Plan(**vars(other) | {"seed": 3})) == 1  # nothing was allowed to differ


@pytest.fixture
def trained(tiny_trained: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of a trained work_dir that a test may change; its data lie where they were."""
    return Path(shutil.copytree(tiny_trained[1], tmp_path / "work"))


def change(work_dir: Path, **values: Any) -> None:
    """Change what was recorded: `versions__torch="1"` changes an inner value."""
    path = work_dir / "train.json"
    record = json.loads(path.read_text())
    for keys, value in values.items():
        *outer, last = keys.split("__")
        inner = record
        for key in outer:
            inner = inner[key]
        inner[last] = value
    path.write_text(json.dumps(record))


def test_all_that_differs_is_told_at_once(trained: Path) -> None:
    change(
        trained,
        versions__torch="1.0",
        code__source="sha256:old",
        hardware__cpu="Z80",
        data__read={"files": 1},
    )
    change(
        trained,
        changed=[{"iter": 1, "kind": "config", "text": "config: train_cfg.max_iters: recorded 1, now 2"}],
    )
    found = plan(trained, tool=TOOL)
    with pytest.raises(UserError) as caught:
        require_same(found)
    text = str(caught.value)
    for words in (
        "torch: recorded 1.0, now",
        "code: source",
        "cpu: recorded Z80",
        "files read: recorded 1 files",
    ):
        assert words in text
    assert "config: train_cfg.max_iters: recorded 1, now 2 (when it was resumed at iteration 1)" in text
    assert text.endswith("--allow data versions code hardware config")
    with pytest.raises(UserError) as caught:
        require_same(found, allow=["versions", "data", "config"])
    assert str(caught.value).endswith("--allow code hardware")
    require_same(found, allow=["versions", "data", "config", "code", "hardware"])
    assert not found.same


def test_an_edited_config_is_refused(trained: Path) -> None:
    path = trained / "tiny_experiment.py"
    path.write_text(path.read_text() + "\n")
    with pytest.raises(UserError, match=r"config: file: recorded [0-9a-f]{12}…, now [0-9a-f]{12}…"):
        require_same(plan(trained, tool=TOOL))
    path.unlink()
    with pytest.raises(UserError, match="is gone"):
        plan(trained, tool=TOOL)


def test_a_changed_file_is_noticed_whatever_dataset_json_says(
    tiny_config: Path, tiny_root: Path, tmp_path: Path
) -> None:
    train(Options(config=str(tiny_config), overrides=["train_cfg.max_iters=1"]))
    change(tmp_path / "work", started="2001-01-01T00:00:00Z")
    assert plan(tmp_path / "work", tool=TOOL).same
    # What training never read may change, and what it read may not, dataset.json or no.
    unread = next((tiny_root / "ann_dir/test").iterdir())
    unread.write_bytes(unread.read_bytes() + b" ")  # PNG readers stop at its end
    assert plan(tmp_path / "work", tool=TOOL).same
    mask = next((tiny_root / "ann_dir/val").iterdir())
    mask.write_bytes(mask.read_bytes() + b" ")
    with pytest.raises(UserError, match=r"(?s)files read: recorded 12 files.*changed after .*train_0"):
        require_same(plan(tmp_path / "work", tool=TOOL))
    (tiny_root / "dataset.json").unlink()
    with pytest.raises(UserError, match="the config names no classes"):
        require_same(plan(tmp_path / "work", tool=TOOL))


def test_nothing_is_overwritten(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "work-rerun").mkdir()
    plan(trained, tool=TOOL)  # an empty folder may be filled
    (tmp_path / "work-rerun/note.txt").touch()
    with pytest.raises(UserError, match="is there already"):
        plan(trained, tool=TOOL)
    assert plan(trained, tool=TOOL, resume=True).command[-1] == "--resume"
    with pytest.raises(UserError, match="is the original itself"):
        plan(trained, tool=TOOL, work_dir=trained)
    with pytest.raises(UserError, match="nothing to go on with"):
        plan(trained, tool=TOOL, work_dir=tmp_path / "none", resume=True)


def test_as_many_processes_and_threads_as_there_were(trained: Path) -> None:
    change(trained, processes=2, launcher="pytorch", hardware__threads=3)
    found = plan(trained, tool=TOOL, unsafe_load=True)
    assert found.command[1:5] == ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    assert found.command[-3:] == ["--launcher", "pytorch", "--unsafe-load"]
    assert found.environment == {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3"}
    assert found.same
    change(trained, launcher="slurm")
    with pytest.raises(UserError, match="by slurm in 2 processes"):
        plan(trained, tool=TOOL)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "has no train.json"),
        ("{", r"train.json: cannot be read"),
        ("[1]", "not the record of a training"),
        ('{"format": 1}', "another version of SegLoop"),
        ('{"format": 2, "seed": 1}', "damaged: without a usable processes"),
    ],
)
def test_can_report_a_record_that_cannot_be_used(text: str | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "train.json").write_text(text)
    with pytest.raises(UserError, match=message):
        plan(tmp_path, tool=TOOL)


def test_can_report_a_training_that_began_elsewhere(trained: Path) -> None:
    change(trained, first_iter=100)
    with pytest.raises(UserError, match="from a checkpoint of another folder, at iteration 100"):
        plan(trained, tool=TOOL)
    change(trained, first_iter=100, earlier=[{"first_iter": 0, "log": "x"}])
    assert plan(trained, tool=TOOL).same
    change(trained, config=None)
    with pytest.raises(UserError, match="not trained from a config file"):
        plan(trained, tool=TOOL)


def test_finds_the_work_dir_that_is_meant(
    trained: Path, tiny_trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trained / "test/test-best").mkdir(parents=True)
    assert find_work_dir(trained / "test/test-best") == trained
    assert find_work_dir(trained / "tiny_experiment.py") == find_work_dir(trained / "iter_2.pth") == trained
    assert find_work_dir(tiny_trained[0]) == tiny_trained[1]  # the config says where it is kept
    monkeypatch.chdir(tmp_path)
    Path("work_dirs/mine").mkdir(parents=True)
    assert find_work_dir("mine") == Path("work_dirs/mine")
    with pytest.raises(UserError, match="Did you mean 'mine'"):
        find_work_dir("miner")
    Path("new.py").write_text("a = 1")
    with pytest.raises(UserError, match=r"new\.py was not trained yet: there is no work_dirs/new"):
        find_work_dir("new.py")


def test_two_work_dirs_of_one_training_compare(trained: Path, tiny_trained: tuple[Path, Path]) -> None:
    assert compare(trained, tiny_trained[1]).identical
