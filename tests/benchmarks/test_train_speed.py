"""The peak that a training is held against is that of as many threads as it has."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import train_speed


def test_the_peak_is_measured_with_the_threads_of_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(train_speed, "fastest", lambda run: seen.append(torch.get_num_threads()) or 1.0)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            train_speed.measure_peak(threads)
    finally:
        torch.set_num_threads(before)
    assert seen == [1, 1, 2, 2]
