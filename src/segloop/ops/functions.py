"""The table of operators: the name that mmcv's C++ extension exports, and our function for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from segloop.ops import (
    carafe,
    deform_attention,
    deform_conv,
    deform_roi_pool,
    focal,
    masked_conv,
    nms,
    psamask,
    roi_align,
    roi_pool,
    rotated,
    soft_nms,
)

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "bbox_overlaps": nms.bbox_overlaps,
    "box_iou_quadri": rotated.box_iou_quadri,
    "box_iou_rotated": rotated.box_iou_rotated,
    "carafe_backward": carafe.carafe_backward,
    "carafe_forward": carafe.carafe_forward,
    "carafe_naive_backward": carafe.carafe_naive_backward,
    "carafe_naive_forward": carafe.carafe_naive_forward,
    "deform_conv_backward_input": deform_conv.deform_conv_backward_input,
    "deform_conv_backward_parameters": deform_conv.deform_conv_backward_parameters,
    "deform_conv_forward": deform_conv.deform_conv_forward,
    "deform_roi_pool_backward": deform_roi_pool.deform_roi_pool_backward,
    "deform_roi_pool_forward": deform_roi_pool.deform_roi_pool_forward,
    "masked_col2im_forward": masked_conv.masked_col2im_forward,
    "masked_im2col_forward": masked_conv.masked_im2col_forward,
    "modulated_deform_conv_backward": deform_conv.modulated_deform_conv_backward,
    "modulated_deform_conv_forward": deform_conv.modulated_deform_conv_forward,
    "ms_deform_attn_backward": deform_attention.ms_deform_attn_backward,
    "ms_deform_attn_forward": deform_attention.ms_deform_attn_forward,
    "nms": nms.nms,
    "nms_match": nms.nms_match,
    "nms_quadri": rotated.nms_quadri,
    "nms_rotated": rotated.nms_rotated,
    "psamask_backward": psamask.psamask_backward,
    "psamask_forward": psamask.psamask_forward,
    "roi_align_backward": roi_align.roi_align_backward,
    "roi_align_forward": roi_align.roi_align_forward,
    "roi_pool_backward": roi_pool.roi_pool_backward,
    "roi_pool_forward": roi_pool.roi_pool_forward,
    "sigmoid_focal_loss_backward": focal.sigmoid_focal_loss_backward,
    "sigmoid_focal_loss_forward": focal.sigmoid_focal_loss_forward,
    "softmax_focal_loss_backward": focal.softmax_focal_loss_backward,
    "softmax_focal_loss_forward": focal.softmax_focal_loss_forward,
    "softnms": soft_nms.softnms,
}
