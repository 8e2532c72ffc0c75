"""A head starts at the class frequencies, with classes that differ."""

from __future__ import annotations

import pytest
import torch
from mmengine.model import initialize
from torch import nn

from segloop.experiments.models.prior import ClassPrior


class Head(nn.Module):
    """As much of a decode head as the initialiser sees."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.conv_seg = nn.Conv2d(32, classes, 1)


def test_the_first_prediction_is_the_share_of_each_class() -> None:
    head = Head()
    initialize(head, dict(type="ClassPrior", background_share=0.88, background=1))
    first = head.conv_seg(torch.zeros(1, 32, 1, 1)).softmax(dim=1).flatten()
    torch.testing.assert_close(first, torch.tensor([0.04, 0.88, 0.04, 0.04]))


def test_outputs_have_unit_scale_whatever_the_features_number() -> None:
    torch.manual_seed(0)
    head = Head(classes=400)
    ClassPrior(0.5)(head)
    assert head.conv_seg.weight.detach().norm(dim=1).mean().item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("share", [0, 1, 90])
def test_a_share_is_a_fraction(share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        ClassPrior(share)


def test_a_single_output_has_no_shares() -> None:
    with pytest.raises(ValueError, match="single output"):
        ClassPrior(0.9)(Head(classes=1))
