"""Every buffer is copied before a validation, and no parameter."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from segloop.experiments.hooks import buffers


def test_copies_every_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    monkeypatch.setattr(buffers, "broadcast", lambda buffer: buffer.fill_(7))
    weight = model[0].weight.clone()
    buffers.SameBuffersHook().before_val(SimpleNamespace(model=model))
    assert all(torch.all(buffer == 7) for buffer in model.buffers())
    assert torch.equal(model[0].weight, weight)
