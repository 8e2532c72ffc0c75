"""A pool of processes that maps a function over many items, in order, with progress."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

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

    `workers=0` or 1 runs in this process, which is what tests and tiny jobs want. `function` must be a
    module-level function. Processes are spawned, not forked: a fork after torch has started its threads
    can hang.
    """
    workers = cpu_count() if workers is None else workers
    if workers <= 1:
        yield from map(function, items)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(function, items, chunksize=chunk)
