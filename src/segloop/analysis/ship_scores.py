"""Dice and F2 of ships, the connected parts of one class, per image and with each rule for empty images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields

import numpy as np

from segloop.analysis.counting_scores import competition_f2, hits
from segloop.analysis.instances import Instances
from segloop.analysis.matching import match
from segloop.data.masks import Runs, encode

NAN = float("nan")

RULES: dict[str, str] = {
    "ships/Dice": "Pixels of an image that shows ships, 2 TP / (2 TP + FP + FN); the mean over those images.",
    "ships/Dice_nonempty": (
        "The same over images with ships in truth or prediction: a false alarm in an empty image counts 0, "
        "an empty image left empty is left out."
    ),
    "ships/Dice_all": "The same over all images: an empty image left empty counts 1, a false alarm in it 0.",
    "ships/F2": (
        "5 TP / (5 TP + 4 FN + FP) of an image at IoU > .50, .55 … .95, one found object to a true one; the "
        "mean over thresholds, then over all images. An empty image counts 1 if nothing was found, else 0: "
        "whoever finds nothing anywhere gets ships/F2_nothing."
    ),
    "ships/F2_full": "ships/F2 over the images with ships.",
    "ships/empty_clean": "The share of the empty images in which nothing was found.",
    "ships/F2_nothing": "The share of empty images, which is the F2 of finding nothing.",
}
# The same in a few words, for the table that each validation prints.
SHORT: dict[str, str] = {
    "ships/Dice": "images with ships; the Dice to report",
    "ships/Dice_nonempty": "images with ships in truth or prediction: both empty is left out",
    "ships/Dice_all": "all images: both empty counts 1",
    "ships/F2": "all images: both empty counts 1; the F2 to report",
    "ships/F2_full": "images with ships",
    "ships/empty_clean": "empty images in which nothing was found",
    "ships/F2_nothing": "what F2 is if nothing is ever found",
}


@dataclass(frozen=True)
class ImageScore:
    """What one image adds to the scores: pixels, the F2, and how many objects are true and found."""

    tp: int
    fp: int
    fn: int
    f2: float
    true: int
    found: int

    @property
    def dice(self) -> float:
        """Dice of the image's pixels; NaN where there is and was found nothing."""
        whole = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / whole if whole else NAN


COLUMNS = tuple(field.name for field in fields(ImageScore))


def score_image(
    mask: np.ndarray,
    truth_mask: np.ndarray,
    *,
    parts: list[Runs],
    truth: list[Runs],
    ignored: np.ndarray | None = None,
) -> ImageScore:
    """Score one image: bool masks [H, W] of found and true pixels, and the objects as run lengths.

    A part that hits nothing and lies with more than half of its pixels in what is `ignored`, bool [H, W], is
    no false alarm; `mask` is without those pixels.

    >>> box = np.ones((2, 2), bool)
    >>> score_image(box, box, parts=[np.array([0, 4])], truth=[np.array([0, 4])]).f2
    1.0
    """
    tp = int(np.count_nonzero(mask & truth_mask))
    size_hw = (mask.shape[0], mask.shape[1])
    f2, found = float(len(parts) == len(truth)), len(parts)
    ignore = encode(ignored) if ignored is not None and ignored.any() else None
    if parts and (truth or ignore is not None):
        true = _objects(truth, size_hw, ignore=ignore)
        counts = hits(match(true, _objects(parts, size_hw, scores=np.ones(len(parts)))))
        f2, found = competition_f2(*counts), int(counts[0][0] + counts[1][0])
    return ImageScore(
        tp,
        int(np.count_nonzero(mask)) - tp,
        int(np.count_nonzero(truth_mask)) - tp,
        f2,
        len(truth),
        found,
    )


def ship_scores(images: Iterable[ImageScore]) -> dict[str, float]:
    """Return the scores of a set under the keys of `RULES`, as fractions; NaN where no image counts.

    >>> clean, alarm = ImageScore(0, 0, 0, 1.0, 0, 0), ImageScore(0, 9, 0, 0.0, 0, 1)
    >>> scores = ship_scores([clean, alarm])
    >>> scores["ships/Dice"], scores["ships/Dice_nonempty"], scores["ships/Dice_all"], scores["ships/F2"]
    (nan, 0.0, 0.5, 0.5)
    """
    table = np.array([astuple(image) for image in images], np.float64).reshape(-1, len(COLUMNS))
    return {key: _mean(values[~np.isnan(values)]) for key, values in image_columns(table).items()}


def image_columns(table: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each image counts in each score [images], from COLUMNS [images, 6]; NaN: it is left out."""
    tp, fp, fn, f2 = table[:, 0], table[:, 1], table[:, 2], table[:, 3]
    full = table[:, 4] > 0
    whole = 2 * tp + fp + fn
    dice = np.divide(2 * tp, whole, out=np.ones(len(table)), where=whole > 0)
    clean = (table[:, 5] == 0).astype(np.float64)
    return {
        "ships/Dice": np.where(full, dice, NAN),
        "ships/Dice_nonempty": np.where(whole > 0, dice, NAN),
        "ships/Dice_all": dice,
        "ships/F2": f2,
        "ships/F2_full": np.where(full, f2, NAN),
        "ships/empty_clean": np.where(full, NAN, clean),
        "ships/F2_nothing": (~full).astype(np.float64),
    }


def _objects(
    runs: list[Runs],
    size_hw: tuple[int, int],
    *,
    scores: np.ndarray | None = None,
    ignore: Runs | None = None,
) -> Instances:
    labels = np.zeros(len(runs), np.int64)
    return Instances(runs=runs, labels=labels, size_hw=size_hw, scores=scores, ignore=ignore)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else NAN
