"""IoU of many boxes with many boxes, in the memory of the result."""

from __future__ import annotations

from typing import Any

from mmdet.structures.bbox import bbox_overlaps, get_box_tensor
from mmengine.registry import TASK_UTILS
from torch import Tensor

BLOCK = 1 << 22  # pairs of boxes at a time: 16 MB of each intermediate result


@TASK_UTILS.register_module()
class BlockwiseOverlaps:
    """Compute what mmdet's `BboxOverlaps2D` does, to the bit, some rows at a time.

    mmdet holds some eight matrices of all pairs at once. With 2,000 cells in an image and the anchors of
    1408x1040 pixels that was 20 GB, and the system ended the training without a word.

    Use: `assigner=dict(type='MaxIoUAssigner', iou_calculator=dict(type='BlockwiseOverlaps'), …)`.
    """

    def __call__(self, bboxes1: Any, bboxes2: Any, mode: str = "iou", is_aligned: bool = False) -> Tensor:
        """Return the overlap of each pair of boxes x1, y1, x2, y2: [M, N], or [M] if aligned."""
        first, second = (get_box_tensor(each)[..., :4] for each in (bboxes1, bboxes2))
        rows, columns = first.size(-2), second.size(-2)
        if is_aligned or first.dim() != 2 or rows * columns <= BLOCK:
            return bbox_overlaps(first, second, mode, is_aligned)
        overlaps = first.new_empty((rows, columns))
        step = max(1, BLOCK // columns)
        for start in range(0, rows, step):
            overlaps[start : start + step] = bbox_overlaps(first[start : start + step], second, mode)
        return overlaps
