"""Counts what the service does, and tells it as Prometheus reads it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
IMAGES = (1, 2, 4, 8, 16, 32, 64)


class Histogram:
    """Counts values in steps, each of which holds all that are not larger, as Prometheus wants it."""

    def __init__(self, steps: Sequence[float]) -> None:
        self.steps = tuple(steps)
        self.counts = [0] * len(self.steps)
        self.total, self.sum = 0, 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.total += 1
        self.sum += value
        for place, step in enumerate(self.steps):
            self.counts[place] += value <= step

    def lines(self, name: str) -> list[str]:
        """Return the counts as text."""
        steps = zip(self.steps, self.counts, strict=True)
        return [
            *(f'{name}_bucket{{le="{step:g}"}} {count}' for step, count in steps),
            f'{name}_bucket{{le="+Inf"}} {self.total}',
            f"{name}_sum {self.sum:.15g}",  # of fewer digits rates would be made of steps
            f"{name}_count {self.total}",
        ]


class Counters:
    """What has been answered, how fast, and in batches of how many images. Used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.answers: dict[int, int] = {}
        self.seconds = Histogram(SECONDS)
        self.batches = Histogram(IMAGES)

    def answered(self, status: int, seconds: float) -> None:
        """Count an answer to a request for a prediction."""
        with self._lock:
            self.answers[status] = self.answers.get(status, 0) + 1
            self.seconds.add(seconds)

    def batch(self, images: int) -> None:
        """Count a batch."""
        with self._lock:
            self.batches.add(images)

    def text(self, gauges: Mapping[str, tuple[str, Callable[[], float]]]) -> str:
        """Return all of it in Prometheus' format; `gauges` are values of this moment with what they are."""
        with self._lock:
            lines = _head("segloop_requests_total", "counter", "Answers to /predict by status")
            lines += [
                f'segloop_requests_total{{status="{status}"}} {count}'
                for status, count in sorted(self.answers.items())
            ]
            lines += _head("segloop_request_seconds", "histogram", "Time from a request to its answer")
            lines += self.seconds.lines("segloop_request_seconds")
            lines += _head("segloop_batch_images", "histogram", "Images in a batch")
            lines += self.batches.lines("segloop_batch_images")
        for name, (about, value) in gauges.items():
            lines += [*_head(name, "gauge", about), f"{name} {value():g}"]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, about: str) -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
