"""A pool of processes that maps a function over many items, in order."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cpu_count() -> int:
    """Return how many CPU cores this process may use (containers and taskset counted)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_ordered(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int | None = None,
    chunk: int = 8,
) -> Iterator[Result]:
    """Yield `function(item)` for each item, in the order of the items, from a pool of processes.

    `workers=0` or 1 runs in this process, which is what tests and tiny jobs want. `function` must be
    picklable: a module-level function, or an object of such a class, which is sent to each process once. Few
    items are in flight at a time, so a long list costs no memory. Processes are spawned, not forked: a fork
    after torch has started its threads can hang.
    """
    workers = cpu_count() if workers is None else workers
    if workers <= 1 or not _can_spawn():
        yield from map(function, items)
        return
    stream = iter(items)
    chunks = iter(lambda: list(itertools.islice(stream, chunk)), [])
    waiting: deque[Future[list[Any]]] = deque()
    # An executor and not multiprocessing.Pool: a pool replaces dying workers for ever, an executor says so.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_receive, initargs=(function,)) as pool:
        try:
            for part in itertools.islice(chunks, 2 * workers):
                waiting.append(_submit(pool, part))
            while waiting:
                results = waiting.popleft().result()
                for part in itertools.islice(chunks, 1):
                    waiting.append(_submit(pool, part))
                yield from results
        except BrokenProcessPool as error:
            raise RuntimeError(
                "A worker process died: out of memory, or the main script lacks `if __name__ == '__main__':`."
            ) from error
        except BaseException:
            # Left to end by themselves they would wait for ever where a second Ctrl-C comes meanwhile.
            for process in list((pool._processes or {}).values()):
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, items: list[Any]) -> Future[list[Any]]:
    """Send items to a process, which may be started for them; a Ctrl-C meanwhile comes right after.

    A terminal sends it to all processes. One that is being started takes it for its own, with a traceback;
    here it inherits that it is not to hear of it.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        return pool.submit(_apply, items)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(_apply, items)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_received: list[Callable[[Any], Any]] = []  # in a worker: the function that it applies


def _receive(function: Callable[[Any], Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the rest
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _received[:] = [function]


def _end_with_parent() -> None:
    """Wait for the first process to end: a killed one tells its workers nothing, and they would wait."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _apply(items: list[Any]) -> list[Any]:
    return [_received[0](item) for item in items]


def _can_spawn() -> bool:
    """Return whether a new process could import the main script and be talked to.

    A script read from stdin has no file; where /dev/shm takes nothing (AWS Lambda), no locks exist.
    """
    file = getattr(sys.modules["__main__"], "__file__", None)
    try:
        multiprocessing.get_context("spawn").Lock()
    except OSError:
        return False
    return file is None or Path(file).exists()
