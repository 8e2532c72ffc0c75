"""Validation tells the loss that training would have, out of one forward pass, padded or not."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

import segloop.experiments.components  # noqa: F401


def model(**head: object):
    """A tiny network with the project's losses; `head` replaces settings of its decode head."""
    init_default_scope("mmseg")
    return MODELS.build(
        dict(
            type="SegLoopEncoderDecoder",
            backbone=dict(type="DropoutUNet", channels=(4, 8), dropout=(0, 0)),
            decode_head=dict(
                type="FCNHead",
                in_channels=4,
                in_index=1,
                channels=4,
                num_convs=0,
                concat_input=False,
                dropout_ratio=0,
                num_classes=3,
                norm_cfg=dict(type="BN"),
                loss_decode=[
                    dict(type="CrossEntropyLoss", avg_non_ignore=True),
                    dict(type="BatchDiceLoss", background=0),
                ],
            )
            | head,
            train_cfg=dict(),
            test_cfg=ConfigDict(mode="whole"),
        )
    ).eval()


def sample(height: int, width: int, *, truth: bool = True) -> SegDataSample:
    """A data sample as the pipelines make it."""
    shape = (height, width)
    made = SegDataSample(
        metainfo=dict(ori_shape=shape, img_shape=shape, pad_shape=shape, padding_size=[0] * 4)
    )
    if truth:
        made.gt_sem_seg = PixelData(data=torch.randint(0, 3, (1, *shape)))
    return made


def test_validation_loss_is_the_training_loss_of_the_same_weights() -> None:
    net, truth = model(), sample(16, 20)
    image = torch.rand(1, 3, 16, 20)
    with torch.no_grad():
        *predictions, told = net.val_step(dict(inputs=image, data_samples=[truth]))
        expected = net(image, [truth], mode="loss")
    assert len(predictions) == 1
    assert predictions[0].pred_sem_seg.shape == (16, 20)
    for name in ("decode.loss_ce", "decode.loss_dice"):
        torch.testing.assert_close(told.loss[name], expected[name])


@pytest.mark.parametrize("ignored", [255, 3, -1])
def test_padding_of_a_batch_is_not_counted(ignored: int) -> None:
    net, truth = model(ignore_index=ignored), sample(16, 20)
    with torch.no_grad():
        padded = torch.zeros(1, 3, 16, 32)
        padded[..., :20] = torch.rand(3, 16, 20)
        truth.set_metainfo(dict(padding_size=[0, 12, 0, 0]))
        *predictions, told = net.val_step(dict(inputs=padded, data_samples=[truth]))
    assert predictions[0].pred_sem_seg.shape == (16, 20)
    assert torch.isfinite(told.loss["decode.loss_ce"])


def test_without_truth_there_is_no_loss() -> None:
    with torch.no_grad():
        batch = dict(inputs=torch.rand(1, 3, 16, 16), data_samples=[sample(16, 16, truth=False)])
        predictions = model().val_step(batch)
    assert [type(item).__name__ for item in predictions] == ["SegDataSample"]


def test_a_test_predicts_and_tells_no_loss() -> None:
    with torch.no_grad():
        predictions = model().test_step(dict(inputs=torch.rand(1, 3, 16, 16), data_samples=[sample(16, 16)]))
    assert [type(item).__name__ for item in predictions] == ["SegDataSample"]


@pytest.mark.parametrize("step", ["val_step", "test_step"])
def test_images_of_several_sizes_in_a_batch_are_predicted_as_each_alone(step: str) -> None:
    net = model()
    net.data_preprocessor = MODELS.build(dict(type="SegDataPreProcessor"))
    sizes = [(16, 20), (12, 12), (16, 20)]
    images = [torch.rand(3, *size) for size in sizes]
    samples = [sample(*size) for size in sizes]
    run = getattr(net, step)
    with torch.no_grad():
        found = run(dict(inputs=images, data_samples=samples))
        alone = [
            run(dict(inputs=[each], data_samples=[truth]))
            for each, truth in zip(images, samples, strict=True)
        ]
    for each, (expected, *_) in zip(found, alone, strict=False):
        assert torch.equal(each.pred_sem_seg.data, expected.pred_sem_seg.data)
    assert len(found) == (4 if step == "val_step" else 3)
    if step == "val_step":
        told = torch.stack([each[1].loss["decode.loss_ce"] for each in alone]).mean()
        torch.testing.assert_close(found[3].loss["decode.loss_ce"], told)


@pytest.mark.parametrize(
    "head",
    [
        dict(type="DAHead", in_channels=4, in_index=1, pam_channels=4),
        dict(type="PIDHead", in_channels=8),  # several maps in training only, of a backbone's single one
    ],
    ids=lambda head: head["type"],
)
def test_a_head_of_several_maps_is_validated_without_a_loss(head: dict) -> None:
    init_default_scope("mmseg")
    shared = dict(channels=4, num_classes=3, norm_cfg=dict(type="BN"), loss_decode=dict(type="BatchDiceLoss"))
    backbone = dict(type="DropoutUNet", channels=(4, 8), dropout=(0, 0))
    settings = dict(backbone=backbone, decode_head=shared | head, test_cfg=ConfigDict(mode="whole"))
    net = MODELS.build(dict(type="SegLoopEncoderDecoder", **settings)).eval()
    if head["type"] == "PIDHead":
        net.extract_feat = lambda inputs: inputs.new_ones(1, 8, 4, 4)
    with torch.no_grad():
        found = net.val_step(dict(inputs=torch.rand(1, 3, 16, 16), data_samples=[sample(16, 16)]))
    assert [type(item).__name__ for item in found] == ["SegDataSample"]
