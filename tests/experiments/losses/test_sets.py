"""What all of our losses keep: ignored pixels, half precision, nothing to find, gradients, names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS
from torch import Tensor

from segloop.experiments.losses import (
    BatchDiceLoss,
    BoundaryDistanceLoss,
    FocalTverskyLoss,
    InstanceMaskLoss,
    LovaszSoftmaxLoss,
    PixelSets,
    SetLoss,
)

KINDS = [BatchDiceLoss, FocalTverskyLoss, LovaszSoftmaxLoss, BoundaryDistanceLoss]
each = pytest.mark.parametrize("kind", KINDS)


def random_case(seed: int, *, classes: int = 4, size: int = 9, images: int = 2) -> tuple[Tensor, Tensor]:
    """Logits in float64 and a truth in which a few pixels are ignored."""
    drawn = torch.Generator().manual_seed(seed)
    logits = torch.randn(images, classes, size, size, generator=drawn, dtype=torch.float64)
    target = torch.randint(0, classes, (images, size, size), generator=drawn)
    target[torch.rand(target.shape, generator=drawn) < 0.2] = 255
    return logits.requires_grad_(), target


def sure_of(target: Tensor, classes: int) -> Tensor:
    return 60.0 * torch.nn.functional.one_hot(target, classes).movedim(-1, 1).float()


def gradient(loss: Tensor, logits: Tensor) -> Tensor:
    (slope,) = torch.autograd.grad(loss, logits)
    return slope


def test_every_loss_is_ours_alone() -> None:
    import mmdet.registry
    import mmseg.registry

    for kind in (*KINDS, InstanceMaskLoss):
        assert MODELS.module_dict[kind.__name__] is kind
        assert kind.__name__ not in mmseg.registry.MODELS.module_dict
        assert kind.__name__ not in mmdet.registry.MODELS.module_dict


@each
def test_is_nothing_for_the_truth_and_at_most_one_for_its_opposite(kind: type[SetLoss]) -> None:
    target = torch.tensor([[[0, 0, 1], [2, 2, 1], [0, 2, 1]]])
    assert kind()(sure_of(target, 3), target).item() == pytest.approx(0, abs=1e-6)
    loss = kind()
    if hasattr(loss, "smooth"):
        loss.smooth = 0.0
    swapped = 1 - (target > 0).long()  # of two classes, each pixel is the other
    assert loss(sure_of(swapped, 2), (target > 0).long()).item() == pytest.approx(1, rel=1e-5)


@each
def test_the_truth_has_no_gradient_that_is_no_number(kind: type[SetLoss]) -> None:
    target = torch.tensor([[[0, 0, 1], [2, 2, 1]]])
    for scale in (1.0, 1e4):  # at 1e4 the softmax is exactly 0 and 1
        logits = (scale * sure_of(target, 3)).requires_grad_()
        assert torch.isfinite(gradient(kind()(logits, target), logits)).all()


@each
@pytest.mark.parametrize("options", [{}, {"per_image": True}, {"background": 0, "class_weight": [1, 2, 4]}])
def test_the_gradient_is_that_of_the_values(kind: type[SetLoss], options: dict) -> None:
    logits, target = random_case(1, classes=3, size=3)
    loss = kind(**options)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), logits, eps=1e-7, atol=1e-6)


@each
def test_the_gradient_of_masks_is_that_of_the_values(kind: type[SetLoss]) -> None:
    logits, target = random_case(2, classes=1, size=3, images=3)
    masks = (target == 0).double()
    masks[1] = 0  # an empty one
    labels = torch.tensor([0, 1, 1])
    loss = kind(class_weight=[1.0, 3.0])
    assert torch.autograd.gradcheck(
        lambda x: loss.of_masks(x, masks, labels), logits[:, 0].detach().requires_grad_(), eps=1e-7, atol=1e-6
    )


@each
@pytest.mark.parametrize("per_image", [False, True])
def test_ignored_pixels_have_no_gradient_and_no_say(kind: type[SetLoss], per_image: bool) -> None:
    logits, target = random_case(3)
    loss = kind(per_image=per_image)
    value = loss(logits, target)
    slope = gradient(value, logits)
    ignored = (target == 255)[:, None].expand_as(logits)
    assert torch.count_nonzero(slope[ignored]) == 0
    assert torch.count_nonzero(slope[~ignored]) > 0
    other = torch.where(ignored, 100 * torch.randn(logits.shape, dtype=torch.float64), logits)
    assert loss(other, target).item() == pytest.approx(value.item(), rel=1e-12)


@each
def test_takes_the_index_to_ignore_from_the_head(kind: type[SetLoss]) -> None:
    logits, target = random_case(4)
    loss = kind()
    assert loss(logits, target).item() == loss(logits, torch.where(target == 255, 9, target), ignore_index=9)


@each
def test_pixels_that_a_sampler_did_not_choose_are_ignored(kind: type[SetLoss]) -> None:
    logits, target = random_case(5)
    chosen = (torch.arange(target.numel()).view(target.shape) % 3 > 0).float()
    expected = kind()(logits, torch.where(chosen > 0, target, 255))
    assert kind()(logits, target, weight=chosen).item() == expected.item()


@each
@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("size", [1, 4])
def test_is_nothing_where_there_is_nothing_to_find(kind: type[SetLoss], value: int, size: int) -> None:
    logits = torch.randn(2, 3, size, size, requires_grad=True)
    loss = kind(background=0)(logits, torch.full((2, size, size), value))
    assert loss.item() == 0.0
    assert torch.count_nonzero(gradient(loss, logits)) == 0


@each
def test_one_pixel_is_enough(kind: type[SetLoss]) -> None:
    logits = torch.zeros(1, 2, 1, 1, requires_grad=True)
    loss = kind()(logits, torch.ones(1, 1, 1, dtype=torch.long))
    assert 0 < loss.item() < 1
    slope = gradient(loss, logits)[0, :, 0, 0]
    assert slope[1] < 0 < slope[0]
    masks = torch.zeros(1, 1, 1, requires_grad=True)
    loss = kind().of_masks(masks, torch.ones(1, 1, 1), torch.tensor([0]))
    assert gradient(loss, masks).item() < 0


@each
def test_an_empty_mask_teaches_that_nothing_is_there(kind: type[SetLoss]) -> None:
    logits = torch.zeros(2, 4, 4, requires_grad=True)
    loss = kind().of_masks(logits, torch.zeros(2, 4, 4), torch.tensor([0, 0]))
    slope = gradient(loss, logits)
    assert (slope >= 0).all()
    assert slope.sum() > 0
    assert torch.isfinite(loss)


@each
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_left_inside(kind: type[SetLoss], dtype: torch.dtype) -> None:
    drawn = torch.Generator().manual_seed(6)
    logits = (3 * torch.randn(2, 4, 48, 48, generator=drawn)).to(dtype).requires_grad_()
    target = torch.randint(0, 4, (2, 48, 48), generator=drawn)
    exact = kind()(logits.float(), target)
    with torch.autocast("cpu", dtype):
        loss = kind()(logits, target)
        mask = kind().of_masks(logits[:, 0], (target == 0).float(), torch.tensor([0, 0]))
    assert loss.dtype == mask.dtype == torch.float32
    assert loss.item() == exact.item()
    assert torch.isfinite(gradient(loss + mask, logits)).all()


@each
def test_comes_out_the_same_each_time(kind: type[SetLoss]) -> None:
    logits, target = random_case(7, size=40)
    logits = logits.detach().float().round(decimals=1).requires_grad_()  # so that many errors are equal
    first, again = (kind()(logits, target) for _ in range(2))
    assert first.item() == again.item()
    assert torch.equal(gradient(first, logits), gradient(again, logits))


@each
def test_one_channel_is_the_logit_of_the_second_class(kind: type[SetLoss]) -> None:
    logits, target = random_case(8, classes=2)
    one = logits[:, 1:] - logits[:, :1]
    assert kind()(one, target).item() == pytest.approx(kind()(logits, target).item(), rel=1e-12)


@each
def test_counts_over_the_batch_or_each_image_alone(kind: type[SetLoss]) -> None:
    logits, target = random_case(9)
    alone = [kind()(logits[i : i + 1], target[i : i + 1]).item() for i in (0, 1)]
    assert kind(per_image=True)(logits, target).item() == pytest.approx(sum(alone) / 2, rel=1e-12)
    assert kind()(logits, target).item() != pytest.approx(sum(alone) / 2, rel=1e-6)


@each
def test_a_class_that_no_pixel_has_is_left_out_of_the_mean(kind: type[SetLoss]) -> None:
    target = torch.tensor([[[0, 0, 1, 1]]])
    logits = torch.randn(1, 2, 1, 4, generator=torch.Generator().manual_seed(0))
    never = torch.full((1, 1, 1, 4), -90.0)
    assert kind()(torch.cat([logits, never], 1), target).item() == pytest.approx(
        kind()(logits, target).item()
    )


@each
def test_classes_count_by_their_weight(kind: type[SetLoss], tmp_path: Path) -> None:
    logits, target = random_case(10, classes=3)
    one, two = (kind(class_weight=w)(logits, target).item() for w in ([0.0, 1, 0], [0.0, 0, 1]))
    file = tmp_path / "class_weights.json"
    file.write_text("[0, 3, 1]")
    weighed = kind(class_weight=str(file), loss_weight=2.0)(logits, target).item()
    assert weighed == pytest.approx(2 * (3 * one + two) / 4)


@each
def test_masks_count_by_the_weight_of_their_class(kind: type[SetLoss]) -> None:
    logits, target = random_case(11, classes=1)
    masks, labels = (target == 0).float(), torch.tensor([2, 1])
    one, two = (kind().of_masks(logits[i, :1, :, :], masks[i : i + 1], labels[i : i + 1]) for i in (0, 1))
    weighed = kind(class_weight=[0.0, 1.0, 3.0]).of_masks(logits[:, 0], masks, labels)
    assert weighed.item() == pytest.approx(((3 * one + two) / 4).item())


@each
def test_refuses_masks_where_it_would_take_labels_for_weights(kind: type[SetLoss]) -> None:
    with pytest.raises(TypeError, match=rf"InstanceMaskLoss', losses=\[dict\(type='{kind.__name__}'"):
        kind()(torch.zeros(2, 3, 4, 4), torch.zeros(2, 4, 4), torch.tensor([0, 2]))


def test_rows_and_totals_are_over_the_same_sets() -> None:
    values = torch.arange(24.0).view(2, 3, 2, 2)
    valid = torch.ones(2, 1, 2, 2, dtype=torch.bool)
    for per_image in (False, True):
        sets = PixelSets.of(values / 24, values > 5, valid=valid, per_image=per_image)
        assert torch.equal(sets.rows(values).sum(-1), sets.total(values))
        assert sets.total(values).shape == ((2, 3) if per_image else (1, 3))
