"""Loading of index masks without damage, crops around what is rare, quarter turns, for mmseg's pipelines."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform, Compose
from mmengine.registry import TRANSFORMS
from torch.utils.data import get_worker_info

from segloop.data.index_masks import read_index_mask, reduce_zero
from segloop.data.patch_masks import PatchMasks
from segloop.utils.errors import ConfigError
from segloop.utils.memory import available_memory


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


@TRANSFORMS.register_module()
class KeepInMemory(BaseTransform):
    """Do what `transforms` do once per image, and keep the result as long as memory allows.

    Meant for the loading steps, which read and decode the same files in every epoch: put it first and let
    nothing random be inside. Each loader process keeps its own samples, so it pays with few processes
    (and with `persistent_workers=True`).

    Args:
        transforms: the steps, usually those that load image and annotations.
        share: how much of the memory that is free at the start all loader processes may fill, those of the
            other trainers on the machine included; what does not fit is loaded every time.
    """

    def __init__(self, transforms: list[dict], share: float = 0.25) -> None:
        self.steps = Compose(transforms)
        self.share = share
        self.kept: dict[str, dict[str, Any]] = {}
        self.room: float | None = None  # bytes; counted in the process that loads

    def attach(self, dataset: Any, steps: Sequence[Any]) -> None:
        """Let steps that ask for it know the data set, and what comes before them."""
        before = list(steps)
        for step in self.steps.transforms:
            if hasattr(step, "attach"):
                step.attach(dataset, before)
            before.append(step)

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Return the loaded sample; its arrays belong to the caller."""
        name = results["img_path"]
        if name not in self.kept:
            loaded = self.steps(results)
            if loaded is None or not self._fits(loaded):
                return loaded
            self.kept[name] = loaded
        # Steps that follow may write into what they get.
        return copy.deepcopy(self.kept[name])

    def _fits(self, loaded: dict[str, Any]) -> bool:
        if self.room is None:
            worker = get_worker_info()
            processes = _trainers() * (worker.num_workers if worker else 1)
            self.room = self.share * available_memory() / processes
        size = sum(getattr(value, "nbytes", 0) for value in loaded.values())  # arrays, masks of objects
        if size > self.room:
            return False
        self.room -= size
        return True

    def __getstate__(self) -> dict[str, Any]:
        """Copy without what is kept: a spawned process begins with an empty memory of its own."""
        return {**self.__dict__, "kept": {}, "room": None}


def _trainers() -> int:
    """Return how many processes train together on this machine, each with a loader of its own."""
    # Spawned loader processes know these variables, too; launchers other than torchrun set the second alone.
    return int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("WORLD_SIZE") or 1)


@TRANSFORMS.register_module()
class RareClassCrop(BaseTransform):
    """Cut a window that shows a class which the image has little of, so that no batch is all background.

    With probability `prob` one of the image's foreground classes is chosen, each equally likely however few
    its pixels are, and the window is placed at random around one of its pixels; otherwise anywhere.
    An image smaller than the window is padded by ignored pixels when the batch is stacked.

    Args:
        size: height and width of the window.
        prob: how often a class is looked for.
        background: the class that is not looked for, or None.
        ignore_index: the mask value that is no class.
        by_object: first choose one of the class's connected parts, each equally likely however small; without
            it an object is met as often as it has pixels.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        prob: float = 0.75,
        background: int | None = 0,
        ignore_index: int = 255,
        by_object: bool = False,
    ) -> None:
        self.size_hw = (size, size) if isinstance(size, int) else tuple(size)
        self.prob = prob
        self.by_object = by_object
        self.skip = [value for value in (background, ignore_index) if value is not None]

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Crop image and mask."""
        mask = results["gt_seg_map"]
        # mm pipelines draw from numpy's global generator, which mmengine seeds for each worker
        target = self._pixel(mask) if np.random.rand() < self.prob else None
        rows, columns = (
            _window(extent, wanted, None if target is None else target[axis])
            for axis, (extent, wanted) in enumerate(zip(mask.shape, self.size_hw, strict=True))
        )
        results["img"] = np.ascontiguousarray(results["img"][rows, columns])
        results["gt_seg_map"] = np.ascontiguousarray(mask[rows, columns])
        results["img_shape"] = results["img"].shape[:2]
        return results

    def _pixel(self, mask: np.ndarray) -> tuple[int, int] | None:
        """Return a random pixel of a random foreground class, or None where there is none."""
        present = [value for value in np.flatnonzero(np.bincount(mask.ravel())) if value not in self.skip]
        if not present:
            return None
        wanted = mask == np.random.choice(present)
        if self.by_object:
            count, parts = cv2.connectedComponents(wanted.astype(np.uint8))
            wanted = parts == np.random.randint(1, count)
        rows, columns = np.nonzero(wanted)
        chosen = np.random.randint(len(rows))
        return int(rows[chosen]), int(columns[chosen])


def _window(extent: int, wanted: int, target: int | None) -> slice:
    """Place a window of `wanted` pixels in `extent`, around `target` if there is one."""
    last = max(0, extent - wanted)
    low, high = (0, last) if target is None else (max(0, target - wanted + 1), min(last, target))
    start = np.random.randint(low, high + 1)
    return slice(start, start + wanted)


@TRANSFORMS.register_module()
class QuarterTurn(BaseTransform):
    """Turn image and labels by 0, 90, 180 or 270 degrees, each equally likely; no pixel is interpolated.

    Labels are index masks, and objects as `LoadInstances` gives them. With a flip before or after it these
    are the eight ways to lay a square on itself, for pictures that have no above and below. An image that is
    not square changes its shape with odd turns.

    Args:
        turns: turn by so many quarters always: a view of a `tta_pipeline`, whose prediction `SegLoopTTAModel`
            turns back, so `PackSegInputs` must keep `quarter_turns`. It stands before a flip, for flips are
            undone first.
    """

    def __init__(self, turns: int | None = None) -> None:
        self.turns = turns

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Turn the image, each mask and each box."""
        turns = int(np.random.randint(4)) if self.turns is None else self.turns % 4
        if self.turns is not None:
            if results.get("flip"):
                raise ConfigError(
                    "QuarterTurn(turns=…) must stand before RandomFlip: flips are undone first."
                )
            results["quarter_turns"] = turns
            if turns % 2 and "ori_shape" in results:  # what the network's answer is resized to
                results["ori_shape"] = tuple(results["ori_shape"][1::-1])
        if turns:
            for key in ("img", *results.get("seg_fields", ())):
                results[key] = np.ascontiguousarray(np.rot90(results[key], turns))
            if results.get("gt_masks") is not None:
                _turn_objects(results, turns)
            results["img_shape"] = results["img"].shape[:2]
        return results


def _turn_objects(results: dict[str, Any], turns: int) -> None:
    """Turn masks and boxes counter-clockwise."""
    masks, boxes = results["gt_masks"], results["gt_bboxes"]
    if not isinstance(masks, PatchMasks):
        raise ConfigError(
            f"QuarterTurn turns what dict(type='LoadInstances') loads, and no {type(masks).__name__}."
        )
    corners, sides = boxes.tensor, (masks.width, masks.height)
    for turn in range(turns):
        left, top, right, bottom = corners.unbind(-1)
        width = sides[turn % 2]
        corners = torch.stack([top, width - right, bottom, width - left], -1)
    results["gt_masks"], results["gt_bboxes"] = masks.turn(turns), type(boxes)(corners)
