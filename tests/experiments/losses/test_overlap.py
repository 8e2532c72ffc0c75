"""Dice and focal Tversky by hand, beside mmseg's, and counted over the batch."""

from __future__ import annotations

import pytest
import torch

from segloop.experiments.losses import BatchDiceLoss, FocalTverskyLoss


def logits_of(mask: torch.Tensor, classes: int) -> torch.Tensor:
    """Logits that are sure of a mask."""
    return 50.0 * torch.nn.functional.one_hot(mask, classes).movedim(-1, 1).float()


TRUTH = torch.tensor([[[1, 1, 1, 1, 0, 0, 0, 0, 0, 0]]])
FOUND = torch.tensor([[[1, 1, 0, 0, 1, 0, 0, 0, 0, 0]]])  # 2 found, 2 missed, 1 invented


def test_dice_is_worked_by_hand() -> None:
    loss = BatchDiceLoss(background=0, smooth=0.0)
    assert loss(logits_of(TRUTH, 2), TRUTH).item() == pytest.approx(0, abs=1e-6)
    assert loss(logits_of(FOUND, 2), TRUTH).item() == pytest.approx(1 - 4 / 7)
    smooth = BatchDiceLoss(background=0, smooth=1.0)
    assert smooth(logits_of(FOUND, 2), TRUTH).item() == pytest.approx(1 - 5 / 8)
    # the background: 5 found, 1 missed, 2 invented
    assert BatchDiceLoss(smooth=0.0)(logits_of(FOUND, 2), TRUTH).item() == pytest.approx(
        (1 - 4 / 7 + 1 - 10 / 13) / 2
    )


def test_dice_of_a_mask_is_worked_by_hand() -> None:
    logits = torch.tensor([[[0.0, 0.0], [-90.0, 90.0]]])  # probabilities ½, ½, 0, 1
    masks = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    loss = BatchDiceLoss(smooth=0.0).of_masks(logits, masks, torch.tensor([0]))
    assert loss.item() == pytest.approx(1 - 2 * 1.5 / (2 + 2))


def test_dice_counts_over_the_batch_not_per_image() -> None:
    truth = torch.tensor([[[1, 0]], [[0, 0]]])
    found = torch.tensor([[[1, 0]], [[1, 0]]])
    # over both images: one hit, two predicted, one true: 2·1 / (2 + 1)
    assert BatchDiceLoss(background=0, smooth=0.0)(logits_of(found, 2), truth).item() == pytest.approx(
        1 - 2 / 3
    )


def test_focal_tversky_is_worked_by_hand() -> None:
    # (0.3·1 + 0.7·2) / (2 + 0.3·1 + 0.7·2), to the power of 3/4
    plain = 1.7 / 3.7
    loss = FocalTverskyLoss(background=0, smooth=0.0)
    assert loss(logits_of(FOUND, 2), TRUTH).item() == pytest.approx(plain**0.75, rel=1e-5)
    straight = FocalTverskyLoss(background=0, smooth=0.0, gamma=1.0)
    assert straight(logits_of(FOUND, 2), TRUTH).item() == pytest.approx(plain, rel=1e-5)
    invented = FocalTverskyLoss(1.0, 0.0, gamma=0.5, background=0, smooth=0.0)
    assert invented(logits_of(FOUND, 2), TRUTH).item() == pytest.approx((1 / 3) ** 2, rel=1e-5)


def test_tversky_with_halves_is_dice() -> None:
    drawn = torch.Generator().manual_seed(0)
    logits, truth = torch.randn(2, 3, 8, 8, generator=drawn), torch.randint(0, 3, (2, 8, 8), generator=drawn)
    tversky = FocalTverskyLoss(0.5, 0.5, gamma=1.0, smooth=0.5)(logits, truth)
    assert tversky.item() == pytest.approx(BatchDiceLoss(smooth=1.0)(logits, truth).item(), rel=1e-6)


def test_tversky_agrees_with_mmseg_image_by_image_where_each_has_all_classes() -> None:
    from mmseg.models.losses import TverskyLoss

    drawn = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 4, 16, 16, generator=drawn, dtype=torch.float64, requires_grad=True)
    truth = torch.randint(0, 4, (2, 16, 16), generator=drawn)
    truth[torch.rand(truth.shape, generator=drawn) < 0.2] = 255
    ours, theirs = FocalTverskyLoss(gamma=1.0, per_image=True)(logits, truth), TverskyLoss()(logits, truth)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-9)
    slopes = [torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs)]
    assert torch.allclose(*slopes, rtol=1e-6, atol=1e-9)


def test_dice_of_masks_agrees_with_mmdet() -> None:
    from mmdet.models.losses import DiceLoss

    drawn = torch.Generator().manual_seed(2)
    logits = torch.randn(5, 28, 28, generator=drawn, dtype=torch.float64)
    masks = (torch.rand(5, 28, 28, generator=drawn) < 0.3).double()
    theirs = DiceLoss(naive_dice=True, eps=1.0)(logits, masks)
    ours = BatchDiceLoss(smooth=1.0).of_masks(logits, masks, torch.zeros(5, dtype=torch.long))
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-9)


def test_can_report_a_price_that_makes_no_sense() -> None:
    for wrong in ({"false_positives": -1}, {"false_negatives": -0.1}, {"gamma": 0}):
        with pytest.raises(ValueError, match="must be 0 or more"):
            FocalTverskyLoss(**wrong)


def test_weights_of_nothing_leave_no_loss() -> None:
    truth = torch.tensor([[[1, 1]]])
    loss = BatchDiceLoss(class_weight=[0.0, 0.0])(torch.randn(1, 2, 1, 2), truth)
    assert loss.item() == 0.0
