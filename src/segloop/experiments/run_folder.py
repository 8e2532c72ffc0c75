"""Makes a RUN folder out of a test: the hook that `tools/test.py` adds, and what it records of each image."""

from __future__ import annotations

import atexit
import shutil
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import barrier, broadcast_object_list, get_rank, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.registry import HOOKS

from segloop.analysis.runs import FORMAT
from segloop.experiments.config_text import config_text
from segloop.experiments.metrics import SegLoopSemanticMetric
from segloop.experiments.models.tta import SegLoopTTAModel
from segloop.experiments.provenance import now, peak_memory, provenance, relative_path
from segloop.experiments.run_images import ImageNames, InferenceTimer, listed_images, sha256
from segloop.experiments.run_recorders import Recorder, SemanticRecorder
from segloop.experiments.run_writer import (
    Spool,
    SpooledImages,
    commit,
    open_partial,
    without_nan,
    write_images,
)
from segloop.experiments.ships_metric import SegLoopShipsMetric
from segloop.experiments.ships_recorder import ShipsRecorder
from segloop.utils.atomic import write_json


@HOOKS.register_module()
class RunFolderHook(Hook):
    """Write the RUN folder of a test; `docs/run-folder.md` says what is in it.

    Nothing can be seen at `folder` before the test is over: files are written to a hidden folder beside it,
    which takes its place at the end. A test that is killed leaves the former RUN as it was.

    Args:
        folder: where the RUN goes, `work_dirs/<config>/test/<split>-<checkpoint stem>`.
        split: the name of the split, for the record.
        checkpoint: the file that was loaded, for the record.
        command: the command to record; what this process was started with by default.
        confident: from which confidence on a prediction counts as confident.
        warm_up: how many batches at the beginning are left out of the inference times.
    """

    priority = "VERY_LOW"

    def __init__(
        self,
        folder: str,
        *,
        split: str = "test",
        checkpoint: str | None = None,
        command: Sequence[str] | None = None,
        confident: float = 0.9,
        warm_up: int = 3,
    ) -> None:
        self.folder = Path(folder)
        self.split = split
        self.checkpoint = checkpoint
        self.command = list(command) if command is not None else None
        self.confident = confident
        self.warm_up = warm_up

    def before_test(self, runner: Any) -> None:
        """Open the partial folder, learn how images are named, start the clock around the model."""
        paths = [str(open_partial(self.folder)) if is_main_process() else ""]
        broadcast_object_list(paths)
        self.partial = Path(paths[0])
        if is_main_process():  # an error or Ctrl-C leaves nothing behind; once renamed, there is nothing left
            atexit.register(shutil.rmtree, self.partial, ignore_errors=True)
        self.dataset = runner.test_dataloader.dataset
        self.names = ImageNames(self.dataset)
        folders = [masks for each in runner.test_evaluator.metrics if (masks := getattr(each, "masks", None))]
        for image in listed_images(self.dataset) if folders and get_world_size() > 1 else ():
            for folder in folders:
                folder.name(image)  # each process writes a share of the masks, and names them as all would
        self.spool = Spool(self.partial / f"records-{get_rank()}.jsonl")
        self.recorder: Recorder | None = None
        self.logged: dict[str, float] = {}
        self.seen = 0
        self.started, self.start = now(), time.perf_counter()
        self.timer = InferenceTimer(runner.model, warm_up=self.warm_up)

    def after_test_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Sequence[Any] | None = None
    ) -> None:
        """Record each image of a batch; this runs after the evaluator, while logits are still there."""
        for sample in outputs or ():
            # Samplers repeat images to give each process as many; mmengine drops those, and so do we.
            position, self.seen = self.seen * get_world_size() + get_rank(), self.seen + 1
            if position >= len(self.dataset):
                continue
            row = self.names.row(sample)
            if self.spool.is_new(row):
                self.recorder = self.recorder or self._choose_recorder(runner, sample)
                self.spool.append(row, self.recorder.record(sample, row) if self.recorder else {})

    def after_test_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Keep what the evaluators returned."""
        self.logged = {
            name: value for name, value in (metrics or {}).items() if isinstance(value, int | float)
        }

    def after_test(self, runner: Any) -> None:
        """Put the tables together, and the folder in its place."""
        timing = self.timer.close()
        if self.recorder is not None:
            self.recorder.save_part()
        barrier()  # every process has written its part
        if is_main_process():
            images = SpooledImages(self.partial.glob("records-*.jsonl"))
            extra = self.recorder.image_columns if self.recorder is not None else ()
            write_images(self.partial / "images.csv", images, extra=extra)
            tables = self.recorder.write_tables(images) if self.recorder is not None else {}
            _write_config(runner.cfg, self.partial / "config.py")
            kind = self.recorder.kind if self.recorder is not None else "other"
            head = {"format": FORMAT, "kind": kind}
            write_json(self.partial / "metrics.json", head | tables | {"logged": without_nan(self.logged)})
            write_json(self.partial / "timing.json", {"format": FORMAT} | timing)
            for part in (*self.partial.glob("records-*.jsonl"), *self.partial.glob("part-*")):
                part.unlink()
            write_json(self.partial / "meta.json", head | self._meta(runner, images=len(images)))
            commit(self.partial, self.folder)
        barrier()

    def _choose_recorder(self, runner: Any, sample: Any) -> Recorder | None:
        if "pred_sem_seg" not in sample:
            return self._instance_recorder(runner, sample)
        ours = [m for m in runner.test_evaluator.metrics if isinstance(m, SegLoopSemanticMetric)]
        ships = next((m for m in ours if isinstance(m, SegLoopShipsMetric)), None)
        kind = SemanticRecorder if ships is None else partial(ShipsRecorder, metric=ships)
        model = _bare(runner.model)
        return kind(
            self.partial,
            dataset_meta=dict(getattr(self.dataset, "metainfo", {})),
            ignore_index=ours[0].ignore_index if ours else getattr(self.dataset, "ignore_index", 255),
            background=ours[0].background if ours else "auto",
            confident=self.confident,
            merged=isinstance(model, BaseTTAModel) and not isinstance(model, SegLoopTTAModel),
        )

    def _instance_recorder(self, runner: Any, sample: Any) -> Recorder | None:
        if "masks" not in getattr(sample, "pred_instances", ()):
            return None
        from segloop.experiments.instance_metrics import SegLoopInstanceMetric
        from segloop.experiments.instance_recorder import InstanceRecorder

        ours = [m for m in runner.test_evaluator.metrics if isinstance(m, SegLoopInstanceMetric)]
        return InstanceRecorder(self.partial, dataset=self.dataset, metric=ours[0] if ours else None)

    def _meta(self, runner: Any, *, images: int) -> dict[str, Any]:
        checkpoint = Path(self.checkpoint) if self.checkpoint else None
        work_dir = Path(runner.work_dir)
        origin = provenance(
            command=self.command, seed=runner.seed, data_root=self.names.root, folder=self.folder
        )
        return {
            **origin,
            "experiment": work_dir.resolve().name,
            "split": self.split,
            "checkpoint": {
                "file": relative_path(checkpoint, to=work_dir) if checkpoint else None,
                "sha256": sha256(checkpoint) if checkpoint else None,
            },
            "started": self.started,
            "finished": now(),
            "duration_s": round(time.perf_counter() - self.start, 3),
            "peak_memory": peak_memory(),
            "images": images,
            "files": sorted(item.name for item in self.partial.iterdir()),
            **(self.recorder.describe() if self.recorder is not None else {}),
        }


def _write_config(config: Config, path: Path) -> None:
    """Write the flattened config as it was tested, without this hook, whose paths are of one machine."""
    plain = config.to_dict()
    hooks = [hook for hook in plain.get("custom_hooks") or [] if hook.get("type") != "RunFolderHook"]
    if "custom_hooks" in plain:
        plain["custom_hooks"] = hooks
    path.write_text(config_text(plain), encoding="utf-8")


def _bare(model: Any) -> Any:
    return model.module if is_model_wrapper(model) else model
