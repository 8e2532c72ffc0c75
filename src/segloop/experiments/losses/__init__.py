"""Losses that mmseg and mmdet lack, for semantic heads, and by `InstanceMaskLoss` for mask heads."""

from segloop.experiments.losses.boundary import BoundaryDistanceLoss
from segloop.experiments.losses.lovasz import LovaszSoftmaxLoss
from segloop.experiments.losses.mask_heads import InstanceMaskLoss
from segloop.experiments.losses.overlap import BatchDiceLoss, FocalTverskyLoss
from segloop.experiments.losses.sets import PixelSets, SetLoss

__all__ = [
    "BatchDiceLoss",
    "BoundaryDistanceLoss",
    "FocalTverskyLoss",
    "InstanceMaskLoss",
    "LovaszSoftmaxLoss",
    "PixelSets",
    "SetLoss",
]
