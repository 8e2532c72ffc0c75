"""All that a run writes goes into the folder to throw away, whoever writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from segloop.experiments.dry_run import sandbox
from segloop.experiments.dry_run.report import BAD, NOTE
from segloop.experiments.dry_run.sandbox import backend_rows, demo_in_scratch, into_scratch, outputs


def config(**changes: Any) -> Config:
    plain: dict[str, Any] = {
        "work_dir": "work_dirs/mine",
        "visualizer": {"type": "V", "vis_backends": [{"type": "LocalVisBackend", "save_dir": "here"}]},
        "default_hooks": {
            "checkpoint": {"type": "CheckpointHook", "out_dir": "/elsewhere"},
            "visualization": {"type": "H", "draw": True, "show": True},
        },
    }
    return Config({**plain, **changes})


def test_the_work_dir_keeps_its_name_and_the_config_stays(tmp_path: Path) -> None:
    given = config()
    copy, work_dir = into_scratch(given, tmp_path)
    assert work_dir == tmp_path / "work/mine"
    assert copy.work_dir == str(work_dir)
    assert given.work_dir == "work_dirs/mine"
    assert "out_dir" not in copy.default_hooks.checkpoint
    assert copy.default_hooks.visualization == {"type": "H", "draw": True}
    assert copy.default_hooks.record == {"type": "RecordTrainingHook", "hash_data": False}
    assert copy.visualizer.vis_backends == [{"type": "LocalVisBackend"}]


def test_what_metrics_write_goes_along(tmp_path: Path) -> None:
    given = config(
        test_evaluator=[
            {"type": "A", "output_dir": "masks"},
            {"type": "B", "metrics": [{"type": "C", "out_file_path": "/data/results.pkl"}]},
            {"type": "CocoMetric", "outfile_prefix": None, "ann_file": "read.json"},
        ],
        val_evaluator={"type": "D", "outfile_prefix": "sub/val"},
        visualizer={"type": "V", "save_dir": "drawn"},
    )
    copy, _ = into_scratch(given, tmp_path)
    first, second, third = copy.test_evaluator
    written = [first.output_dir, second.metrics[0].out_file_path, copy.val_evaluator.outfile_prefix]
    assert all(Path(name).is_relative_to(tmp_path) and Path(name).parent.is_dir() for name in written)
    assert [Path(name).name for name in written] == ["masks", "results.pkl", "val"]
    assert third == {"type": "CocoMetric", "outfile_prefix": None, "ann_file": "read.json"}
    assert Path(copy.visualizer.save_dir).is_relative_to(tmp_path)
    assert outputs(given, "test_evaluator") == [Path("masks"), Path("/data/results.pkl")]


def test_the_run_folder_goes_along(tmp_path: Path) -> None:
    hook = {"type": "RunFolderHook", "folder": "work_dirs/mine/test/val-best"}
    copy, work_dir = into_scratch(config(custom_hooks=[hook, {"type": "Other"}]), tmp_path)
    assert copy.custom_hooks[0].folder == str(work_dir / "test/val-best")


def test_pictures_of_objects_go_along_and_open_no_window(tmp_path: Path) -> None:
    hook = {"type": "InstancePicturesHook", "folder": "/somewhere", "show": True}
    copy, _ = into_scratch(config(custom_hooks=[hook]), tmp_path)
    assert copy.custom_hooks[0].folder == str(tmp_path / "drawn")
    assert copy.custom_hooks[0].show is False


def test_logging_elsewhere_is_left_out_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backends = [{"type": "LocalVisBackend"}, {"type": "WandbVisBackend"}, {"type": "AimVisBackend"}]
    given = config(visualizer={"type": "V", "vis_backends": backends})
    copy, _ = into_scratch(given, tmp_path)
    assert copy.visualizer.vis_backends == backends[:1]
    monkeypatch.setattr(sandbox, "find_spec", lambda name: None if name == "aim" else name)
    missing, elsewhere = backend_rows(given)
    assert (missing.mark, "pip install aim" in missing.text) == (BAD, True)
    assert (elsewhere.mark, elsewhere.text.endswith(": WandbVisBackend")) == (NOTE, True)


def test_only_a_demo_set_that_the_run_would_draw_is_drawn(
    tmp_path: Path,
) -> None:
    drawn: list[tuple[str, str]] = []

    def draw(task: str, root: str, *, seed: int, count: int | None = None) -> dict[str, int]:
        drawn.append((task, root))
        return {"train": 9, "val": 5}

    def ask(root: Path, task: str = "multiclass") -> dict[str, int] | None:
        dataset = {"type": "RepeatDataset", "dataset": {"data_root": str(tmp_path / "data")}}
        given = config(demo={"task": task, "root": str(root)}, train_dataloader={"dataset": dataset})
        whole = demo_in_scratch(given, tmp_path / "scratch", draw)
        if whole:
            assert given.train_dataloader.dataset.dataset.data_root == drawn[-1][1]
        return whole

    assert ask(tmp_path / "data") == {"train": 9, "val": 5}
    assert drawn == [("multiclass", str(tmp_path / "scratch/demo/multiclass"))]
    assert ask(tmp_path / "another") is None  # nobody reads it
    (tmp_path / "data").mkdir()
    assert ask(tmp_path / "data") is None
