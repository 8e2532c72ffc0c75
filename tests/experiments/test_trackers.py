"""Trackers that need no server."""

import sqlite3
import subprocess
import sys
import types
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mmengine.registry import VISBACKENDS

import segloop.experiments.components  # noqa: F401
from segloop.utils.errors import MissingDependency

ROOT = Path(__file__).resolve().parents[2]


def build(kind: str, folder: Path, **settings: Any) -> Any:
    return VISBACKENDS.build(dict(type=kind, save_dir=str(folder / "run" / "1" / "vis_data"), **settings))


def test_mlflow_keeps_its_store_in_a_file_beside_the_work_dirs(tmp_path: Path) -> None:
    backend = build("LocalMLflowBackend", tmp_path)
    assert backend._tracking_uri == f"sqlite:///{(tmp_path / 'mlflow.db').as_posix()}"
    assert build("LocalMLflowBackend", tmp_path, tracking_uri="http://there")._tracking_uri == "http://there"


def test_wandb_sends_nothing_unless_it_is_told_to(tmp_path: Path) -> None:
    assert build("OfflineWandbBackend", tmp_path)._init_kwargs["mode"] == "offline"
    online = build("OfflineWandbBackend", tmp_path, init_kwargs=dict(mode="online"))
    assert online._init_kwargs["mode"] == "online"


def test_dvclive_writes_into_the_work_dir_and_runs_no_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    live = types.SimpleNamespace(Live=lambda **settings: seen.append(settings))
    monkeypatch.setitem(sys.modules, "dvclive", live)
    monkeypatch.setattr("os.system", lambda command: pytest.fail(command))
    build("PlainDVCLiveBackend", tmp_path)._init_env()
    assert seen[0]["save_dvc_exp"] is False
    assert seen[0]["dvcyaml"] is None
    assert Path(seen[0]["dir"]) == tmp_path / "run" / "1" / "vis_data" / "dvclive"
    monkeypatch.setitem(sys.modules, "dvclive", None)
    with pytest.raises(MissingDependency, match="pip install dvclive"):
        build("PlainDVCLiveBackend", tmp_path)._init_env()


@pytest.mark.parametrize("kind", ["LocalMLflowBackend", "OfflineWandbBackend", "PlainDVCLiveBackend"])
def test_a_dry_run_knows_which_package_a_tracker_needs(kind: str) -> None:
    from segloop.experiments.dry_run.sandbox import PACKAGES

    assert kind in PACKAGES


def trained(config: Path, kind: str) -> Path:
    """Train a tiny experiment with a tracker, in a process of its own: what it starts goes on running."""
    local = "[dict(type='LocalVisBackend')]"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace(local, f"[dict(type='LocalVisBackend'), dict(type={kind!r})]"))
    command = [sys.executable, "tools/train.py", str(config)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (logs,) = (config.parent / "work").glob("*/vis_data")
    return logs


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_a_training_arrives_in_mlflow(tiny_config: Path) -> None:
    pytest.importorskip("mlflow", reason="needs: pip install mlflow")
    trained(tiny_config, "LocalMLflowBackend")
    with closing(sqlite3.connect(tiny_config.parent / "mlflow.db")) as store:
        assert store.execute("select status from runs").fetchall() == [("FINISHED",)]
        steps = store.execute("select step from metrics where key = 'loss' order by step").fetchall()
        assert steps == [(1,), (2,)]
        assert store.execute("select count(*) from metrics where key = 'mDice_fg'").fetchone() == (1,)
        assert store.execute("select count(*) from params").fetchone()[0] > 10
    assert list((tiny_config.parent / "mlartifacts").rglob("train.json"))


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_a_training_arrives_in_wandb_and_stays_here(tiny_config: Path) -> None:
    pytest.importorskip("wandb", reason="needs: pip install wandb")
    logs = trained(tiny_config, "OfflineWandbBackend")
    (run,) = (logs / "wandb").glob("offline-run-*/run-*.wandb")
    content = run.read_bytes()
    assert b"mDice_fg" in content
    assert b"decode.loss_ce" in content


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_a_training_arrives_in_dvclive_and_git_is_left_alone(tiny_config: Path) -> None:
    pytest.importorskip("dvclive", reason="needs: pip install dvclive")
    before = subprocess.run(["git", "status", "--short"], cwd=ROOT, capture_output=True, check=True).stdout
    logs = trained(tiny_config, "PlainDVCLiveBackend")
    rows = (logs / "dvclive/plots/metrics/loss.tsv").read_text(encoding="utf-8").split()
    assert rows[:2] == ["step", "loss"]
    assert rows[2::2] == ["1", "2"]
    assert (logs / "dvclive/plots/metrics/mDice_fg.tsv").is_file()
    after = subprocess.run(["git", "status", "--short"], cwd=ROOT, capture_output=True, check=True).stdout
    assert after == before
