"""The masks of an image's objects in mmdet's form, each kept as the bitmap inside a small window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.image import rescale_size
from mmdet.structures.bbox import get_box_type
from mmdet.structures.mask import BitmapMasks
from mmdet.structures.mask.structures import BaseInstanceMasks

from segloop.data.masks import Patch, Runs, decode_patches, encode_patches


class PatchMasks(BaseInstanceMasks):
    """Masks [N, H, W] of one image of which only the windows that hold something are kept.

    mmdet's `BitmapMasks` keeps, flips, cuts and resamples each mask over the whole image: 300 MB for 790
    cells in 704x520. Here the cost is that of the objects. Nothing ever writes into a patch, so copies share
    them.
    """

    def __init__(self, patches: Sequence[Patch], height: int, width: int) -> None:
        self.patches = tuple(patches)
        self.height, self.width = int(height), int(width)

    @classmethod
    def of_runs(cls, runs: Sequence[Runs], size_hw: tuple[int, int]) -> PatchMasks:
        """Unpack run lengths."""
        patches = decode_patches(runs, size_hw)
        return cls([_patch(each.left, each.top, each.bitmap) for each in patches], *size_hw)

    @classmethod
    def of_bitmaps(cls, bitmaps: np.ndarray) -> PatchMasks:
        """Cut bitmaps [N, H, W] down to what they hold."""
        return cls([_tight(0, 0, bitmap) for bitmap in bitmaps], *bitmaps.shape[1:])

    def runs(self) -> list[Runs]:
        """Return the run lengths of all masks."""
        return encode_patches(self.patches, (self.height, self.width)) if self.patches else []

    @property
    def nbytes(self) -> int:
        """The bytes that the pixels take."""
        return sum(each.bitmap.nbytes for each in self.patches)

    @property
    def areas(self) -> np.ndarray:
        """Pixels of each mask."""
        return np.array([np.count_nonzero(each.bitmap) for each in self.patches], np.int64)

    def __len__(self) -> int:
        return len(self.patches)

    def __iter__(self) -> Any:
        return iter(self.to_ndarray())

    def __getitem__(self, index: Any) -> PatchMasks:
        """Choose masks by numbers, a slice or a row of booleans."""
        chosen = np.arange(len(self.patches))[np.asarray(index) if not isinstance(index, slice) else index]
        patches = [self.patches[number] for number in np.atleast_1d(chosen)]
        return PatchMasks(patches, self.height, self.width)

    def __deepcopy__(self, memo: Any) -> PatchMasks:
        return self

    def __repr__(self) -> str:
        return f"PatchMasks({len(self)} masks, height={self.height}, width={self.width})"

    def rescale(self, scale: Any, interpolation: str = "nearest") -> PatchMasks:
        """Resize by a factor, or to fit a size, as mmcv reckons sizes."""
        width, height = rescale_size((self.width, self.height), scale)
        return self.resize((height, width), interpolation)

    def resize(self, out_shape: tuple[int, int], interpolation: str = "nearest") -> PatchMasks:
        """Resize to (height, width); a pixel takes the value of the pixel that it lies on."""
        height, width = out_shape
        rows = np.floor(np.arange(height) * (self.height / height)).astype(int)
        columns = np.floor(np.arange(width) * (self.width / width)).astype(int)
        patches = []
        for each in self.patches:
            tall, wide = each.bitmap.shape
            top, bottom = np.searchsorted(rows, (each.top, each.top + tall))
            left, right = np.searchsorted(columns, (each.left, each.left + wide))
            inner = each.bitmap[rows[top:bottom] - each.top][:, columns[left:right] - each.left]
            patches.append(_patch(int(left), int(top), inner))
        return PatchMasks(patches, height, width)

    def flip(self, flip_direction: str = "horizontal") -> PatchMasks:
        """Mirror left to right, top to bottom (`vertical`), or both (`diagonal`)."""
        across = flip_direction in ("horizontal", "diagonal")
        down = flip_direction in ("vertical", "diagonal")
        patches = []
        for each in self.patches:
            tall, wide = each.bitmap.shape
            left = self.width - each.left - wide if across else each.left
            top = self.height - each.top - tall if down else each.top
            bitmap = each.bitmap[:: -1 if down else 1, :: -1 if across else 1]
            patches.append(_patch(left, top, bitmap))
        return PatchMasks(patches, self.height, self.width)

    def turn(self, turns: int) -> PatchMasks:
        """Turn counter-clockwise by so many quarters, as `numpy.rot90` does."""
        patches, height, width = self.patches, self.height, self.width
        for _ in range(turns % 4):
            patches = tuple(
                _patch(each.top, width - each.left - each.bitmap.shape[1], np.rot90(each.bitmap))
                for each in patches
            )
            height, width = width, height
        return PatchMasks(patches, height, width)

    def pad(self, out_shape: tuple[int, int], pad_val: int = 0) -> PatchMasks:
        """Add empty room below and to the right."""
        assert pad_val == 0, "a mask is padded by nothing"
        return PatchMasks(self.patches, *out_shape)

    def crop(self, bbox: np.ndarray) -> PatchMasks:
        """Keep what lies inside a box (x1, y1, x2, y2) of the image."""
        x1, x2 = np.clip(bbox[0::2], 0, self.width).astype(int).tolist()
        y1, y2 = np.clip(bbox[1::2], 0, self.height).astype(int).tolist()
        width, height = max(x2 - x1, 1), max(y2 - y1, 1)
        patches = [_window(each, x1, y1, width, height) for each in self.patches]
        return PatchMasks(patches, height, width)

    def union(self) -> np.ndarray:
        """Return the pixels that any mask holds, [H, W] bool."""
        whole = np.zeros((self.height, self.width), bool)
        for each in self.patches:
            tall, wide = each.bitmap.shape
            whole[each.top : each.top + tall, each.left : each.left + wide] |= each.bitmap.astype(bool)
        return whole

    def without(self, pixels: np.ndarray) -> PatchMasks:
        """Return what the masks hold outside of `pixels`, [H, W] bool."""
        patches = []
        for each in self.patches:
            tall, wide = each.bitmap.shape
            covered = pixels[each.top : each.top + tall, each.left : each.left + wide]
            patches.append(Patch(each.left, each.top, np.where(covered, 0, each.bitmap).astype(np.uint8)))
        return PatchMasks(patches, self.height, self.width)

    def expand(self, expanded_h: int, expanded_w: int, top: int, left: int) -> PatchMasks:
        """Lay the image into a larger one."""
        moved = [Patch(each.left + left, each.top + top, each.bitmap) for each in self.patches]
        return PatchMasks(moved, expanded_h, expanded_w)

    def crop_and_resize(
        self,
        bboxes: np.ndarray,
        out_shape: int | tuple[int, int],
        inds: np.ndarray,
        device: str = "cpu",
        interpolation: str = "bilinear",
        binarize: bool = True,
    ) -> BitmapMasks:
        """Return of mask `inds[k]` what lies in box k, resampled to `out_shape` as RoIAlign does it.

        RoIAlign takes the mean of points on a grid, each interpolated between four pixels. That is a product
        of weights of rows and weights of columns, so a mask costs two small matrix products.
        """
        height, width = (out_shape, out_shape) if isinstance(out_shape, int) else out_shape
        boxes = np.asarray(bboxes, np.float32)
        down = _align_weights(boxes[:, 1], boxes[:, 3], bins=height, extent=self.height)
        across = _align_weights(boxes[:, 0], boxes[:, 2], bins=width, extent=self.width)
        found = np.zeros((len(boxes), height, width), np.float32)
        for place, number in enumerate(np.asarray(inds).tolist()):
            each = self.patches[number]
            tall, wide = each.bitmap.shape
            rows = down[place][:, each.top : each.top + tall]
            columns = across[place][:, each.left : each.left + wide]
            found[place] = rows @ each.bitmap.astype(np.float32) @ columns.T
        return BitmapMasks(found >= 0.5 if binarize else found, height, width)

    def translate(self, *args: Any, **kwargs: Any) -> PatchMasks:
        """Move as mmdet's bitmaps do."""
        return self._by_bitmaps("translate", *args, **kwargs)

    def shear(self, *args: Any, **kwargs: Any) -> PatchMasks:
        """Shear as mmdet's bitmaps do."""
        return self._by_bitmaps("shear", *args, **kwargs)

    def rotate(self, *args: Any, **kwargs: Any) -> PatchMasks:
        """Turn as mmdet's bitmaps do."""
        return self._by_bitmaps("rotate", *args, **kwargs)

    def to_ndarray(self) -> np.ndarray:
        """Return the bitmaps [N, H, W] uint8."""
        whole = np.zeros((len(self.patches), self.height, self.width), np.uint8)
        for canvas, each in zip(whole, self.patches, strict=True):
            tall, wide = each.bitmap.shape
            canvas[each.top : each.top + tall, each.left : each.left + wide] = each.bitmap
        return whole

    def to_tensor(self, dtype: torch.dtype, device: Any) -> torch.Tensor:
        """Return the bitmaps as a tensor."""
        return torch.tensor(self.to_ndarray(), dtype=dtype, device=device)

    def get_bboxes(self, dst_type: str = "hbb") -> Any:
        """Return the tight boxes, x2 and y2 one past the last pixel; an empty mask's box is all zeros."""
        boxes = np.zeros((len(self.patches), 4), np.float32)
        for box, patch in zip(boxes, self.patches, strict=True):
            each = _tight(patch.left, patch.top, patch.bitmap)
            if each.bitmap.size:
                tall, wide = each.bitmap.shape
                box[:] = each.left, each.top, each.left + wide, each.top + tall
        _, box_type = get_box_type(dst_type)
        return box_type(torch.from_numpy(boxes))

    @classmethod
    def cat(cls, masks: Sequence[PatchMasks]) -> PatchMasks:
        """Join the masks of one image."""
        patches = [patch for each in masks for patch in each.patches]
        return cls(patches, masks[0].height, masks[0].width)

    def _by_bitmaps(self, name: str, *args: Any, **kwargs: Any) -> PatchMasks:
        whole = BitmapMasks(self.to_ndarray(), self.height, self.width)
        changed = getattr(whole, name)(*args, **kwargs)
        return PatchMasks.of_bitmaps(changed.to_ndarray())


def _patch(left: int, top: int, bitmap: np.ndarray) -> Patch:
    return Patch(left, top, np.ascontiguousarray(bitmap, np.uint8))


def _window(each: Patch, x1: int, y1: int, width: int, height: int) -> Patch:
    """Return what a patch holds inside a window, in the coordinates of the window."""
    left, top = each.left - x1, each.top - y1
    rows = slice(max(-top, 0), max(height - top, 0))
    columns = slice(max(-left, 0), max(width - left, 0))
    bitmap = each.bitmap[rows, columns]
    if bitmap.size == 0:
        return Patch(0, 0, np.zeros((0, 0), np.uint8))
    return _patch(max(left, 0), max(top, 0), bitmap)


def _tight(left: int, top: int, bitmap: np.ndarray) -> Patch:
    """Cut a bitmap down to the box of what it holds."""
    if bitmap.size == 0:
        return Patch(0, 0, np.zeros((0, 0), np.uint8))
    x, y, wide, tall = cv2.boundingRect(np.ascontiguousarray(bitmap, np.uint8))
    return _patch(left + x, top + y, bitmap[y : y + tall, x : x + wide])


def _align_weights(low: np.ndarray, high: np.ndarray, *, bins: int, extent: int) -> np.ndarray:
    """Return how much each pixel along one side counts in each bin of each box, [K, bins, extent].

    The rules are those of `roi_align(…, sampling_ratio=0, aligned=True)`: half a pixel off, as many points a
    bin as it has pixels, points before the first pixel's middle take that pixel.
    """
    side = high - low
    points = np.maximum(np.ceil(side / bins), 1).astype(int)
    most = int(points.max(initial=1))
    number = np.arange(most)
    step = side / bins
    place = (number + 0.5) / points[:, None]
    at = (low - 0.5)[:, None, None] + step[:, None, None] * (np.arange(bins)[:, None] + place[:, None, :])
    counts = (number < points[:, None])[:, None, :] & (at >= -1) & (at <= extent)
    at = np.clip(at, 0, extent - 1)
    before = np.minimum(at.astype(int), extent - 1)
    after = np.minimum(before + 1, extent - 1)
    share = np.where(counts, 1 / points[:, None, None], 0).astype(np.float32)
    past = (at - before).astype(np.float32)
    weights = np.zeros((len(low), bins, extent), np.float32)
    box, row = (each[..., None] for each in np.indices((len(low), bins)))
    np.add.at(weights, (box, row, before), share * (1 - past))
    np.add.at(weights, (box, row, after), share * past)
    return weights
