"""Records a training in its work_dir: `train.json`, kept up to date, its config, and `model.json`."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from segloop.experiments.config_text import config_text
from segloop.experiments.inputs import origin
from segloop.experiments.model_summary import input_shape, summarize
from segloop.experiments.provenance import command_line, now, peak_memory
from segloop.experiments.records import FORMAT, TRAIN_FILE, config_differences, differences
from segloop.utils.atomic import read_record, write_json, write_text
from segloop.utils.processes import machine

MODEL_FILE = "model.json"
# What a later look at the file needs of the trainings that were resumed in the same folder.
SESSION_KEYS = (
    *("command", "state", "started", "updated", "first_iter", "last_iter", "duration_s", "train_s", "val_s"),
    "log",
)


@HOOKS.register_module()
class RecordTrainingHook(Hook):
    """Write `train.json` at the start, at each validation and at the end, and `model.json` once.

    `state` is `running` until the training ends, then `done`; `outcome` turns it into `interrupted` or
    `failed`. A training that was killed stays `running`, with the time of its last sign of life. The config
    is kept beside it as the training began with it: neither a resumption nor a test replaces what
    `tools/rerun.py` starts from.

    Args:
        command: the command to record; what this process was started with by default.
        summary: also write `model.json`.
        hash_data: also record a hash of the files that are read.
    """

    priority = "LOWEST"  # after the checkpoint hook, which decides what the best score is

    def __init__(
        self, *, command: Sequence[str] | None = None, summary: bool = True, hash_data: bool = True
    ) -> None:
        self.command = list(command) if command is not None else None
        self.summary = summary
        self.hash_data = hash_data
        self.record: dict[str, Any] | None = None

    def before_train(self, runner: Any) -> None:
        """Write down where this training comes from; keep what earlier ones in the folder left."""
        if not is_main_process():
            return
        work_dir = Path(runner.work_dir)
        former = (read_record(work_dir / TRAIN_FILE) or {}) if runner.iter else {}
        start = former.get("load_from") if runner.iter else _shown(runner._load_from)
        self.start, self.val_s = time.perf_counter(), 0.0
        self.record = {
            "format": FORMAT,
            **_origin(runner, load_from=start, hash_data=self.hash_data),
            "command": command_line(sys.argv if self.command is None else self.command),
            "experiment": work_dir.resolve().name,
            "state": "running",
            "error": None,
            "process": os.getpid(),
            "machine": machine(),
            "processes": get_world_size(),
            "launcher": runner._launcher,
            "started": now(),
            "log": runner.timestamp,
            "first_iter": runner.iter,
            "max_iters": runner.max_iters,
            "max_epochs": runner.max_epochs,
            "images": len(runner.train_dataloader.dataset),
            "batch_size": getattr(runner.train_dataloader.batch_sampler, "batch_size", None),
            "load_from": start,
            "earlier": [*former.get("earlier", ()), {key: former.get(key) for key in SESSION_KEYS}]
            if former
            else [],
        }
        self.record["changed"] = _changed(former, self.record, runner) if former else []
        self.record["config"] = _keep_config(runner, load_from=start)
        self._update(runner)
        _warn_of_stale(self.record["data"], runner)

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Summarize the model once the first batch says what it is fed."""
        if self.summary and is_main_process():
            self.summary = False
            shape = input_shape(data_batch, runner.model)
            summary = summarize(runner.model, input_chw=shape)
            write_json(Path(runner.work_dir) / MODEL_FILE, {"format": FORMAT} | summary)

    def before_val(self, runner: Any) -> None:
        """Start the clock of a validation."""
        self._val_start = time.perf_counter()

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Note scores, time and memory so far."""
        if self.record is not None:
            self.val_s += time.perf_counter() - self._val_start
            scores = {n: v for n, v in (metrics or {}).items() if isinstance(v, int | float) and v == v}
            self.record["last_scores"] = {"iter": runner.iter, **scores}
            self._update(runner)

    def after_train(self, runner: Any) -> None:
        """Close the record."""
        if self.record is not None:
            self._update(runner, state="done")
            self.record = None

    def _update(self, runner: Any, *, state: str = "running") -> None:
        assert self.record is not None
        duration = time.perf_counter() - self.start
        best = runner.message_hub.runtime_info.get("best_score")
        checkpoint = runner.message_hub.runtime_info.get("best_ckpt")
        self.record |= {
            "state": state,
            "updated": now(),
            "last_iter": runner.iter,
            "last_epoch": runner.epoch,
            "duration_s": round(duration, 3),
            "train_s": round(duration - self.val_s, 3),
            "val_s": round(self.val_s, 3),
            "best_score": float(best) if isinstance(best, int | float) and best == best else None,
            "best_checkpoint": Path(checkpoint).name if checkpoint else None,
            "peak_memory": peak_memory(),
        }
        write_json(Path(runner.work_dir) / TRAIN_FILE, self.record)


@contextmanager
def outcome(work_dir: Path | str) -> Iterator[None]:
    """Around a training: if it is interrupted or fails, its `train.json` says so.

    >>> with outcome(runner.work_dir):  # doctest: +SKIP
    ...     runner.train()
    """
    try:
        yield
    except KeyboardInterrupt:
        _close(Path(work_dir), "interrupted", None)
        raise
    except Exception as error:
        _close(Path(work_dir), "failed", f"{type(error).__name__}: {str(error)[:1000]}")
        raise


def _close(work_dir: Path, state: str, error: str | None) -> None:
    """Set the state of a record that this process opened; a training that never began has none."""
    record = read_record(work_dir / TRAIN_FILE)
    if not is_main_process() or record is None or record.get("process") != os.getpid():
        return
    if record.get("state") == "running":
        with suppress(OSError):  # a full disk must not hide what ended the training
            write_json(work_dir / TRAIN_FILE, record | {"state": state, "error": error, "updated": now()})


def _origin(runner: Any, *, load_from: str | None, hash_data: bool) -> dict[str, Any]:
    datasets = [runner.train_dataloader.dataset]
    if runner._val_loop is not None:
        datasets.append(runner.val_dataloader.dataset)
    return origin(
        {**runner.cfg, "load_from": load_from},
        datasets=datasets,
        work_dir=Path(runner.work_dir),
        seed=runner.seed,
        hash_data=hash_data,
    )


def _keep_config(runner: Any, *, load_from: str | None) -> dict[str, Any] | None:
    """Write the config as the training began with it; return the file's name and hash."""
    if runner.cfg.filename is None:  # the runner was built without one
        return None
    path = Path(runner.work_dir) / f"{Path(runner.cfg.filename).stem}.py"
    text = config_text({**runner.cfg.to_dict(), "load_from": load_from, "resume": False})
    write_text(path, text)
    return {"file": path.name, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def _shown(path: str | None) -> str | None:
    return command_line([path])[0] if path else None


def _changed(former: dict[str, Any], record: dict[str, Any], runner: Any) -> list[dict[str, Any]]:
    """Return what was not the same in all sessions of a training, which no rerun can follow."""
    if former.get("format") != FORMAT:
        return [{"iter": runner.iter, "kind": "code", "text": "code: begun by another version of SegLoop"}]
    found = differences(former, record)
    path = Path(runner.work_dir) / str((former.get("config") or {}).get("file"))
    with suppress(Exception):  # a config that somebody changed by hand may hold anything
        kept = Config.fromfile(str(path), import_custom_modules=False)
        found += config_differences(kept.to_dict(), runner.cfg.to_dict())
    news = [{"iter": runner.iter, "kind": each.kind, "text": str(each)} for each in found]
    return [*former.get("changed", ()), *news]


def _warn_of_stale(data: dict[str, Any], runner: Any) -> None:
    declared, found = data["declared_hash"], data["content_hash"]
    if declared and found and declared != found:
        runner.logger.warning(
            f"The files in {Path(runner.work_dir, data['root']).resolve()} are not those that its "
            f"dataset.json tells of (content_hash {declared}); they are recorded as {found}. If the change "
            "was meant, write that into dataset.json."
        )
