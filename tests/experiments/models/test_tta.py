"""Test-time augmentation hands on the probabilities that its mask was made of."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from segloop.experiments.models.tta import SegLoopTTAModel


def view(logits: list) -> SegDataSample:
    """The prediction of one augmentation of an image of one row."""
    sample = SegDataSample(metainfo={"img_path": "a.png"})
    sample.seg_logits = PixelData(data=torch.tensor(logits).float())
    return sample


def merged(*views: SegDataSample, channels: int) -> SegDataSample:
    """What becomes of the augmentations of one image."""
    model = object.__new__(SegLoopTTAModel)
    torch.nn.Module.__init__(model)
    object.__setattr__(
        model, "module", SimpleNamespace(out_channels=channels, decode_head=SimpleNamespace(threshold=0.5))
    )
    (sample,) = model.merge_preds([list(views)])
    return sample


def test_logits_are_those_of_the_mean_probability() -> None:
    first, second = [[[0.0, 2.0]], [[1.0, 0.0]]], [[[3.0, -1.0]], [[0.0, 0.0]]]
    sample = merged(view(first), view(second), channels=2)
    expected = (torch.tensor(first).softmax(0) + torch.tensor(second).softmax(0)) / 2
    assert torch.allclose(sample.seg_logits.data.softmax(0), expected, atol=1e-6)
    assert torch.equal(sample.pred_sem_seg.data, expected.argmax(0, keepdim=True))


def test_one_channel_stays_a_probability() -> None:
    sample = merged(view([[[0.2, 0.9]]]), view([[[0.4, 0.7]]]), channels=1)
    assert sample.seg_logits.data.flatten().tolist() == pytest.approx([0.3, 0.8])
