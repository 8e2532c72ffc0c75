"""What the app offers to open: RUNs, models and data sets of its two folders, and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segloop.analysis.compare import compare
from segloop.analysis.comparison_folder import draw_wins
from segloop.app.loop import find_differences, find_loops
from segloop.app.shelf import Shelf, chosen, folders_in
from segloop.utils.errors import UserError
from tests.analysis.runs_made import write_run

MASK = np.zeros((4, 4), np.uint8)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    write_run(tmp_path, {"a": (MASK, MASK)})
    return Shelf(tmp_path / "work_dirs", tmp_path)


def test_runs_are_named_by_work_dir_and_the_newest_comes_first(shelf: Shelf, tmp_path: Path) -> None:
    write_run(tmp_path / "later", {"a": (MASK, MASK)}, finished="2099-01-01T00:00:00Z")
    (tmp_path / "later/work_dirs/net").rename(tmp_path / "work_dirs/other")
    assert list(shelf.runs()) == ["other/test-last", "net/test-last"]
    assert shelf.open_run("net/test-last").kind == "semantic"


def test_a_work_dir_or_a_data_set_called_test_hides_no_other(shelf: Shelf, tmp_path: Path) -> None:
    write_run(tmp_path / "later", {"a": (MASK, MASK)}, finished="2025-01-01T00:00:00Z")
    (tmp_path / "work_dirs/dvc/ships/train").mkdir(parents=True)
    (tmp_path / "later/work_dirs/net").rename(tmp_path / "work_dirs/dvc/ships/test")  # as in dvc.yaml
    (tmp_path / "work_dirs/test").mkdir()
    (tmp_path / "work_dirs/test/train.json").write_text("{}")
    for name in ("data/ships", "data/test"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "dataset.json").write_text("{}")
    assert list(shelf.runs()) == ["net/test-last", "dvc/ships/test/test-last"]
    assert list(Shelf(tmp_path, tmp_path / "data").datasets()) == ["ships", "test"]


def test_models_have_weights_and_a_config(shelf: Shelf) -> None:
    net = shelf.work_dirs / "net"
    assert shelf.models() == {}
    (net / "best.pth").write_bytes(b"")
    assert shelf.models() == {}
    (net / "net.py").write_text("")
    (net / "best.onnx").write_bytes(b"")
    (net / "published").mkdir()
    for name in ("config.py", "net.safetensors"):
        (net / "published" / name).write_text("")
    assert shelf.models() == {
        "net": net,
        "net/best.onnx": net / "best.onnx",
        "net/published": net / "published",
    }


def test_what_links_lead_out_of_the_folder_to_is_not_offered(shelf: Shelf, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("x.pth", "x.py", "x.onnx"):
        (elsewhere / name).write_text("")
    (shelf.work_dirs / "linked").symlink_to(elsewhere)
    (shelf.work_dirs / "net/x.onnx").symlink_to(elsewhere / "x.onnx")
    assert shelf.models() == {}


@pytest.mark.parametrize("name", ["../net", "/etc", "net/test-last/../test-last", ""])
def test_a_name_that_is_not_listed_opens_nothing(shelf: Shelf, name: str) -> None:
    with pytest.raises(UserError, match="There is no RUN"):
        shelf.open_run(name)


def test_a_name_close_to_one_is_answered_with_it() -> None:
    with pytest.raises(UserError, match="Did you mean 'ships'"):
        chosen("ship", {"ships": Path("x")}, what="model")


def test_data_sets_are_found_with_the_later_versions_of_their_labels(tmp_path: Path) -> None:
    for name in ("data/ships", "data/ships/versions/2", "data/.hidden", "data/ships/img_dir/train"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "dataset.json").write_text("{}")
    found = Shelf(tmp_path / "work_dirs", tmp_path / "data").datasets()
    assert list(found) == ["ships", "ships/versions/2"]


def test_a_folder_that_may_not_be_read_hides_no_other(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("work_dirs/lost+found", "lost+found", "ships"):
        (tmp_path / name).mkdir()
    (tmp_path / "ships/dataset.json").write_text("{}")
    listed = os.scandir

    def scandir(folder: Path) -> Any:
        if folder.name == "lost+found":
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert list(shelf.runs()) == ["net/test-last"]
    assert list(shelf.datasets()) == ["ships"]
    assert shelf.models() == {}
    assert find_loops(shelf.work_dirs) == find_differences(shelf.work_dirs) == []


def test_files_of_a_download_are_not_asked_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").touch()
    for name in ("b", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    asked = []
    is_folder = Path.is_dir
    monkeypatch.setattr(Path, "is_dir", lambda path: asked.append(path.name) or is_folder(path))
    assert folders_in(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    assert not [name for name in asked if name.endswith(".jpg")]


def test_data_that_were_moved_are_looked_for_below_the_data_folder(shelf: Shelf, tmp_path: Path) -> None:
    run = shelf.open_run("net/test-last")
    assert shelf.data_root(run) is None
    meta = json.loads((run.folder / "meta.json").read_text())
    meta["data"] = {"root": "../../../../../gone/toys"}
    (run.folder / "meta.json").write_text(json.dumps(meta))
    (tmp_path / "toys").mkdir()
    assert shelf.open_run("net/test-last").data_root == tmp_path / "toys"
    meta["data"] = {"root": "../../../../../gone/toys/versions/2"}
    (run.folder / "meta.json").write_text(json.dumps(meta))
    (tmp_path / "toys/versions/2").mkdir(parents=True)
    assert shelf.open_run("net/test-last").data_root == tmp_path / "toys/versions/2"


def test_of_two_compared_runs_each_has_its_data_where_they_are(shelf: Shelf, tmp_path: Path) -> None:
    found = np.zeros((4, 4), np.uint8)
    found[1:3, 1:3] = 1
    write_run(tmp_path / "other", {"a": (MASK, found)})
    (tmp_path / "other/work_dirs/net").rename(tmp_path / "work_dirs/moved")
    file = tmp_path / "work_dirs/moved/test/test-last/meta.json"
    meta = json.loads(file.read_text())
    meta["data"]["root"] = "../../../../../gone/data"
    file.write_text(json.dumps(meta))
    runs = [shelf.open_run(name) for name in ("net/test-last", "moved/test-last")]
    assert sum(map(len, draw_wins(compare(runs, repeats=100)).values())) == 1


def test_the_environment_names_the_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGLOOP_WORK_DIRS", "runs")
    monkeypatch.delenv("SEGLOOP_DATA", raising=False)
    assert Shelf.of_environment() == Shelf(Path("runs"), Path("data"))
