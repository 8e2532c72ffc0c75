"""Autocast on a CPU, where mmengine's own wrapper refuses to start."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segloop.experiments import optim
from segloop.experiments.optim import AutocastOptimWrapper


@pytest.mark.parametrize(("enabled", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_casts_on_a_cpu_when_enabled(enabled: bool, expected: torch.dtype) -> None:
    net = nn.Linear(4, 4)
    wrapper = AutocastOptimWrapper(enabled, optimizer=torch.optim.SGD(net.parameters(), 0.1))
    with wrapper.optim_context(net):
        assert net(torch.rand(2, 4)).dtype == expected
    loss = net(torch.rand(2, 4)).sum()
    wrapper.update_params(loss)


def test_auto_follows_the_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Linear(1, 1)
    for able in (True, False):
        monkeypatch.setattr(optim, "fast_bfloat16", lambda able=able: able)
        wrapper = AutocastOptimWrapper(optimizer=torch.optim.SGD(net.parameters(), 0.1))
        assert wrapper.enabled is able
