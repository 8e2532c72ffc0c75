"""Puts the images of many requests into batches, in a queue of known length, on a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from segloop.data.annotations import LabelSet
from segloop.experiments.predict.results import Prediction
from segloop.experiments.serving.refusals import Refusal


class Model(Protocol):
    """What is served: `segloop.experiments.onnx.model.OnnxModel`, or anything like it."""

    @property
    def classes(self) -> LabelSet:
        """The classes that predictions are places in."""

    @property
    def told(self) -> Sequence[str]:
        """What the user may want to know: which thresholds are applied."""

    def predict_batch(self, images: Sequence[np.ndarray]) -> Sequence[Prediction]:
        """Return a prediction for each image, RGB [H, W, 3] uint8."""


@dataclass
class _Waiting:
    image: np.ndarray
    answer: Future[Prediction] = field(default_factory=Future)


class Batcher:
    """Predicts on one thread, always as many waiting images at once as fit a batch.

    While a batch is computed the next one fills by itself: nothing waits for company, so one request alone is
    answered at once, and under load batches are full.
    """

    def __init__(
        self,
        model: Model,
        *,
        batch_size: int = 8,
        batch_pixels: int = 4_000_000,
        queue_size: int = 64,
        seen: Callable[[int], None] = lambda images: None,
    ) -> None:
        self.model, self.batch_size, self.batch_pixels = model, batch_size, batch_pixels
        self.queue_size, self._seen = queue_size, seen
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="predictions", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many images wait for their batch; abandoned ones wait for nothing."""
        with self._changed:
            return sum(not entry.answer.cancelled() for entry in self._waiting)

    @property
    def alive(self) -> bool:
        """Whether images are taken and answered."""
        return self._thread.is_alive() and not self._closing

    def submit(self, image: np.ndarray) -> Future[Prediction]:
        """Put an image into the queue; a Refusal says that it is full, or that the service is ending."""
        with self._changed:
            if self._closing:
                raise Refusal(503, "The service is shutting down.")
            if len(self._waiting) >= self.queue_size:  # whoever gave up takes nobody's place
                self._waiting = deque(each for each in self._waiting if not each.answer.cancelled())
            if len(self._waiting) >= self.queue_size:
                raise Refusal(503, f"The queue is full ({self.queue_size} images); try again.")
            entry = _Waiting(image)
            self._waiting.append(entry)
            self._changed.notify()
            return entry.answer

    def close(self, *, seconds: float | None = None) -> None:
        """Take no more images, answer those that wait, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(seconds)

    def _work(self) -> None:
        while batch := self._next():
            error = self._answer(batch)
            if error is None:
                continue
            for entry in batch:  # what is wrong with one image is not told to the others' senders
                own = error if len(batch) == 1 else self._answer([entry])
                if own is not None:
                    entry.answer.set_exception(own)

    def _answer(self, batch: Sequence[_Waiting]) -> BaseException | None:
        """Predict a batch and answer it; return what went wrong, which its requests must hear of."""
        try:
            found = self.model.predict_batch([entry.image for entry in batch])
        except BaseException as error:  # the next batch may do better
            return error
        self._seen(len(batch))
        for entry, prediction in zip(batch, found, strict=True):
            entry.answer.set_result(prediction)
        return None

    def _next(self) -> list[_Waiting]:
        """Wait for images; return those of the next batch, none when all is done."""
        with self._changed:
            while True:
                batch: list[_Waiting] = []
                pixels = 0
                while self._waiting and len(batch) < self.batch_size:
                    height, width = self._waiting[0].image.shape[:2]
                    if batch and pixels + height * width > self.batch_pixels:
                        break
                    entry = self._waiting.popleft()
                    if entry.answer.set_running_or_notify_cancel():  # nobody waits for a cancelled one
                        batch.append(entry)
                        pixels += height * width
                if batch or self._closing:
                    return batch
                self._changed.wait()
