"""All scores of one RUN on given images: over the set, in the same resamples for every RUN, and per image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from segloop.analysis.bootstrap import resamples, weighted_means
from segloop.analysis.counts import ClassCounts
from segloop.analysis.instance_errors import ImageErrors, find_errors, image_quality
from segloop.analysis.instance_intervals import InstanceIntervals
from segloop.analysis.instance_scores import GROUPS, InstanceScorer
from segloop.analysis.matching import ImageMatches
from segloop.analysis.runs import Run
from segloop.analysis.scores import class_scores, image_scores, set_scores
from segloop.analysis.ship_scores import COLUMNS as SHIP_COLUMNS
from segloop.analysis.ship_scores import image_columns
from segloop.utils.errors import DataError

FloatArray = npt.NDArray[np.float64]

PIECE = 2**20  # counts of images by classes that are held at once
SHIPS = "ships.csv.gz"
OF_IMAGES = ("mDice_fg", "mIoU_fg")  # means of images that are told beside those over the set
IMAGE_RULE: dict[str, str] = {
    "semantic": "Images are compared by mDice_fg of the image.",
    "instance": "Images are compared by quality: the panoptic quality of the image, all classes together.",
}


@dataclass(eq=False)
class Sheet:
    """Scores by key, fractions; `drawn` [resamples] by key where it is known; `per_image` [images].

    `labels` are digests of the true objects of each image, of an instance RUN.
    """

    image_ids: list[str]
    scores: dict[str, float]
    drawn: dict[str, FloatArray]
    per_image: FloatArray
    per_image_key: str
    labels: list[str] = field(default_factory=list)
    errors: dict[str, ImageErrors] = field(default_factory=dict)


Progress = Callable[[int, int], None] | None
Groups = Sequence[str] | None  # of each image


def read_sheet(
    run: Run, image_ids: Sequence[str], *, repeats: int, seed: int, groups: Groups = None
) -> Sheet:
    """Score a RUN on the images; `repeats` resamples of them, or of groups, are the same for every RUN."""
    make = _semantic if run.kind == "semantic" else _instance
    return make(run, image_ids, repeats=repeats, seed=seed, groups=groups)


def true_objects(run: Run) -> dict[str, str]:
    """Return a digest of the true objects of each image of an instance RUN: classes, areas, crowds."""
    return {matches.image_id: _labels(matches) for matches in run.matches()}


def _semantic(run: Run, image_ids: Sequence[str], *, repeats: int, seed: int, groups: Groups) -> Sheet:
    table = _Counts(run, image_ids)
    names, background = run.class_names, run.background
    totals = table.weighted(np.ones((1, len(image_ids))))
    scores = set_scores(
        ClassCounts(totals.tp[0], totals.fp[0], totals.fn[0]), class_names=names, background=background
    )
    images: dict[str, list[FloatArray]] = {}
    for counts in table.pieces():
        for name, values in image_scores(counts, background=background).items():
            images.setdefault(name, []).append(values)
    columns_of = {f"{name} of images": np.concatenate(images[name]) for name in OF_IMAGES} | _ships(
        run, image_ids
    )
    keys, means = list(columns_of), np.column_stack(list(columns_of.values()))
    scores |= dict(zip(keys, weighted_means(np.ones((1, len(means))), means)[0].tolist(), strict=True))
    parts: dict[str, list[FloatArray]] = {}
    for weights in resamples(len(image_ids), repeats=repeats, seed=seed, groups=groups):
        counts = table.weighted(weights)
        found = class_scores(counts)
        columns = dict(image_scores(counts, background=background))
        columns |= {f"IoU.{name}": found.iou[:, place] for place, name in enumerate(names)}
        columns |= {f"Dice.{name}": found.dice[:, place] for place, name in enumerate(names)}
        columns |= dict(zip(keys, weighted_means(weights, means).T, strict=True))
        for name, values in columns.items():
            parts.setdefault(name, []).append(values)
    drawn = {name: np.concatenate(values) for name, values in parts.items()}
    return Sheet(list(image_ids), scores, drawn, means[:, 0], OF_IMAGES[0])


def _ships(run: Run, image_ids: Sequence[str]) -> dict[str, FloatArray]:
    """Return what each image counts in the scores of ships [images], where the test recorded them."""
    if not (run.folder / SHIPS).is_file():
        return {}
    table = run.table(SHIPS).set_index("image_id")
    lost = sorted(set(image_ids) - set(table.index))
    if lost:
        raise DataError(f"{run.folder / SHIPS} lacks {len(lost)} of its images, {lost[0]!r} for one.")
    return image_columns(table.loc[list(image_ids), list(SHIP_COLUMNS)].to_numpy(np.float64))


class _Counts:
    """Counts of some images of a RUN, sparse, for an image has few of many classes."""

    def __init__(self, run: Run, image_ids: Sequence[str]) -> None:
        from scipy import sparse  # where it is needed: it takes a tenth of a second to come

        place = {image_id: number for number, image_id in enumerate(image_ids)}
        lost = sorted(set(image_ids) - set(run.confusion.image_ids))
        if lost:
            raise DataError(f"{run.folder} has no counts of {len(lost)} of its images, {lost[0]!r} for one.")
        rows = run.per_image[run.per_image["image_id"].isin(place)]
        where = (
            rows["image_id"].map(place).to_numpy(np.int64),
            rows["class_index"].to_numpy(np.int64),
        )
        self.shape = len(image_ids), len(run.class_names)
        self.tables = [
            sparse.csr_matrix((rows[name].to_numpy(np.float64), where), shape=self.shape)
            for name in ("tp", "fp", "fn")
        ]

    def weighted(self, weights: FloatArray) -> ClassCounts:
        """Return the counts of resamples [resamples, classes]."""
        sums = (np.asarray((table.T @ weights.T).T).round().astype(np.int64) for table in self.tables)
        return ClassCounts(*sums)

    def pieces(self) -> list[ClassCounts]:
        """Return the counts [images, classes], some images at a time."""
        step = max(1, PIECE // self.shape[1])
        return [
            ClassCounts(*(table[begin : begin + step].toarray().astype(np.int64) for table in self.tables))
            for begin in range(0, self.shape[0], step)
        ]


def _instance(run: Run, image_ids: Sequence[str], *, repeats: int, seed: int, groups: Groups) -> Sheet:
    names, wanted = run.class_names, set(image_ids)
    keys = list(run.metrics["scores"])
    kinds = [name for name in GROUPS if any(key.startswith(name.split("/")[0] + "/") for key in keys)]
    scorer = InstanceScorer(
        class_names=names,
        groups=[name for name in kinds if name != "coco/bbox" or any("bbox" in key for key in keys)],
        max_dets=run.max_dets,
    )
    intervals = InstanceIntervals(names, keys, max_dets=run.max_dets)
    seen: list[str] = []
    quality: list[float] = []
    labels: list[str] = []
    errors: dict[str, ImageErrors] = {}
    for matches in run.matches():
        if matches.image_id not in wanted:
            continue
        seen.append(matches.image_id)
        scorer.add(matches)
        intervals.add(matches)
        errors[matches.image_id] = find_errors(matches)
        quality.append(image_quality(errors[matches.image_id]))
        labels.append(_labels(matches))
    if seen != list(image_ids):
        lost = sorted(wanted - set(seen)) or ["in another order"]
        raise DataError(f"{run.folder} has no matches of {len(lost)} of its images, {lost[0]!r} for one.")
    known = scorer.scores()
    scores = {key: known[key] for key in keys if key in known}
    every = intervals.drawn(repeats=repeats, seed=seed, groups=groups)
    drawn = {key: each for key, each in every.items() if key in scores}
    return Sheet(list(image_ids), scores, drawn, np.array(quality), "quality", labels=labels, errors=errors)


def _labels(matches: ImageMatches) -> str:
    truth = matches.truth
    digest = hashlib.sha256()
    for values in (truth.labels, truth.areas, truth.crowd):
        digest.update(np.asarray(values, np.int64).tobytes())
    return digest.hexdigest()
