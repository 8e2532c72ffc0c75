"""The lean head gives what mmseg's gives."""

from __future__ import annotations

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.structures import SegDataSample

from segloop.experiments import components  # noqa: F401
from segloop.experiments.models.heads import ClassifierHead

LOSSES = [
    dict(type="CrossEntropyLoss", avg_non_ignore=True),
    dict(type="CrossEntropyLoss", avg_non_ignore=True),  # two of one name are summed
    dict(type="BatchDiceLoss", background=0),
]


@pytest.mark.parametrize("size", [(12, 10), (24, 20)])  # the maps' own size, and one to resize to
@pytest.mark.parametrize("losses", [LOSSES, LOSSES[0]])
@pytest.mark.parametrize("ignored", [255, 0])  # a class may be ignored, too
def test_losses_gradients_and_accuracy_are_mmsegs(
    size: tuple[int, int], losses: list | dict, ignored: int
) -> None:
    init_default_scope("mmseg")
    torch.manual_seed(0)
    common = dict(in_channels=4, channels=4, num_classes=3, dropout_ratio=0.0, ignore_index=ignored)
    lean = ClassifierHead(**common, loss_decode=losses)
    theirs = FCNHead(**common, loss_decode=losses, num_convs=0, concat_input=False)
    theirs.load_state_dict(lean.state_dict())
    truth = torch.randint(0, 3, (2, 1, *size))
    truth[:, :, :3] = ignored
    samples = [SegDataSample(gt_sem_seg=PixelData(data=mask)) for mask in truth]
    features = torch.randn(2, 4, 12, 10)
    results = []
    for head in (lean, theirs):
        out = head.loss([features], samples, {})
        sum(value for name, value in out.items() if "loss" in name).backward()
        results.append((out, head.conv_seg.weight.grad))
    (ours, our_gradient), (expected, gradient) = results
    assert set(ours) == set(expected)
    for name in expected:
        torch.testing.assert_close(ours[name].reshape(1), expected[name].reshape(1))
    torch.testing.assert_close(our_gradient, gradient)


def test_a_batch_that_is_all_ignored_has_an_accuracy() -> None:
    init_default_scope("mmseg")
    head = ClassifierHead(in_channels=4, channels=4, num_classes=3, loss_decode=LOSSES)
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.full((1, 4, 4), 255)))
    assert head.loss([torch.randn(1, 4, 4, 4)], [sample], {})["acc_seg"] == 0
