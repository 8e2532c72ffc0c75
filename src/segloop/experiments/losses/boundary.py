"""The boundary loss: a wrong pixel costs its distance to the true boundary."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from mmengine.registry import MODELS
from torch import Tensor

from segloop.experiments.losses.sets import PixelSets, SetLoss


@MODELS.register_module()
class BoundaryDistanceLoss(SetLoss):
    """The share of each class that is wrong, where a pixel weighs its distance to the true boundary.

    `Σ d·|p - t| / Σ d`. The sum above has the gradient of Kervadec et al.'s boundary loss (2019,
    arXiv:1812.07032), which multiplies probabilities by the signed distance, negative inside: that is the
    same up to a constant, but goes below 0. Divided by the sum of distances it lies between 0 and 1, for any
    size of image. As in the paper it joins a loss of regions and does not replace it: alone it may well leave
    small objects out.

    Args:
        reach: distances above count as this one, in pixels of the head's output; so do all pixels of an image
            without the class. Without a limit, the far corners of the background would be all that matters.

    The other arguments are those of `SetLoss`.
    """

    def __init__(
        self,
        reach: float = 10.0,
        loss_weight: float = 1.0,
        background: int | None = None,
        per_image: bool = False,
        class_weight: Sequence[float] | str | None = None,
        loss_name: str = "loss_boundary",
    ) -> None:
        super().__init__(loss_weight, background, per_image, class_weight, loss_name)
        if reach <= 0.5:
            raise ValueError(f"reach={reach} must be more than 0.5: pixels at a boundary are as near as that")
        self.reach = reach

    def wrong(self, sets: PixelSets, counted: Tensor) -> Tensor:
        truth = sets.truth & counted[:, :, None, None]  # no distances for what does not count
        distance = boundary_distance(truth, sets.valid, reach=self.reach).to(sets.error.dtype)
        return sets.total(distance * sets.error) / sets.total(distance).clamp(min=1e-12)


def boundary_distance(truth: Tensor, valid: Tensor, *, reach: float) -> Tensor:
    """Return the distance of each pixel to the boundary of its class, in pixels: [N, C, H, W].

    A boundary lies half way between a pixel of the class and the nearest that is not, ignored ones left out;
    the distance is at most `reach`, and 0 where ignored. `truth` is [N, C, H, W], `valid` [N, 1, H, W].

    >>> row = torch.tensor([[[[True, True, False, False, False]]]])
    >>> boundary_distance(row, torch.ones_like(row), reach=2.0).tolist()
    [[[[1.5, 0.5, 0.5, 1.5, 2.0]]]]
    """
    inside, known = truth.cpu().numpy(), valid.cpu().numpy()  # OpenCV's transform is exact, and on the CPU
    distance = np.full(inside.shape, reach, np.float32)
    for image, channel in np.argwhere(inside.any((2, 3))):
        own = inside[image, channel]
        other = known[image, 0] & ~own
        to_own = _distance_to(own)
        to_other = _distance_to(other) if other.any() else np.float32(np.inf)
        np.minimum(np.where(own, to_other, to_own) - np.float32(0.5), reach, out=distance[image, channel])
    distance *= known
    return torch.from_numpy(distance).to(truth.device)


def _distance_to(mask: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of each pixel to the nearest of `mask`, which must have one."""
    return cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
