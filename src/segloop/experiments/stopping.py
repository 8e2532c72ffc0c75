"""Ctrl-C and SIGTERM end a training after the iteration, with a checkpoint; a second one ends it at once."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.queues import Queue
from types import FrameType
from typing import Any

from segloop.experiments.hooks.checkpoint import SegLoopCheckpointHook

SIGNALS = (signal.SIGINT, signal.SIGTERM)
ONE = 1.0  # seconds: a launcher hands on the SIGTERM that its whole group got, so one comes as two


@contextmanager
def stopping(runner: Any) -> Iterator[None]:
    """Turn the first signal into a request to the runner's checkpoint hook, while the block runs.

    Loader processes get a terminal's Ctrl-C too, and a service manager's SIGTERM; `outliving` keeps them.
    """
    hook = next((hook for hook in runner.hooks if isinstance(hook, SegLoopCheckpointHook)), None)
    if hook is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    process = os.getpid()

    asked_at = 0.0

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked_at
        if os.getpid() != process:
            return
        if hook.stop_asked:
            if number == signal.SIGINT or time.monotonic() - asked_at > ONE:
                raise KeyboardInterrupt
            return
        hook.stop_asked, asked_at = True, time.monotonic()
        # print() may have been interrupted itself
        os.write(2, b"\nSaving a checkpoint after this iteration; once more to stop at once.\n")

    former = {number: signal.signal(number, ask) for number in SIGNALS}
    try:
        yield
    finally:
        hook.stop_asked = False
        for number, handler in former.items():
            signal.signal(number, handler)


def outliving(begin: Callable[[int], None] | None) -> Callable[[int], None]:
    """Return a `worker_init_fn` that does `begin` in a loader process, which then ends by its parent alone.

    Whoever ends a job signals all its processes, and the iteration needs its loader to come to an end.
    torch lets everybody's SIGTERM kill a loader process, and so the training.
    """
    return partial(_begin, begin)


def _begin(begin: Callable[[int], None] | None, worker: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Queue._on_queue_feeder_error = staticmethod(_lost)  # type: ignore[attr-defined]
    if hasattr(signal, "sigwaitinfo"):  # not on a Mac; a handler does not hear who sent the signal
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # of threads to come, too
        threading.Thread(target=_end_by, args=(os.getppid(),), daemon=True).start()
    if begin is not None:
        begin(worker)


def _lost(error: Exception, batch: object) -> None:
    """End a loader process that cannot hand on a batch: the training would wait for that one for ever."""
    if "shared memory" in str(error):  # as the system ends one that writes to it where it is full
        signal.raise_signal(signal.SIGBUS)
    traceback.print_exception(error)
    os._exit(1)


def _end_by(parent: int) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
