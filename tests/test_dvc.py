"""The pipeline of dvc.yaml: in a fresh clone, once, twice, with a changed parameter, and after a kill."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
STAGES = ["prepare", "check", "eda", "train", "test", "analyze", "report"]
BIN = Path(sys.executable).parent


def test_each_task_has_all_that_the_stages_ask_for() -> None:
    tasks = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["tasks"]
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    stages = yaml.safe_load(text)["stages"]
    assert list(stages) == STAGES
    assert all(each["foreach"] == "${tasks}" for each in stages.values())
    for name, task in tasks.items():
        assert (ROOT / task["config"]).is_file(), name
        assert set(task) == set(tasks["multiclass"])
        assert set(task["train"]) == {"iterations", "validate_every", "overrides"}
        length = re.search(
            r"^train_cfg = dict\(max_iters=(\d+), val_interval=(\d+)\)",
            (ROOT / task["config"]).read_text(encoding="utf-8"),
            re.MULTILINE,
        )
        assert length is not None, name
        asked = (task["train"]["iterations"], task["train"]["validate_every"])
        assert tuple(map(int, length.groups())) == asked, f"{name}: the config's own length"


def test_stages_call_tools_with_flags_that_they_know() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    commands = [each["do"]["cmd"] for each in stages.values()]
    lines = [line for each in commands for line in (each if isinstance(each, list) else [each])]
    for line in lines:
        tool = (ROOT / line.split()[1]).read_text(encoding="utf-8")
        helpers = (ROOT / "data_converters/prepare/cli.py").read_text(encoding="utf-8")
        flags = (ROOT / "src/segloop/utils/flags.py").read_text(encoding="utf-8")
        for word in line.split():
            assert not word.startswith("--") or f'"{word}"' in tool + helpers + flags, word


def dvc(clone: Path, *words: str, check: bool = True) -> str:
    """Run DVC in a clone, with this Python first on the path; return what it prints."""
    done = subprocess.run(
        ["dvc", *words], cwd=clone, env=environment(clone), capture_output=True, text=True, timeout=1500
    )
    assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def environment(clone: Path) -> dict[str, str]:
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    code = os.pathsep.join([str(clone / "src"), str(clone)])
    return {**os.environ, "PATH": path, "PYTHONPATH": code, "OMP_NUM_THREADS": "1"}


def make_clone(folder: Path, task: str, *, prepare: str, train: dict[str, Any]) -> Path:
    """Clone this repository and leave one task, small and short, in its pipeline."""
    if shutil.which("dvc", path=f"{BIN}{os.pathsep}{os.environ['PATH']}") is None:
        pytest.skip("dvc is not installed: pip install -r requirements/lab.txt")
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    for key, value in (("user.name", "x"), ("user.email", "x@y.z")):
        subprocess.run(["git", "config", key, value], cwd=folder, check=True)
    file = folder / "params.yaml"
    params = yaml.safe_load(file.read_text(encoding="utf-8"))
    params["tasks"] = {task: params["tasks"][task] | {"prepare": prepare, "train": train}}
    file.write_text(yaml.safe_dump(params), encoding="utf-8")
    commit(folder)
    return folder


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone with a small demo set and a short training."""
    train = {"iterations": 12, "validate_every": 4, "overrides": "train_dataloader.batch_size=4"}
    folder = tmp_path_factory.mktemp("dvc") / "clone"
    return make_clone(folder, "multiclass", prepare="--demo --count 40 --size 64", train=train)


@pytest.fixture(scope="module")
def clone_of_objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for objects with masks."""
    train = {"iterations": 8, "validate_every": 4, "overrides": "train_dataloader.batch_size=2"}
    folder = tmp_path_factory.mktemp("dvc") / "objects"
    return make_clone(folder, "cells", prepare="--demo --count 24 --size 128", train=train)


def commit(folder: Path) -> None:
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    subprocess.run(["git", "commit", "-qm", "x"], cwd=folder, check=True)


def ran(told: str, task: str = "multiclass") -> list[str]:
    """Return the stages that were run."""
    return [stage for stage in STAGES if f"Running stage '{stage}@{task}'" in told]


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_pipeline_runs_once_and_then_what_a_change_asks_for(clone: Path) -> None:
    assert sorted(ran(dvc(clone, "repro", "report@multiclass"))) == sorted(STAGES)
    commit(clone)
    assert ran(dvc(clone, "repro", "report@multiclass")) == []
    assert "up to date" in dvc(clone, "status")
    told = dvc(clone, "exp", "run", "-S", "tasks.multiclass.train.iterations=8", "report@multiclass")
    assert ran(told) == ["train", "test", "analyze", "report"]
    changed = json.loads(dvc(clone, "metrics", "diff", "--json").splitlines()[0])
    (numbers,) = changed.values()
    assert numbers["training.iterations"] == {"old": 12, "new": 8, "diff": -4}
    told = dvc(clone, "exp", "run", "-S", "tasks.multiclass.split=val", "report@multiclass")
    assert ran(told) == ["test", "analyze", "report"]
    dvc(clone, "plots", "show", "-o", "drawn")
    page = (clone / "drawn" / "index.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("curves.csv", "classes.csv", "confusion.csv"))


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_objects_go_through_the_pipeline_too(clone_of_objects: Path) -> None:
    clone, target = clone_of_objects, "report@cells"
    assert sorted(ran(dvc(clone, "repro", target), "cells")) == sorted(STAGES)
    commit(clone)
    assert ran(dvc(clone, "repro", target), "cells") == []
    told = dvc(clone, "exp", "run", "-S", "tasks.cells.train.iterations=4", target)
    assert ran(told, "cells") == ["train", "test", "analyze", "report"]
    (numbers,) = json.loads(dvc(clone, "metrics", "diff", "--json").splitlines()[0]).values()
    assert numbers["training.iterations"] == {"old": 8, "new": 4, "diff": -4}
    assert any(name.startswith("test.coco/segm_mAP") for name in numbers)
    scores = "work_dirs/dvc/cells/numbers/classes.csv"
    shown = json.loads(dvc(clone, "plots", "show", scores, "--json").splitlines()[0])
    assert "coco/segm_mAP" in json.dumps(shown)
    assert "astro" in json.dumps(shown)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_killed_training_goes_on_in_the_pipeline(clone: Path) -> None:
    command = ["dvc", "repro", "-f", "-s", "train@multiclass"]
    folder = clone / "work_dirs" / "dvc" / "multiclass" / "train"
    dvc(clone, "repro", "train@multiclass")
    whole = record_of(folder)
    before = folder.with_name("train.before")
    shutil.rmtree(before, ignore_errors=True)
    running = subprocess.Popen(
        command, cwd=clone, env=environment(clone), stdout=subprocess.DEVNULL, start_new_session=True
    )
    end = time.monotonic() + 1000
    while not (before.exists() and (folder / "iter_4.pth").exists()):  # a finished run is moved aside first
        assert time.monotonic() < end
        assert running.poll() is None
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    dvc(clone, "repro", "-s", "train@multiclass")
    again = record_of(folder)
    assert again["earlier"], "it began anew"
    for name in ("state", "last_iter", "best_score", "last_scores"):
        assert again[name] == whole[name], name


def record_of(folder: Path) -> dict[str, Any]:
    """Return a training's record, without what a clock says."""
    record = json.loads((folder / "train.json").read_text(encoding="utf-8"))
    scores = {name: value for name, value in record["last_scores"].items() if "time" not in name}
    return {**record, "last_scores": scores}
