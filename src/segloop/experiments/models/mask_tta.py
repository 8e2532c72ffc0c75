"""Test-time augmentation of a Mask R-CNN that keeps the masks: the views of `predict.py --tta`."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseTTAModel
from mmengine.registry import MODELS
from mmengine.structures import InstanceData

from segloop.experiments.predict.parts import ask_in_parts, is_plain_mask_rcnn
from segloop.experiments.predict.views import views_of
from segloop.utils.errors import ConfigError


@MODELS.register_module()
class SegLoopMaskTTAModel(BaseTTAModel):
    """Averages views of each image inside the model; the pipeline stays as it is.

    mmdet's `DetTTAModel` merges the boxes of augmented images, and drops their masks.

    Args:
        views: `h`, `v` or `hv`, what is mirrored beside the image itself.
    """

    def __init__(self, module: Any, views: str = "h", data_preprocessor: Any = None) -> None:
        super().__init__(module, data_preprocessor)
        if views not in ("h", "v", "hv"):
            raise ConfigError(f"tta_model.views is {views!r}; it can be 'h', 'v' or 'hv'.")
        if not is_plain_mask_rcnn(self.module):
            raise ConfigError(
                f"--tta: a {type(self.module).__name__} of these parts does not tell boxes and masks apart, "
                "so its views cannot be averaged. It works with a Mask R-CNN of mmdet's own parts."
            )
        self.views = [view.axes for view in views_of(views)]

    def test_step(self, data: dict[str, Any]) -> list[Any]:
        """Return the samples of a batch with the objects that all views found."""
        pairs = zip(data["inputs"], data["data_samples"], strict=True)
        samples = [{"inputs": inputs, "data_samples": sample} for inputs, sample in pairs]
        found = []
        for seen in ask_in_parts(self.module, samples, views=self.views):
            tall, wide = seen.sample.metainfo["ori_shape"][:2]
            masks = torch.zeros((len(seen.scores), tall, wide), dtype=torch.bool)
            for mask, patch in zip(masks, seen.pasted(), strict=True):
                rows, columns = patch.bitmap.shape
                mask[patch.top : patch.top + rows, patch.left : patch.left + columns] = torch.from_numpy(
                    patch.bitmap
                )
            seen.sample.pred_instances = InstanceData(
                bboxes=seen.corners, scores=seen.scores, labels=seen.labels, masks=masks.to(seen.boxes.device)
            )
            found.append(seen.sample)
        return found

    def merge_preds(self, data_samples_list: Any) -> Any:
        """Return what there is: the views are merged already."""
        return data_samples_list
