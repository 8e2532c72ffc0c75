"""Lovász by hand, beside the definition and mmseg's, with a sort that sorts."""

from __future__ import annotations

import itertools

import pytest
import torch

from segloop.experiments.losses import LovaszSoftmaxLoss
from segloop.experiments.losses.lovasz import descending_order, iou_falls


def iou(wrong: set[int], truth: list[bool]) -> float:
    """The IoU when the pixels in `wrong` are predicted wrong, and all others right."""
    size = sum(truth)
    union = size + sum(not truth[i] for i in wrong)
    return (size - sum(truth[i] for i in wrong)) / union if union else 1.0


@pytest.mark.parametrize("truth", list(itertools.product([False, True], repeat=4)))
def test_each_fall_is_the_difference_of_neighbouring_ious(truth: tuple[bool, ...]) -> None:
    values = [iou(set(range(n)), list(truth)) for n in range(5)]
    expected = [before - after for before, after in itertools.pairwise(values)]
    assert iou_falls(torch.tensor([truth]), torch.float64)[0].tolist() == pytest.approx(expected)


def test_is_worked_by_hand() -> None:
    # probabilities of class 1: 0.9 0.4 0.3; truth 1 1 0; errors of both classes 0.1 0.6 0.3
    odds = torch.tensor([0.9, 0.4, 0.3], dtype=torch.float64).logit()
    logits = torch.stack([torch.zeros(3, dtype=torch.float64), odds])[None, :, None]
    truth = torch.tensor([[[1, 1, 0]]])
    # class 1, from the worst: missed (IoU 1 → 1/2), invented (→ 1/3), missed (→ 0)
    one = 0.6 * (1 / 2) + 0.3 * (1 / 2 - 1 / 3) + 0.1 * (1 / 3)
    # class 0: invented (1 → 1/2), missed (→ 0), invented (stays 0)
    zero = 0.6 * (1 / 2) + 0.3 * (1 / 2)
    assert LovaszSoftmaxLoss(background=0)(logits, truth).item() == pytest.approx(one)
    assert LovaszSoftmaxLoss()(logits, truth).item() == pytest.approx((one + zero) / 2)
    masks = torch.tensor([[[1.0, 1.0, 0.0]]])
    assert LovaszSoftmaxLoss().of_masks(odds[None, None], masks, torch.tensor([0])).item() == pytest.approx(
        one
    )


def test_of_sure_predictions_is_one_minus_the_iou() -> None:
    drawn = torch.Generator().manual_seed(0)
    truth, found = torch.randint(0, 2, (2, 2, 8, 8), generator=drawn)
    logits = 60.0 * torch.nn.functional.one_hot(found, 2).movedim(-1, 1).float()
    one = ((truth & found).sum() / (truth | found).sum()).item()
    assert LovaszSoftmaxLoss(background=0)(logits, truth).item() == pytest.approx(1 - one, rel=1e-6)


@pytest.mark.parametrize("per_image", [False, True])
def test_agrees_with_mmseg(per_image: bool) -> None:
    from mmseg.models.losses import LovaszLoss

    drawn = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 4, 16, 16, generator=drawn, requires_grad=True)  # it takes float32 alone
    truth = torch.randint(0, 4, (2, 16, 16), generator=drawn)
    truth[torch.rand(truth.shape, generator=drawn) < 0.2] = 255
    theirs = LovaszLoss(per_image=per_image, reduction="mean" if per_image else "none")(logits, truth)
    ours = LovaszSoftmaxLoss(per_image=per_image)(logits, truth)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    slopes = [torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs)]
    assert torch.allclose(*slopes, rtol=1e-3, atol=1e-7)


def test_keeps_the_digits_of_small_falls() -> None:
    truth = torch.rand(1, 300_000, generator=torch.Generator().manual_seed(2)) < 0.02
    exact = iou_falls(truth, torch.float64)
    assert torch.allclose(iou_falls(truth, torch.float32).double(), exact, rtol=1e-6, atol=0)
    assert exact.sum().item() == pytest.approx(1)


@pytest.mark.parametrize("power", [1, 40])
def test_sorts_as_torch_does(power: int) -> None:
    error = torch.rand(3, 5000, generator=torch.Generator().manual_seed(3)) ** power
    error[:, ::7] = 0.0
    error[:, 1::7] = 1.0
    expected = error.argsort(dim=1, descending=True, stable=True)
    assert torch.equal(descending_order(error), expected)
    assert torch.equal(descending_order(error.double()), expected)
    assert descending_order(error[:0]).shape == (0, 5000)


def test_sorts_only_the_classes_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from segloop.experiments.losses import lovasz

    shapes: list[tuple[int, ...]] = []

    def order(error: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(error.shape))
        return descending_order(error)

    monkeypatch.setattr(lovasz, "descending_order", order)
    truth = torch.tensor([[[0, 4, 4]], [[0, 2, 2]]])
    for per_image in (False, True):
        LovaszSoftmaxLoss(background=0, per_image=per_image)(torch.zeros(2, 6, 1, 3), truth)
    assert shapes == [(2, 6), (2, 3)]
