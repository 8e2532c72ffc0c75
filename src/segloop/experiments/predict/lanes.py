"""Predicts several batches at once on a CPU, each in a thread with its own share of the cores.

Cores that share one batch wait for each other at every layer, and all but one wait while boxes are sorted and
masks pasted; with a batch each they do not.
"""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import TypeVar

import torch

from segloop.experiments.predict.fuse import FusedConv2d
from segloop.experiments.predict.model import Model
from segloop.experiments.predict.plan import Batch

MOST_LANES = 8  # each holds the features of a batch

Found = TypeVar("Found")


def count_lanes(model: Model, batches: Sequence[Batch]) -> int:
    """Return how many batches are worth doing at once.

    It follows from the whole list, not from what is left of it, so that a run that goes on computes as the
    undisturbed one.
    """
    if model.predictor.device.type != "cpu" or model.settings.compile:
        return 1
    small = sum(not batch.large for batch in batches)
    return max(1, min(MOST_LANES, torch.get_num_threads(), small))


def predict_in_lanes(
    model: Model, batches: Sequence[Batch], predict: Callable[[Model, Batch], Found], *, lanes: int
) -> Iterator[tuple[Batch, Found]]:
    """Yield batches in their order with what `predict` says of each; a large one has all cores to itself."""
    threads = torch.get_num_threads()
    twins = threading.local()

    def prepare() -> None:
        torch.set_num_threads(max(1, threads // lanes))
        twins.model = twin(model)

    waiting: deque[tuple[Batch, Future[Found]]] = deque()
    pool = ThreadPoolExecutor(lanes, initializer=prepare)
    try:
        for batch in batches:
            while waiting and (batch.large or len(waiting) > lanes):  # one more, so that no lane is ever idle
                first, future = waiting.popleft()
                yield first, future.result()
            if batch.large:
                yield batch, predict(model, batch)
            else:
                waiting.append((batch, pool.submit(lambda batch: predict(twins.model, batch), batch)))
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # threads to come begin with what was set last


def twin(model: Model) -> Model:
    """Return a model of the same weights whose modules keep what they note during a forward to themselves."""
    network = model.predictor.model
    laid_out = (each.laid_out or () for each in network.modules() if isinstance(each, FusedConv2d))
    held = chain(network.parameters(), network.buffers(), *laid_out)
    shared = {id(tensor): tensor for tensor in held}
    other = copy.copy(model)
    other.predictor = copy.copy(model.predictor)
    other.predictor.model = copy.deepcopy(network, shared)
    return other
