"""The wrapper takes what FCNMaskHead hands it, sums its losses, and logs each by name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from segloop.experiments.losses import BatchDiceLoss, InstanceMaskLoss
from tests.experiments.cells import write_cells

MIXED = [
    dict(type="CrossEntropyLoss", use_mask=True),
    dict(type="BatchDiceLoss", loss_weight=2.0),
    dict(type="FocalTverskyLoss"),
    dict(type="LovaszSoftmaxLoss"),
    dict(type="BoundaryDistanceLoss"),
    dict(type="DiceLoss"),  # mmdet's
    dict(type="FocalLoss", use_sigmoid=True),
]


@pytest.fixture(autouse=True)
def _in_mmdet() -> None:
    init_default_scope("mmdet")
    import mmdet.models  # noqa: F401 (registers them)


def mask_head(losses: list[dict], *, class_agnostic: bool = False) -> Any:
    return MODELS.build(
        dict(
            type="FCNMaskHead",
            num_convs=1,
            in_channels=4,
            conv_out_channels=4,
            num_classes=3,
            class_agnostic=class_agnostic,
            loss_mask=dict(type="InstanceMaskLoss", losses=losses),
        )
    )


def rois(channels: int, *, labels: list[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    drawn = torch.Generator().manual_seed(0)
    logits = torch.randn(len(labels), channels, 8, 8, generator=drawn, requires_grad=True)
    target = (torch.rand(len(labels), 8, 8, generator=drawn) < 0.4).float()
    return logits, target, torch.tensor(labels)


def logged(name: str) -> float:
    return float(MessageHub.get_current_instance().get_scalar(f"train/loss_mask.{name}").current())


def test_each_loss_gets_what_it_can_read_and_all_are_summed() -> None:
    logits, target, labels = rois(3, labels=[2, 0, 2])
    own = torch.stack([logits[0, 2], logits[1, 0], logits[2, 2]])
    expected = [
        torch.nn.functional.binary_cross_entropy_with_logits(own, target),
        BatchDiceLoss(loss_weight=2.0).of_masks(own, target, labels),
        MODELS.build(MIXED[2]).of_masks(own, target, labels),
        MODELS.build(MIXED[3]).of_masks(own, target, labels),
        MODELS.build(MIXED[4]).of_masks(own, target, labels),
        MODELS.build(MIXED[5])(own, target),
        MODELS.build(MIXED[6])(own, target),
    ]
    loss = InstanceMaskLoss(MIXED, loss_weight=0.5)(logits, target, labels)
    assert loss.item() == pytest.approx(0.5 * sum(expected).item(), rel=1e-6)
    for index, name in ((0, "CrossEntropyLoss"), (1, "dice"), (3, "lovasz"), (5, "DiceLoss")):
        assert logged(name) == pytest.approx(0.5 * expected[index].item(), rel=1e-6)


def test_other_classes_have_no_gradient() -> None:
    logits, target, labels = rois(3, labels=[2, 0, 2])
    InstanceMaskLoss(MIXED)(logits, target, labels).backward()
    assert logits.grad is not None
    used = logits.grad.abs().sum((2, 3)) > 0
    assert used.tolist() == [[False, False, True], [True, False, False], [False, False, True]]


def test_a_class_agnostic_head_passes_zeros() -> None:
    logits, target, labels = rois(1, labels=[0, 0])
    loss = InstanceMaskLoss([dict(type="BatchDiceLoss")])(logits, target, labels)
    assert loss.item() == pytest.approx(BatchDiceLoss().of_masks(logits[:, 0], target, labels).item())


def test_without_rois_there_is_no_loss_but_a_gradient_of_zero() -> None:
    logits = torch.randn(0, 3, 8, 8, requires_grad=True)
    loss = InstanceMaskLoss(MIXED)(logits, torch.zeros(0, 8, 8), torch.zeros(0, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None


@pytest.mark.parametrize("class_agnostic", [False, True])
@pytest.mark.parametrize("positive", [0, 2])
def test_mmdets_head_trains_with_it(class_agnostic: bool, positive: int) -> None:
    import numpy as np
    from mmdet.models.task_modules.samplers import SamplingResult
    from mmdet.structures.mask import BitmapMasks
    from mmengine.structures import InstanceData

    head = mask_head(MIXED, class_agnostic=class_agnostic)
    boxes = torch.tensor([[2.0, 2, 14, 14], [4, 4, 12, 16]])[:positive]
    masks = np.zeros((2, 20, 20), np.uint8)
    masks[:, 5:12, 4:11] = 1
    truth = InstanceData(labels=torch.tensor([2, 1]), masks=BitmapMasks(masks, 20, 20))
    sampled = SamplingResult.__new__(SamplingResult)
    sampled.pos_priors, sampled.pos_assigned_gt_inds = boxes, torch.arange(positive)
    sampled.pos_gt_labels = truth.labels[:positive]
    with torch.autocast("cpu", torch.bfloat16):
        predicted = head(torch.randn(positive, 4, 14, 14))
        found = head.loss_and_target(predicted, [sampled], [truth], type("C", (dict,), {"mask_size": 28})())
    found["loss_mask"]["loss_mask"].backward()
    assert torch.isfinite(found["loss_mask"]["loss_mask"])
    assert all(torch.isfinite(weight.grad).all() for weight in head.parameters())


def test_what_the_page_says_to_paste_can_be_built() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs/losses.md").read_text(encoding="utf-8")
    decode, masks = (
        eval(block, {"dict": dict}) for block in re.findall(r"```python\nmodel = (.*?)```", page, re.S)
    )
    losses = [*decode["decode_head"]["loss_decode"], *masks["roi_head"]["mask_head"]["loss_mask"]["losses"]]
    assert len([MODELS.build(loss) for loss in losses]) == 7


def test_only_training_is_logged() -> None:
    MessageHub.get_current_instance().update_scalar("train/loss_mask.dice", -1.0)
    InstanceMaskLoss([dict(type="BatchDiceLoss")]).eval()(*rois(1, labels=[0]))
    assert logged("dice") == -1.0


def test_losses_of_one_kind_keep_apart_in_the_log() -> None:
    loss = InstanceMaskLoss([dict(type="BatchDiceLoss"), dict(type="BatchDiceLoss", loss_name="loss_coarse")])
    assert loss.names == ["dice", "coarse"]
    assert InstanceMaskLoss([dict(type="BatchDiceLoss")] * 3).names == ["dice", "dice2", "dice3"]


def test_refuses_a_softmax_over_the_rows_of_a_mask_and_no_loss_at_all() -> None:
    with pytest.raises(ValueError, match="CrossEntropyLoss with a softmax; masks need use_mask=True"):
        InstanceMaskLoss([dict(type="CrossEntropyLoss")])
    with pytest.raises(ValueError, match="losses is empty"):
        InstanceMaskLoss([])


def test_a_training_logs_each_part(tmp_path: Path) -> None:
    from segloop.experiments.launch import Options, train

    weights = tmp_path / "class_weights.json"
    weights.write_text("[1.0, 2.0]")
    path = write_cells(tmp_path)
    losses = [MIXED[0], dict(type="BatchDiceLoss", class_weight=str(weights))]
    path.write_text(
        path.read_text()
        + "model['roi_head']['mask_head']['loss_mask'] = dict(\n"
        + f"    _delete_=True, type='InstanceMaskLoss', losses={losses})\n"
        + "default_hooks = dict(logger=dict(interval=1))\ntrain_cfg['val_interval'] = 9\n"
    )
    runner = train(Options(config=str(path)))
    settled = runner.cfg.model.roi_head.mask_head.loss_mask.losses[1].class_weight
    assert settled == [1.0, 2.0]
    assert isinstance(runner.model.roi_head.mask_head.loss_mask, nn.Module)
    (log,) = tmp_path.glob("work/*/vis_data/scalars.json")
    line = json.loads(log.read_text().splitlines()[0])
    parts = line["loss_mask.CrossEntropyLoss"] + line["loss_mask.dice"]
    assert parts == pytest.approx(line["loss_mask"], rel=1e-5)
    others = [value for name, value in line.items() if re.match(r"loss_(rpn_)?(cls|bbox|mask)$", name)]
    assert line["loss"] == pytest.approx(sum(others), rel=1e-5), "the parts are not counted twice"
