"""One live line on a terminal: where the run is, when it ends, how it goes."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections import deque
from typing import IO, Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from segloop.experiments.provenance import peak_memory


@HOOKS.register_module()
class LiveLineHook(Hook):
    """Show progress, ETA, loss, lr, images per second and memory, redrawn in place on a terminal.

    While the line is shown, the log's own train lines go to the log file only. Off a terminal the line is
    not shown, and the log lines are what a person or a CI job reads. Also notes `memory` (MB) on a CPU,
    where mmengine logs it on GPUs only.
    """

    priority = "NORMAL"  # before the logger, which writes the memory noted here

    def __init__(self, stream: IO[str] | None = None, every_s: float = 0.2) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.every_s = every_s
        self.live = self.stream.isatty() and is_main_process()
        self._shown = 0
        self._drawn = 0.0
        self._began: dict[str, float] = {}
        self._recent: deque[tuple[float, int]] = deque(maxlen=50)

    def before_run(self, runner: Any) -> None:
        """Let log records make room for the live line, and keep train lines off the console."""
        if self.live:
            for handler in runner.logger.handlers:
                if isinstance(handler, logging.StreamHandler) and not isinstance(
                    handler, logging.FileHandler
                ):
                    handler.addFilter(self._make_room)

    def before_train(self, runner: Any) -> None:
        """Start the clock."""
        self._recent.append((time.monotonic(), 0))

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Redraw the line; note the memory in use."""
        peak = peak_memory()
        on_gpu = peak["gpu_bytes"] is not None
        memory = (peak["gpu_bytes" if on_gpu else "process_bytes"] or 0) // 2**20
        if not on_gpu:
            runner.message_hub.update_scalar("train/memory", memory)
        if not self.live:
            return
        self._recent.append((time.monotonic(), batch_size(data_batch)))
        by_epoch = runner.train_loop.__class__.__name__.startswith("Epoch")
        total = runner.max_iters
        done = runner.iter + 1
        seconds = self._recent[-1][0] - self._recent[0][0]
        images = sum(count for _, count in list(self._recent)[1:])
        rate = images / seconds if seconds > 0 else 0.0
        left = (total - done) * seconds / max(1, len(self._recent) - 1)
        best = runner.message_hub.runtime_info.get("best_score")
        loss = outputs.get("loss") if isinstance(outputs, dict) else None
        parts = [
            f"epoch {runner.epoch + 1}/{runner.max_epochs}" if by_epoch else f"iter {done}/{total}",
            f"{100 * done / total:.0f} %",
            f"ETA {clock(left)}",
            f"loss {float(torch.as_tensor(loss).detach()):.3f}" if loss is not None else "",
            f"best {best:.1f}" if isinstance(best, int | float) else "",
            f"lr {_rate(runner.optim_wrapper):.1e}" if hasattr(runner, "optim_wrapper") else "",
            f"{rate:.1f} images/s",
            f"{memory / 1024:.1f} GB",
        ]
        self._draw(parts, final=done == total)

    def before_val(self, runner: Any) -> None:
        """Start the clock of a validation."""
        self._began["val"] = time.monotonic()

    def before_test(self, runner: Any) -> None:
        """Start the clock of a test."""
        self._began["test"] = time.monotonic()

    def after_val_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Redraw the line."""
        self._evaluation("val", batch_idx, len(runner.val_dataloader), data_batch)

    def after_test_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Redraw the line."""
        self._evaluation("test", batch_idx, len(runner.test_dataloader), data_batch)

    def after_run(self, runner: Any) -> None:
        """Take the line away."""
        self._clear()

    def _evaluation(self, name: str, batch_idx: int, total: int, data_batch: Any) -> None:
        if not self.live:
            return
        done = batch_idx + 1
        seconds = time.monotonic() - self._began.get(name, time.monotonic())
        left = seconds / done * (total - done)
        rate = done * batch_size(data_batch) / seconds if seconds > 0 else 0.0
        parts = [f"{name} {done}/{total}", f"{100 * done / total:.0f} %", f"ETA {clock(left)}"]
        self._draw([*parts, f"{rate:.1f} images/s"], final=done == total)

    def _draw(self, parts: list[str], *, final: bool) -> None:
        now = time.monotonic()
        if not final and now - self._drawn < self.every_s:
            return
        self._drawn = now
        width = shutil.get_terminal_size().columns - 1
        line = "  ".join(part for part in parts if part)[:width]
        self.stream.write("\r" + line + " " * max(0, self._shown - len(line)))
        self.stream.flush()
        self._shown = len(line)

    def _clear(self) -> None:
        if self._shown:
            self.stream.write("\r" + " " * self._shown + "\r")
            self.stream.flush()
            self._shown = 0

    def _make_room(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if text.startswith(("Iter(train)", "Epoch(train)")) or (
            text.startswith(("Iter(val)", "Epoch(val)", "Iter(test)", "Epoch(test)")) and "  eta: " in text
        ):
            return False
        self._clear()
        return True


def _rate(wrapper: Any) -> float:
    """Return the learning rate of the first parameters, of the first of several optimizers."""
    return next(rates[0] for name, rates in wrapper.get_lr().items() if name.rpartition(".")[2] == "lr")


def batch_size(data_batch: Any) -> int:
    """Return how many images a batch holds."""
    inputs = data_batch.get("inputs") if isinstance(data_batch, dict) else data_batch
    return len(inputs) if inputs is not None else 0


def clock(seconds: float) -> str:
    """Write a duration as `1:02:03` or `2:03`.

    >>> clock(123), clock(3723)
    ('2:03', '1:02:03')
    """
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
