"""Provenance: complete, quiet where something is missing, and silent about who and where."""

from __future__ import annotations

import getpass
import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import segloop
from segloop.experiments import provenance as origin


def test_a_record_holds_what_the_design_asks_for_and_is_json(tmp_path):
    record = origin.provenance(
        command=["tools/train.py", "a.py"], seed=3, data_root=tmp_path / "data", folder=tmp_path
    )
    assert set(record) == {"command", "code", "versions", "operators", "seed", "data", "hardware"}
    assert record["seed"] == 3
    assert record["versions"]["segloop"] == segloop.__version__
    assert {"python", "torch", "mmengine", "mmcv", "mmseg", "mmdet", "numpy", "opencv"} <= set(
        record["versions"]
    )
    assert record["operators"]["kind"] in ("torch", "compiled", "none")
    assert record["hardware"]["cores"] >= 1
    assert record["data"] == dict.fromkeys(("name", "content_hash", "declared_hash")) | {"root": "data"}
    assert record["hardware"]["instructions"]
    assert record["code"]["source"].startswith("sha256:")
    json.dumps(record)


def test_no_host_no_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_SECRET_TOKEN", "hunter2")
    monkeypatch.setenv("LOGNAME", "Zaphod")
    assert getpass.getuser() == "Zaphod"
    text = json.dumps(origin.provenance(command=["tools/train.py"], folder=tmp_path))
    assert "hunter2" not in text
    assert platform.node() not in text
    assert "Zaphod" not in text


def test_absolute_paths_of_the_command_become_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = tmp_path.parent / "zaphod"
    monkeypatch.setenv("HOME", str(home))
    assert origin.command_line([f"--out={home}/x/y"]) == ["--out=~/x/y"]
    command = [
        "train.py",
        str(tmp_path / "configs/a.py"),
        f"--work-dir={tmp_path / 'runs'}",
        "--seed",
        "1",
        "/other/x",
    ]
    assert origin.command_line(command) == [
        "train.py",
        "configs/a.py",
        "--work-dir=runs",
        "--seed",
        "1",
        "/other/x",
    ]


def test_a_user_without_a_home_has_commands_too(monkeypatch: pytest.MonkeyPatch) -> None:
    pwd = pytest.importorskip("pwd")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)  # a container's user that is a number alone
    assert origin.command_line(["tools/train.py", "/x/y"]) == ["tools/train.py", "/x/y"]


def test_the_data_are_named_by_dataset_json_and_hashed_as_they_are(tiny_root, tmp_path):
    folder = tmp_path / "work_dirs" / "a"
    declared = json.loads((tiny_root / "dataset.json").read_text())["content_hash"]
    expected = {"name": "shore finds", "root": "../../data/multiclass"}
    expected |= {"content_hash": declared, "declared_hash": declared}
    assert origin.data_identity(tiny_root, folder=folder) == expected
    mask = next((tiny_root / "ann_dir/val").iterdir())
    mask.write_bytes(mask.read_bytes() + b" ")
    stale = origin.data_identity(tiny_root, folder=folder)
    assert stale["declared_hash"] == declared
    assert stale["content_hash"] not in (None, declared)
    (tiny_root / "dataset.json").write_text("{")
    unknown = dict.fromkeys(("name", "content_hash", "declared_hash"))
    assert origin.data_identity(tiny_root, folder=folder) == expected | unknown


def test_the_source_is_ours_and_what_a_config_imports(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_parts").mkdir()
    (tmp_path / "my_parts/__init__.py").write_text("")
    (tmp_path / "my_parts/heads.py").write_text("a = 1")
    (tmp_path / "my_losses.py").write_text("b = 1")
    ours = origin.source_hash()
    assert origin.source_hash(["segloop.experiments.components", "no_such_module"]) == ours
    parts, losses = origin.source_hash(["my_parts"]), origin.source_hash(["my_losses"])
    assert len({ours, parts, losses}) == 3
    (tmp_path / "my_parts/heads.py").write_text("a = 2")
    (tmp_path / "my_losses.py").write_text("b = 2")
    assert origin.source_hash(["my_parts"]) != parts
    assert origin.source_hash(["my_losses"]) != losses
    assert origin.source_hash() == ours


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.setattr(origin.segloop, "__file__", str(folder / "__init__.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    return folder


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_commit_and_dirty_flag(package):
    assert origin.git_state() is None  # no checkout
    git(package, "init", "-q")
    assert origin.git_state() is None  # a checkout, but not of this file
    git(package, "add", ".")
    git(package, "commit", "-q", "-m", "first")
    state = origin.git_state()
    assert len(state["commit"]) == 40
    assert state["dirty"] is False
    (package / "new.py").write_text("")
    assert origin.git_state() == {"commit": state["commit"], "dirty": True}


def test_without_git(package, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert origin.git_state() is None
    state = origin.code_state()
    assert (state["commit"], state["dirty"]) == (None, None)
    assert state["source"] == origin.source_hash()


def test_peak_memory_is_in_bytes():
    peak = origin.peak_memory()
    if sys.platform != "win32":
        assert 20e6 < peak["process_bytes"] < 200e9
    assert peak["gpu_bytes"] is None or peak["gpu_bytes"] >= 0


def test_a_missing_package_is_null(monkeypatch):
    monkeypatch.setitem(origin.DISTRIBUTIONS, "mmdet", ("no-such-distribution",))
    assert origin.versions()["mmdet"] is None


def test_times_and_paths(tmp_path):
    assert origin.now().endswith("Z")
    assert origin.relative_path(tmp_path / "a" / "b", to=tmp_path / "c") == "../a/b"
    assert isinstance(origin.hardware()["memory_bytes"], int | None)
    assert Path(origin.command_line(["x"])[0]) == Path("x")
