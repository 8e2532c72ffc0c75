"""Loading of objects without damage, for mmdet's pipelines."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.registry import TRANSFORMS

from segloop.data.instance_labels import runs_of
from segloop.data.masks import boxes_xyxy
from segloop.data.patch_masks import PatchMasks
from segloop.utils.errors import DataError


@TRANSFORMS.register_module()
class LoadInstances(BaseTransform):
    """Unpack the objects of an image: polygons and run lengths become bitmaps of the objects' own size.

    Adds `gt_masks` (`PatchMasks`), `gt_bboxes` (tight around the masks), `gt_bboxes_labels` and
    `gt_ignore_flags` (crowds). An image of another size than its annotations tell of is refused: its masks
    would lie in the wrong place.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Unpack what `instances` holds."""
        size_hw = results["height"], results["width"]
        found = tuple(results.get("ori_shape", size_hw)[:2])
        if found != size_hw:
            raise DataError(
                f"{results['img_path']} is {found[1]}x{found[0]}, and its annotations are of an image of "
                f"{size_hw[1]}x{size_hw[0]} (width x height).",
                image_id=results.get("image_id"),
            )
        instances = results["instances"]
        runs = runs_of([each["mask"] for each in instances], size_hw)
        boxes = boxes_xyxy(runs, size_hw).astype(np.float32).reshape(-1, 4)
        results["gt_masks"] = PatchMasks.of_runs(runs, size_hw)
        results["gt_bboxes"] = HorizontalBoxes(torch.from_numpy(boxes))
        results["gt_bboxes_labels"] = np.array([each["bbox_label"] for each in instances], np.int64)
        results["gt_ignore_flags"] = np.array([each["ignore_flag"] for each in instances], bool)
        return results
