"""The boundary loss by hand, beside the paper's formula, with distances as scipy measures them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

from segloop.experiments.losses import BoundaryDistanceLoss
from segloop.experiments.losses.boundary import boundary_distance


def blobs(seed: int, *, images: int = 2, classes: int = 3, size: int = 32) -> torch.Tensor:
    """A smooth random map of classes [N, H, W]."""
    drawn = torch.Generator().manual_seed(seed)
    noise = torch.randn(images, classes, size // 8, size // 8, generator=drawn)
    return torch.nn.functional.interpolate(noise, size=(size, size), mode="bilinear").argmax(1)


def one_hot(target: torch.Tensor, classes: int) -> torch.Tensor:
    return target[:, None] == torch.arange(classes)[:, None, None]


def test_is_worked_by_hand() -> None:
    # distances to the boundary between the second and the third pixel: 1.5 0.5 0.5 1.5
    truth = torch.tensor([[[1, 1, 0, 0]]])
    one = torch.tensor([0.9, 0.4, 0.3, 0.2], dtype=torch.float64)
    logits = torch.stack([1 - one, one])[None, :, None].log()
    expected = (1.5 * 0.1 + 0.5 * 0.6 + 0.5 * 0.3 + 1.5 * 0.2) / 4
    assert BoundaryDistanceLoss()(logits, truth).item() == pytest.approx(expected)
    # a reach of one pixel: 1 0.5 0.5 1
    expected = (1 * 0.1 + 0.5 * 0.6 + 0.5 * 0.3 + 1 * 0.2) / 3
    assert BoundaryDistanceLoss(reach=1.0)(logits, truth).item() == pytest.approx(expected)
    masks = (truth == 1).float()
    loss = BoundaryDistanceLoss(reach=1.0).of_masks(one.logit()[None, None], masks, torch.tensor([0]))
    assert loss.item() == pytest.approx(expected)


def test_an_image_without_the_class_is_as_far_as_the_reach() -> None:
    truth = torch.tensor([[[1, 1, 0, 0]], [[0, 0, 0, 0]]])
    one = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    logits = 60 * torch.stack([1 - one, one], 1)[:, :, None]
    # an invented pixel in the second image: 3 of 1.5 + 0.5 + 0.5 + 1.5 and four times 3
    assert BoundaryDistanceLoss(reach=3.0, background=0)(logits, truth).item() == pytest.approx(3 / 16)


@pytest.mark.parametrize("reach", [4.0, 1e6])
def test_distances_are_those_of_scipy(reach: float) -> None:
    target = blobs(0)
    target[0, 10:14, 5:9] = 255
    valid = target != 255
    truth = one_hot(target, 3)
    found = boundary_distance(truth, valid[:, None], reach=reach)
    for image in range(2):
        known = valid[image].numpy()
        for channel in range(3):
            own = truth[image, channel].numpy()
            if not own.any() or not (known & ~own).any():
                continue
            inside, outside = distance_transform_edt(~(known & ~own)), distance_transform_edt(~own)
            expected = np.minimum(np.where(own, inside, outside) - 0.5, reach) * known
            assert found[image, channel].numpy() == pytest.approx(expected, abs=1e-4)


def test_without_a_boundary_all_is_far() -> None:
    truth = torch.stack([torch.ones(4, 4), torch.zeros(4, 4)])[:, None].bool()
    assert (boundary_distance(truth, torch.ones_like(truth), reach=7.0) == 7.0).all()


def test_ignored_pixels_are_no_boundary() -> None:
    truth = torch.tensor([[[[True, True, False, False]]]])
    valid = torch.tensor([[[[True, True, False, True]]]])
    assert boundary_distance(truth, valid, reach=9.0)[0, 0, 0].tolist() == [2.5, 1.5, 0.0, 1.5]


def test_has_the_gradient_of_the_paper_up_to_a_factor() -> None:
    target = blobs(1, images=1)
    logits = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    logits.requires_grad_()
    (ours,) = torch.autograd.grad(BoundaryDistanceLoss(reach=1e6, background=0)(logits, target), logits)
    theirs: torch.Tensor = torch.zeros_like(logits)
    for channel in (1, 2):  # φ, negative inside; its sum with the probabilities
        own = (target[0] == channel).numpy()
        phi = np.where(own, 0.5 - distance_transform_edt(own), distance_transform_edt(~own) - 0.5)
        loss = (torch.from_numpy(phi) * logits.softmax(1)[0, channel]).sum() / np.abs(phi).sum()
        theirs = theirs + torch.autograd.grad(loss, logits)[0] / 2
    assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-9)


def test_distances_are_measured_for_what_counts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from segloop.experiments.losses import boundary

    measured: list[int] = []
    distance_to = boundary._distance_to
    monkeypatch.setattr(boundary, "_distance_to", lambda mask: measured.append(1) or distance_to(mask))
    truth = torch.tensor([[[0, 0, 2, 2]], [[0, 0, 0, 0]]])
    BoundaryDistanceLoss(background=0)(torch.zeros(2, 5, 1, 4), truth)
    assert len(measured) == 2  # inside and outside of class 2 in the first image


def test_can_report_a_reach_that_reaches_nothing() -> None:
    with pytest.raises(ValueError, match=r"reach=0\.5"):
        BoundaryDistanceLoss(reach=0.5)
