"""Notes what a trial does, how long each part takes and how much memory is held, while it runs."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook

from segloop.experiments.dry_run.command import STAGE
from segloop.experiments.hooks.checkpoint import KEPT
from segloop.utils.memory import private_memory, resident_memory

SAVING = "saving"  # the stage after the scores
LEAST, MOST = 3, 20  # steps on batches as they come
ENOUGH_S, PATIENCE_S = 5.0, 20.0  # of such steps; of all steps
# What a resumed run knows of files in its work_dir; a trial must neither count on them nor remove them.
OF_THE_WORK_DIR = ("best_ckpt", "best_score", "last_ckpt", "keep_ckpt_ids", KEPT)


class Stopwatch(Hook):
    """Measures the steps of a trial; the first `chosen` training batches are the demanding ones."""

    priority = "VERY_HIGH"

    def __init__(self, scratch: Path, *, chosen: int = 0) -> None:
        self.scratch = scratch
        self.chosen = chosen
        self.stage = ""
        self.steps: list[
            float
        ] = []  # seconds from the end of one step to the end of the next, waits included
        self.waits: list[float] = []  # of these, for the batch
        self.worked: list[float] = []  # of a step, what the cores spent on it, all threads together
        self.batches: list[float] = []  # of validation or test
        self.scores_s = 0.0
        self.scores: dict[str, Any] = {}
        self.loss: float | None = None
        self.settled = self.gpu_settled = 0  # bytes that are held between steps
        self.loaders = 0  # bytes that loader processes hold, at the most
        self._last = self._begun = time.perf_counter()
        self._worked = 0.0

    def at(self, stage: str) -> None:
        """Note what is being done from here on."""
        if stage != self.stage:
            self.stage = stage
            (self.scratch / STAGE).write_text(stage, encoding="utf-8")

    @property
    def enough(self) -> bool:
        """Whether enough training steps were taken to know what one costs."""
        usual = self.usual_steps
        if len(usual) >= MOST or (len(usual) >= LEAST and sum(usual) >= ENOUGH_S):
            return True
        return bool(usual) and time.perf_counter() - self._begun >= PATIENCE_S

    @property
    def usual_steps(self) -> list[float]:
        """The steps on batches as they come; the first step of all has a warm-up in it."""
        return self.steps[max(1, self.chosen) :]

    @property
    def alone_s(self) -> float | None:
        """What a usual step would take if all cores were ours; None where that is not known."""
        usual = self.worked[max(1, self.chosen) :]
        if not usual or torch.cuda.is_available():
            return None
        return sum(usual) / len(usual) / torch.get_num_threads()

    def before_train(self, runner: Any) -> None:
        """Forget the files of a work_dir that is not this one."""
        for name in list(runner.message_hub.runtime_info):
            if name.startswith(OF_THE_WORK_DIR):
                runner.message_hub.runtime_info.pop(name)
        self.at("training")
        self._last = self._begun = time.perf_counter()
        self._worked = time.process_time()

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Note how long the batch was waited for."""
        self.waits.append(time.perf_counter() - self._last)

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Note time and memory of a step."""
        loss = outputs.get("loss") if isinstance(outputs, dict) else None
        self.loss = None if loss is None else float(torch.as_tensor(loss).detach())  # waits for the GPU, too
        self._look_at_memory()
        self.steps.append(self._lap())
        worked = time.process_time()
        self.worked.append(worked - self._worked)
        self._worked = worked

    def before_val(self, runner: Any) -> None:
        """Go over to validation."""
        self.at("validation")
        self._lap()

    def before_test(self, runner: Any) -> None:
        """Go over to the test."""
        self.at("test")
        self._lap()

    def after_val_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Note the time of a batch."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self._look_at_memory()
        self.batches.append(self._lap())

    after_test_iter = after_val_iter

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Note the time that scores take, and which there are."""
        self.scores_s, self.scores = self._lap(), dict(metrics or {})
        self.at(SAVING)

    after_test_epoch = after_val_epoch

    def _lap(self) -> float:
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        return seconds

    def _look_at_memory(self) -> None:
        self.settled = resident_memory()
        self.gpu_settled = torch.cuda.memory_allocated() if torch.cuda.is_available() else 0
        processes = [child.pid for child in multiprocessing.active_children() if child.pid]
        self.loaders = max(self.loaders, private_memory(processes))
