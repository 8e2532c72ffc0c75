"""The objects of one image, true or found: masks as run lengths, classes, scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segloop.data.masks import Runs, encode, encode_labels
from segloop.utils.errors import DataError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Instances:
    """The N objects of one image; a DataError tells what does not fit.

    Args:
        runs: masks as in `segloop.data.masks`, COCO's column-major run lengths over the whole image.
        labels: class indices from 0, [N].
        size_hw: height and width of the image.
        scores: confidences of found objects, [N]; None for true ones, or where all are equally sure.
        crowd: which are regions of many objects that nobody counted (COCO's `iscrowd`), [N]; None for none.
        boxes_xyxy: boxes [N, 4] in pixels, x2 and y2 one past the last pixel; None for the masks' own.
        coco_areas: what the annotation file says of the areas (COCO's `area`), [N]; None for mask pixels.
        ignore: pixels in which nothing is scored, as run lengths; None for none.
    """

    runs: Sequence[Runs]
    labels: IntArray
    size_hw: tuple[int, int]
    scores: FloatArray | None = None
    crowd: BoolArray | None = None
    boxes_xyxy: FloatArray | None = None
    coco_areas: FloatArray | None = None
    ignore: Runs | None = None

    def __post_init__(self) -> None:
        count = len(self.runs)
        shapes = {
            "labels": (np.int64, (count,)),
            "scores": (np.float64, (count,)),
            "crowd": (np.bool_, (count,)),
            "boxes_xyxy": (np.float64, (count, 4)),
            "coco_areas": (np.float64, (count,)),
        }
        for name, (kind, shape) in shapes.items():
            value = getattr(self, name)
            if value is None:
                continue
            array: np.ndarray = np.asarray(value, kind)
            if array.size == 0 and count == 0:
                array = array.reshape(shape)
            if array.shape != shape:
                raise DataError(f"{count} masks, but {name} of shape {array.shape}, not {shape}.")
            object.__setattr__(self, name, array)
        if count and self.labels.min() < 0:
            raise DataError(f"Class indices begin at 0; one is {self.labels.min()}.")
        for name in ("scores", "boxes_xyxy", "coco_areas"):
            value = getattr(self, name)
            if value is not None and not np.isfinite(value).all():
                raise DataError(f"{name} holds values that are no numbers (NaN or infinite).")
        self._check_sizes()

    def __len__(self) -> int:
        return len(self.runs)

    @classmethod
    def of_bitmaps(
        cls,
        bitmaps: npt.ArrayLike | Sequence[npt.ArrayLike],
        labels: npt.ArrayLike,
        *,
        size_hw: tuple[int, int] | None = None,
        scores: npt.ArrayLike | None = None,
        crowd: npt.ArrayLike | None = None,
    ) -> Instances:
        """Return the objects of masks [N, H, W]; `size_hw` is needed only where there is none.

        >>> Instances.of_bitmaps([[[0, 1], [0, 1]]], [0]).runs[0].tolist()
        [2, 2]
        """
        masks = [np.asarray(each) for each in bitmaps]  # type: ignore[union-attr]
        if size_hw is None:
            if not masks:
                raise ValueError("no mask says how large the image is: give size_hw")
            size_hw = (masks[0].shape[0], masks[0].shape[1])
        wrong = sorted({each.shape for each in masks} - {tuple(size_hw)})
        if wrong:
            raise DataError(f"Masks of shape {wrong[0]} in an image of {size_hw[0]}x{size_hw[1]} pixels.")
        return cls(
            runs=[encode(each) for each in masks],
            labels=np.asarray(labels, np.int64),
            size_hw=(int(size_hw[0]), int(size_hw[1])),
            scores=None if scores is None else np.asarray(scores, np.float64),
            crowd=None if crowd is None else np.asarray(crowd, bool),
        )

    @classmethod
    def of_numbers(
        cls, numbers: np.ndarray, *, label: int = 0, scores: npt.ArrayLike | None = None
    ) -> Instances:
        """Return the objects of an HxW map in which 0 is nothing and each other number an object, by number.

        >>> len(Instances.of_numbers(np.array([[0, 4], [7, 7]])))
        2
        """
        runs = [each for number, each in encode_labels(numbers).items() if number]
        return cls(
            runs=runs,
            labels=np.full(len(runs), label, np.int64),
            size_hw=(numbers.shape[0], numbers.shape[1]),
            scores=None if scores is None else np.asarray(scores, np.float64),
        )

    def _check_sizes(self) -> None:
        height, width = self.size_hw
        masks = [*self.runs, *([] if self.ignore is None else [self.ignore])]
        if not masks:
            return
        if min(map(len, masks)) == 0:
            raise DataError("A mask without run lengths: an empty mask is one run of zeros.")
        lengths = np.array([len(each) for each in masks], np.int64)
        totals = np.add.reduceat(np.concatenate(masks), np.cumsum(lengths) - lengths, dtype=np.int64)
        wrong = np.flatnonzero(totals != height * width)
        if len(wrong):
            raise DataError(
                f"{len(wrong)} of {len(masks)} masks are of another size than the image: mask {wrong[0]} has "
                f"{totals[wrong[0]]} pixels, the image {height}x{width} = {height * width}."
            )
