"""Steps of mmdet's pipelines for objects: load them without damage, cut windows, paste objects elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.registry import TRANSFORMS

from segloop.data.instance_labels import runs_of
from segloop.data.masks import areas, boxes_xyxy
from segloop.data.patch_masks import PatchMasks
from segloop.utils.errors import ConfigError, DataError


@TRANSFORMS.register_module()
class LoadInstances(BaseTransform):
    """Unpack the objects of an image: polygons and run lengths become bitmaps of the objects' own size.

    Adds `gt_masks` (`PatchMasks`), `gt_bboxes` (tight around the masks), `gt_bboxes_labels` and
    `gt_ignore_flags` (crowds). An image of another size than its annotations tell of is refused: its masks
    would lie in the wrong place. So they would in a training where a step before this one resized or cut the
    image; in a test they keep the size of the file, to which what is found is scaled back.
    """

    training = False

    def attach(self, dataset: Any, steps: Sequence[Any]) -> None:
        """Learn whether it is a training whose images are loaded."""
        self.training = not dataset.test_mode

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
        if self.training and tuple(results.get("img_shape", size_hw)[:2]) != size_hw:
            raise ConfigError(
                "LoadInstances stands behind a step that resizes or cuts images, which masks would not fit: "
                "put it before that step, or set test_mode=True where nothing is trained on the data set."
            )
        instances = results["instances"]
        runs = runs_of([each["mask"] for each in instances], size_hw)
        # Without a pixel the box has no side, and its regression no number; `drop=['tiny']` allowed it.
        kept = [place for place, area in enumerate(areas(runs)) if area]
        instances, runs = [instances[place] for place in kept], [runs[place] for place in kept]
        boxes = boxes_xyxy(runs, size_hw).astype(np.float32).reshape(-1, 4)
        results["gt_masks"] = PatchMasks.of_runs(runs, size_hw)
        results["gt_bboxes"] = HorizontalBoxes(torch.from_numpy(boxes))
        results["gt_bboxes_labels"] = np.array([each["bbox_label"] for each in instances], np.int64)
        results["gt_ignore_flags"] = np.array([each["ignore_flag"] for each in instances], bool)
        return results


@TRANSFORMS.register_module()
class InstanceCrop(BaseTransform):
    """Cut a window at random; objects are cut with it, and those of which hardly anything is left vanish.

    mmdet's `RandomCrop` keeps an object whose box reaches into the window though its mask does not, as a box
    without area. An image smaller than the window stays as it is.

    Args:
        size: height and width of the window.
        min_area: fewer pixels are no object.
        min_share: nor is less than this share of it, unless it was larger than the window.
        prob: how often the window is laid around an object, chosen at random; else anywhere.
    """

    def __init__(
        self, size: int | tuple[int, int], min_area: int = 4, min_share: float = 0.1, prob: float = 0.5
    ) -> None:
        self.size_hw = (size, size) if isinstance(size, int) else tuple(size)
        self.min_area = min_area
        self.min_share = min_share
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Crop image and objects."""
        image = results["img"]
        boxes = results["gt_bboxes"].tensor.numpy()
        # mm pipelines draw from numpy's global generator, which is seeded for each sample
        around = boxes[np.random.randint(len(boxes))] if len(boxes) and np.random.rand() < self.prob else None
        extents = image.shape[:2]
        starts = []
        for axis, (extent, wanted) in enumerate(zip(extents, self.size_hw, strict=True)):
            last = max(0, extent - wanted)
            low, high = 0, last
            if around is not None:
                middle = int((around[1 - axis] + around[3 - axis]) / 2)
                low = min(max(middle - wanted + 1, 0), last)
                high = max(min(middle, last), low)
            starts.append(np.random.randint(low, high + 1))
        top, left = starts
        bottom, right = (
            min(start + wanted, extent)
            for start, wanted, extent in zip(starts, self.size_hw, extents, strict=True)
        )
        results["img"] = np.ascontiguousarray(image[top:bottom, left:right])
        results["img_shape"] = results["img"].shape[:2]
        before = results["gt_masks"]
        masks = before.crop(np.array([left, top, right, bottom]))
        enough = np.minimum(before.areas, self.size_hw[0] * self.size_hw[1]) * self.min_share
        keep_objects(results, masks, masks.areas >= np.maximum(enough, self.min_area))
        return results


@TRANSFORMS.register_module()
class PasteInstances(BaseTransform):
    """Paste objects of another image of the set onto this one (Ghiasi et al., 2021, arXiv:2012.07177).

    What they cover is cut out of the masks below them; objects that vanish go. The other image comes the way
    this one came, through the steps before this one, so both share what `KeepInMemory` keeps; which one, and
    what of it, the sample's own seed decides, so a resumed run pastes the same. mmdet's `CopyPaste` needs a
    wrapper around the data set.

    Args:
        prob: how often anything is pasted.
        share: the chance of each object of the other image to be pasted.
        most: how many at most.
        min_area: fewer visible pixels are no object.
        min_share: nor is less than this share of it.
    """

    def __init__(
        self,
        prob: float = 0.5,
        share: float = 0.5,
        most: int = 20,
        min_area: int = 4,
        min_share: float = 0.1,
    ) -> None:
        self.prob = prob
        self.share = share
        self.most = most
        self.min_area = min_area
        self.min_share = min_share
        self.dataset: Any = None
        self.steps: Sequence[Any] = ()

    def attach(self, dataset: Any, steps: Sequence[Any]) -> None:
        """Take the data set that others come from, and the steps that they go through."""
        self.dataset, self.steps = dataset, tuple(steps)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Paste, or leave the image as it is."""
        if self.dataset is None:
            raise ConfigError("PasteInstances works in the pipeline of an InstanceDataset only.")
        if np.random.rand() >= self.prob:
            return results
        other = self._other()
        chosen = self._choose(other)
        if other is None or not len(chosen):
            return results
        height, width = results["img"].shape[:2]
        inside = other["gt_masks"][chosen].crop(np.array([0, 0, width, height]))
        # A smaller image than this one fills a part of it.
        pasted = PatchMasks(inside.patches, height, width)
        visible = pasted.areas >= self.min_area
        pasted, chosen = pasted[visible], chosen[visible]
        cover = pasted.union()
        source = np.zeros_like(results["img"])
        rows, columns = (min(a, b) for a, b in zip(other["img"].shape[:2], (height, width), strict=True))
        source[:rows, :columns] = other["img"][:rows, :columns]
        results["img"] = np.where(cover[..., None], source, results["img"])
        before = results["gt_masks"]
        cut = before.without(cover)
        kept = cut.areas >= np.maximum(before.areas * self.min_share, self.min_area)
        keep_objects(results, cut, kept)
        add_objects(results, pasted, other["gt_bboxes_labels"][chosen])
        return results

    def _other(self) -> dict[str, Any] | None:
        results = self.dataset.get_data_info(np.random.randint(len(self.dataset)))
        for step in self.steps:
            results = step(results)
            if results is None:
                return None
        return results

    def _choose(self, other: dict[str, Any] | None) -> np.ndarray:
        """Return which objects are pasted; crowds never are, and of those that overlap all may be."""
        if other is None:
            return np.zeros(0, int)
        able = np.flatnonzero(~other["gt_ignore_flags"])
        chosen = able[np.random.rand(len(able)) < self.share]
        return np.sort(np.random.permutation(chosen)[: self.most])


def keep_objects(results: dict[str, Any], masks: PatchMasks, kept: np.ndarray) -> None:
    """Give the objects of a sample new masks, with boxes that fit them, and drop those that are not kept."""
    masks = masks[kept]
    results["gt_masks"] = masks
    results["gt_bboxes"] = masks.get_bboxes("hbox")
    for name in ("gt_bboxes_labels", "gt_ignore_flags"):
        results[name] = results[name][kept]


def add_objects(results: dict[str, Any], masks: PatchMasks, labels: np.ndarray) -> None:
    """Add objects to a sample; masks of a pasted object that lies under another one stay whole."""
    whole = PatchMasks.cat([results["gt_masks"], masks])
    results["gt_masks"] = whole
    results["gt_bboxes"] = whole.get_bboxes("hbox")
    results["gt_bboxes_labels"] = np.concatenate([results["gt_bboxes_labels"], labels])
    results["gt_ignore_flags"] = np.concatenate([results["gt_ignore_flags"], np.zeros(len(labels), bool)])
