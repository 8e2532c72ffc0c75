"""Images wait together, are answered each its own, and a queue has an end."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from segloop.experiments.serving.batching import Batcher
from segloop.experiments.serving.refusals import Refusal
from tests.experiments.serving.stand_in import Bright, half_bright


@pytest.fixture
def model() -> Iterator[Bright]:
    """A model that is let go at the end, whatever a test did."""
    model = Bright()
    yield model
    model.go.set()


def test_what_comes_during_a_batch_makes_the_next_one(model: Bright) -> None:
    seen: list[int] = []
    batcher = Batcher(model, batch_size=4, seen=seen.append)
    model.go.clear()
    first = batcher.submit(half_bright())
    assert model.begun.wait(60)
    others = [batcher.submit(half_bright((20, 30 + 2 * n))) for n in range(6)]
    assert batcher.waiting == 6
    model.go.set()
    assert first.result(60).size_hw == (20, 30)
    for number, future in enumerate(others):
        mask = future.result(60).mask
        assert mask.shape == (20, 30 + 2 * number)
        assert np.array_equal(mask, half_bright(mask.shape)[..., 0] > 0)
    batcher.close(seconds=60)
    assert model.batches == seen == [1, 4, 2]


def test_a_batch_has_no_more_pixels_than_it_may(model: Bright) -> None:
    batcher = Batcher(model, batch_size=8, batch_pixels=1000)
    model.go.clear()
    futures = [batcher.submit(half_bright())]
    assert model.begun.wait(60)
    futures += [batcher.submit(half_bright((20, 24))) for _ in range(3)]
    futures.append(batcher.submit(half_bright((90, 90))))  # too large for any, and computed alone
    model.go.set()
    for future in futures:
        future.result(60)
    batcher.close(seconds=60)
    assert model.batches == [1, 2, 1, 1]


def test_a_full_queue_refuses_and_an_abandoned_image_is_not_computed(model: Bright) -> None:
    batcher = Batcher(model, queue_size=2)
    model.go.clear()
    batcher.submit(half_bright())
    assert model.begun.wait(60)
    kept, abandoned = batcher.submit(half_bright()), batcher.submit(half_bright())
    with pytest.raises(Refusal, match=r"queue is full \(2 images\)") as refusal:
        batcher.submit(half_bright())
    assert refusal.value.status == 503
    assert abandoned.cancel()
    assert batcher.waiting == 1
    later = batcher.submit(half_bright())  # there is room again, though the first batch is not done
    model.go.set()
    kept.result(60), later.result(60)
    batcher.close(seconds=60)
    assert model.batches == [1, 2]


def test_a_failing_batch_is_told_to_its_requests_and_the_next_one_goes_on(model: Bright) -> None:
    batcher = Batcher(model)
    with pytest.raises(RuntimeError, match="bad luck"):
        batcher.submit(half_bright((13, 13))).result(60)
    assert batcher.submit(half_bright()).result(60).size_hw == (20, 30)
    batcher.close(seconds=60)


def test_an_image_that_fails_takes_none_beside_it_along(model: Bright) -> None:
    batcher = Batcher(model)
    model.go.clear()
    futures = [batcher.submit(half_bright())]
    assert model.begun.wait(60)
    futures += [batcher.submit(half_bright(size_hw)) for size_hw in ((20, 30), (13, 13), (8, 8))]
    model.go.set()
    assert [futures[place].result(60).size_hw for place in (0, 1, 3)] == [(20, 30), (20, 30), (8, 8)]
    with pytest.raises(RuntimeError, match="bad luck"):
        futures[2].result(60)
    batcher.close(seconds=60)


def test_closing_answers_those_who_wait_and_refuses_the_rest(model: Bright) -> None:
    batcher = Batcher(model, batch_size=1)
    model.go.clear()
    futures = [batcher.submit(half_bright()) for _ in range(3)]
    assert model.begun.wait(60)
    model.go.set()
    batcher.close(seconds=60)
    assert all(future.done() for future in futures)
    assert not batcher.alive
    with pytest.raises(Refusal, match="shutting down"):
        batcher.submit(half_bright())
