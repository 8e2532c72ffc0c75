"""The optimizer of trainings from scratch: what it does to a matrix, and that the rest is AdamW's."""

from __future__ import annotations

import copy

import pytest
import torch
from mmengine.registry import OPTIMIZERS
from torch import nn

from segloop.experiments.muon import MuonAdamW, orthogonal


@pytest.mark.parametrize("shape", [(16, 144), (144, 16), (32, 32)])
def test_all_directions_of_a_matrix_count_alike(shape: tuple[int, int]) -> None:
    left, _ = torch.linalg.qr(torch.randn(shape[0], 16))
    right, _ = torch.linalg.qr(torch.randn(shape[1], 16))
    values = torch.logspace(0, -2, 16)  # the last direction is a hundredth of the first
    found = orthogonal(left * values @ right.T)
    assert found.shape == shape
    turned = left.T @ found @ right
    assert turned.diagonal().min() > 0.6
    assert turned.diagonal().max() < 1.3
    torch.testing.assert_close(turned, turned.diagonal().diag(), atol=1e-3, rtol=0)


def test_a_matrix_of_zeros_stays_one() -> None:
    assert not orthogonal(torch.zeros(16, 20)).any()


def test_the_size_of_a_step_does_not_hang_on_the_gradient() -> None:
    steps = []
    for scale in (1e-4, 1.0, 1e4):
        kernel = nn.Parameter(torch.zeros(32, 16, 3, 3).to(memory_format=torch.channels_last))
        generator = torch.Generator().manual_seed(0)
        kernel.grad = torch.randn(kernel.shape, generator=generator) * scale
        MuonAdamW([kernel], lr=0.01).step()
        steps.append(kernel.detach())
    torch.testing.assert_close(steps[0], steps[1], atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(steps[1], steps[2], atol=1e-5, rtol=1e-3)
    assert 0.15 < steps[1].square().mean().sqrt() / 0.01 < 0.25  # AdamW's 0.2


def test_kernels_of_few_rows_and_all_that_is_no_matrix_are_adamw_s() -> None:
    ours = nn.Conv2d(3, 4, 3)
    theirs = copy.deepcopy(ours)
    settings = dict(lr=0.01, weight_decay=0.1, betas=(0.8, 0.9))
    pairs = [
        (ours, MuonAdamW(ours.parameters(), **settings)),
        (theirs, torch.optim.AdamW(theirs.parameters(), **settings)),
    ]
    for seed in range(5):
        image = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        for net, optimizer in pairs:
            optimizer.zero_grad()
            net(image).square().sum().backward()
            optimizer.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other)


def test_agrees_with_torch_s_own_on_a_matrix() -> None:
    muon = getattr(torch.optim, "Muon", None)
    if muon is None:
        pytest.skip("this torch has no Muon")
    ours, theirs = (nn.Parameter(torch.ones(24, 40)) for _ in range(2))
    optimizers = [
        MuonAdamW([ours], lr=0.01, weight_decay=0.1),
        muon([theirs], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
    ]
    for seed in range(4):
        ours.grad = theirs.grad = torch.randn(24, 40, generator=torch.Generator().manual_seed(seed))
        for optimizer in optimizers:
            optimizer.step()
    moved, wanted = (value.detach() - 1 for value in (ours, theirs))
    assert torch.cosine_similarity(moved.flatten(), wanted.flatten(), dim=0) > 0.999  # theirs is in bfloat16
    torch.testing.assert_close(moved, wanted, atol=5e-4, rtol=0)


def test_goes_on_where_it_was_saved() -> None:
    def train(net: nn.Module, optimizer: torch.optim.Optimizer, *, seeds: range) -> None:
        for seed in seeds:
            optimizer.zero_grad()
            net(torch.randn(4, 16, generator=torch.Generator().manual_seed(seed))).square().sum().backward()
            optimizer.step()

    whole = nn.Linear(16, 20)
    first, second = copy.deepcopy(whole), nn.Linear(16, 20)
    train(whole, MuonAdamW(whole.parameters()), seeds=range(6))
    saved = MuonAdamW(first.parameters())
    train(first, saved, seeds=range(3))
    second.load_state_dict(first.state_dict())
    resumed = MuonAdamW(second.parameters())
    resumed.load_state_dict(copy.deepcopy(saved.state_dict()))
    train(second, resumed, seeds=range(3, 6))
    for mine, other in zip(whole.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=0)


def test_groups_keep_their_own_rates() -> None:
    kernels = [nn.Parameter(torch.zeros(16, 16)) for _ in range(3)]
    optimizer = MuonAdamW(
        [dict(params=[kernels[0]], lr=0.1), dict(params=[kernels[1]]), dict(params=[kernels[2]])], lr=0.01
    )
    for kernel in kernels[:2]:
        kernel.grad = torch.eye(16)
    optimizer.step()
    torch.testing.assert_close(kernels[0].detach(), 10 * kernels[1].detach())
    assert not kernels[2].any()  # no gradient, no step


@pytest.mark.parametrize("wrong", [dict(momentum=1.0), dict(betas=(0.9, 1.0)), dict(lr=-1.0), dict(eps=0.0)])
def test_refuses_settings_that_cannot_be(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        OPTIMIZERS.build(dict(type="MuonAdamW", params=[nn.Parameter(torch.ones(2))], **wrong))
