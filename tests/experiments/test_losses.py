"""Dice by hand, without ignored pixels, and finite where there is nothing to find."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from segloop.experiments.losses import BatchDiceLoss


def logits_of(mask: torch.Tensor, classes: int) -> torch.Tensor:
    """Logits that are sure of a mask."""
    return 50.0 * torch.nn.functional.one_hot(mask, classes).movedim(-1, 1).float()


def test_is_zero_for_a_perfect_prediction_and_worked_by_hand_for_a_half() -> None:
    truth = torch.tensor([[[1, 1, 0, 0]]])
    loss = BatchDiceLoss(background=0, smooth=0.0)
    assert loss(logits_of(truth, 2), truth).item() == pytest.approx(0, abs=1e-6)
    # one of two pixels found, none invented: Dice = 2·1 / (1 + 2)
    assert loss(logits_of(torch.tensor([[[1, 0, 0, 0]]]), 2), truth).item() == pytest.approx(1 - 2 / 3)


def test_counts_over_the_batch_not_per_image() -> None:
    truth = torch.tensor([[[1, 0]], [[0, 0]]])
    found = torch.tensor([[[1, 0]], [[1, 0]]])
    # over both images: one hit, two predicted, one true: 2·1 / (2 + 1)
    assert BatchDiceLoss(background=0, smooth=0.0)(logits_of(found, 2), truth).item() == pytest.approx(
        1 - 2 / 3
    )


def test_ignored_pixels_have_no_gradient() -> None:
    logits = torch.randn(1, 3, 1, 4, requires_grad=True)
    BatchDiceLoss()(logits, torch.tensor([[[0, 1, 255, 255]]])).backward()
    assert logits.grad is not None
    assert torch.count_nonzero(logits.grad[..., 2:]) == 0
    assert torch.count_nonzero(logits.grad[..., :2]) > 0


@pytest.mark.parametrize("value", [0, 255])
def test_is_finite_when_there_is_no_foreground(value: int) -> None:
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = BatchDiceLoss(background=0)(logits, torch.full((1, 2, 2), value))
    loss.backward()
    assert loss.item() == 0.0
    assert torch.isfinite(logits.grad).all()


def test_counts_in_float32_under_bfloat16() -> None:
    truth = torch.randint(0, 3, (2, 64, 64))
    logits = torch.randn(2, 3, 64, 64)
    exact = BatchDiceLoss()(logits, truth)
    assert BatchDiceLoss()(logits.bfloat16(), truth).item() == pytest.approx(exact.item(), abs=5e-3)


def test_classes_count_by_their_weight(tmp_path: Path) -> None:
    truth = torch.tensor([[[1, 1, 2, 2]]])
    found = logits_of(torch.tensor([[[1, 0, 2, 2]]]), 3)  # class 1: Dice 2/3; class 2: 1
    plain = BatchDiceLoss(background=0, smooth=0.0)(found, truth).item()
    assert plain == pytest.approx((1 / 3 + 0) / 2)
    file = tmp_path / "weights.json"
    file.write_text("[9, 3, 1]")
    for weights in ([9.0, 3.0, 1.0], str(file)):
        weighed = BatchDiceLoss(background=0, smooth=0.0, class_weight=weights)(found, truth).item()
        assert weighed == pytest.approx((3 * 1 / 3 + 1 * 0) / 4)


def test_weights_of_nothing_leave_no_loss() -> None:
    truth = torch.tensor([[[1, 1]]])
    loss = BatchDiceLoss(class_weight=[0.0, 0.0])(torch.randn(1, 2, 1, 2), truth)
    assert loss.item() == 0.0
