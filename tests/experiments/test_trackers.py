import sys
import types
from pathlib import Path
from typing import Any

import pytest
from mmengine.registry import VISBACKENDS

import segloop.experiments.components  # noqa: F401
from segloop.utils.errors import MissingDependency


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
    assert Path(seen[0]["dir"]) == tmp_path / "run" / "1" / "vis_data" / "dvclive"
    monkeypatch.setitem(sys.modules, "dvclive", None)
    with pytest.raises(MissingDependency, match="pip install dvclive"):
        build("PlainDVCLiveBackend", tmp_path)._init_env()


@pytest.mark.parametrize("kind", ["LocalMLflowBackend", "OfflineWandbBackend", "PlainDVCLiveBackend"])
def test_a_dry_run_knows_which_package_a_tracker_needs(kind: str) -> None:
    from segloop.experiments.dry_run.sandbox import PACKAGES

    assert kind in PACKAGES
