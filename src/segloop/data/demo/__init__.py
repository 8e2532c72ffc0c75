"""Demo data sets, drawn from a seed: one generator a task, which draws what a real download looks like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class MakeDemo(Protocol):
    """What draws and prepares a demo set: formats are read above this library, so a tool brings it."""

    def __call__(self, task: str, root: str, *, seed: int, count: int | None = None) -> Mapping[str, int]:
        """Make the set at `root`, of `count` images or of all; return how many all are, by split."""
        ...
