"""Ctrl-C and SIGTERM end a training after the iteration, with a checkpoint; a second one ends it at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from segloop.experiments.hooks.checkpoint import SegLoopCheckpointHook

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping(runner: Any) -> Iterator[None]:
    """Turn the first signal into a request to the runner's checkpoint hook, while the block runs.

    The handlers must be in place before loader processes are forked: these get a terminal's Ctrl-C too,
    and must live on until the iteration is over.
    """
    hook = next((hook for hook in runner.hooks if isinstance(hook, SegLoopCheckpointHook)), None)
    if hook is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    process = os.getpid()

    def ask(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:
            return
        if hook.stop_asked:
            raise KeyboardInterrupt
        hook.stop_asked = True
        # print() may have been interrupted itself
        os.write(2, b"\nSaving a checkpoint after this iteration; once more to stop at once.\n")

    former = {number: signal.signal(number, ask) for number in SIGNALS}
    try:
        yield
    finally:
        hook.stop_asked = False
        for number, handler in former.items():
            signal.signal(number, handler)
