"""Every buffer is copied before a validation, and no parameter."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import EMAHook
from torch import nn

from segloop.experiments.hooks import buffers


def test_copies_every_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    monkeypatch.setattr(buffers, "broadcast", lambda buffer: buffer.fill_(7))
    weight = model[0].weight.clone()
    buffers.SameBuffersHook().before_val(SimpleNamespace(model=model, hooks=[]))
    assert all(torch.all(buffer == 7) for buffer in model.buffers())
    assert torch.equal(model[0].weight, weight)


def test_copies_the_averaged_buffers_that_a_validation_will_see(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.BatchNorm2d(2)
    average = EMAHook(update_buffers=True)
    runner = SimpleNamespace(model=model, hooks=[average])
    average.before_run(runner)
    monkeypatch.setattr(buffers, "broadcast", lambda buffer: buffer.fill_(7))
    buffers.SameBuffersHook().before_val(runner)
    average.before_val_epoch(runner)
    assert all(torch.all(buffer == 7) for buffer in model.buffers())
