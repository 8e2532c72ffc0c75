"""Loading of index masks without damage, for mmseg's pipelines."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS
from PIL import Image

from segloop.utils.errors import DataError


@TRANSFORMS.register_module()
class LoadIndexMask(BaseTransform):
    """Read an index mask as it is: 8 or 16 bit, grey or palette.

    mmseg's `LoadAnnotations` casts to 8 bit, so class 256 of a 16-bit mask becomes class 0 without a word.

    Adds `gt_seg_map` (uint8, or uint16 where values need it, [H, W]) and names it in `seg_fields`.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Load the mask that `seg_map_path` names."""
        mask = read_index_mask(results["seg_map_path"])
        if results.get("reduce_zero_label"):
            mask = reduce_zero(mask)
        if results.get("label_map"):
            old = mask.copy()
            for index, new in results["label_map"].items():
                mask[old == index] = new
        results["gt_seg_map"] = mask
        results["seg_fields"].append("gt_seg_map")
        return results


def read_index_mask(path: Path | str) -> np.ndarray:
    """Return a mask file's class indices, uint8 or uint16 [H, W]; a palette's indices, not its colours."""
    try:
        with Image.open(io.BytesIO(Path(path).read_bytes())) as image:
            mask = np.array(image)
    except (OSError, SyntaxError) as error:
        raise DataError(f"The mask {path} cannot be read: {error}") from error
    if mask.ndim != 2:
        raise DataError(f"The mask {path} has {mask.shape[2]} channels; an index mask has one.")
    return mask.astype(np.uint8) if mask.max(initial=0) <= 255 else mask.astype(np.uint16)


def reduce_zero(mask: np.ndarray) -> np.ndarray:
    """Drop class 0: it becomes 255 (ignored) and every other class moves down by one."""
    return np.where((mask == 0) | (mask == 255), 255, mask - 1).astype(mask.dtype)
