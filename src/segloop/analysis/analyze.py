"""Says in numbers what a semantic RUN has to tell: scores, rankings, mistakes, suspects, dependence."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segloop.analysis import (
    bootstrap,
    boundaries,
    breakdown,
    calibration,
    dependence,
    ranking,
    scores,
    scoring,
)
from segloop.analysis import suspects as suspicion
from segloop.analysis.gathering import Gathered, gather
from segloop.analysis.instance_errors import ImageErrors
from segloop.analysis.measures import TRAITS, measure_run
from segloop.analysis.regions import KIND_RULES
from segloop.analysis.runs import Run
from segloop.analysis.suspects import Suspect
from segloop.data.groups import by_words, groups_of
from segloop.utils.errors import DataError, UserError
from segloop.viz.closeup import SPREAD

FloatArray = npt.NDArray[np.float64]

FORMAT = 1
MOST_CLASSES = 60  # that have columns and rankings of their own
RULES = {
    **scores.RULES,
    **scoring.RULES,
    "boundary": boundaries.RULE,
    "cost": ranking.GAIN_RULE,
    "mistakes": " ".join(f"{name}: {text}." for name, text in KIND_RULES.items()),
    "gain": breakdown.RULE,
    "calibration": calibration.RULE.format(bins=calibration.BINS),
    "suspicion": suspicion.RULE,
}


@dataclass(frozen=True, eq=False)
class Analysis:
    """A RUN, all numbers of it as `analysis.json` holds them, a row per image, and the suspects."""

    run: Run
    data_root: Path | None
    numbers: dict[str, Any]
    images: dict[str, list[Any]]  # columns of one length
    suspects: list[Suspect]
    errors: dict[str, ImageErrors] = field(default_factory=dict)  # of an instance RUN, by image


@dataclass(frozen=True, eq=False)
class Rank:
    """What images are ranked by, and what settles ties: wrong pixels, or objects."""

    values: FloatArray
    wrong: npt.NDArray[np.int64]
    descending: bool = False


def analyze(
    run: Run,
    *,
    data_root: Path | None = None,
    topk: int = 20,
    group: Mapping[str, Any] | None = None,
    repeats: int = bootstrap.REPEATS,
    seed: int = 0,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Analysis:
    """Measure every image of a RUN and say what follows. `topk` is how many images a ranking names."""
    require_semantic(run)
    names, background = run.class_names, run.background
    measures = measure_run(run, data_root=data_root, workers=workers, progress=progress)
    gathered = gather(measures, num_classes=len(names), background=background)
    _require_same_counts(run, gathered)
    groups = groups_of(gathered.image_ids, group)
    told, per_image = scoring.score(gathered, names, repeats=repeats, seed=seed, groups=groups)
    found = suspicion.find_suspects(gathered)
    confidence = _confidence(run)
    images, ranks = _images(run, gathered, per_image, found, confidence)
    rankings = {key: named(images, rank, topk=topk) for key, rank in ranks.items()}
    numbers: dict[str, Any] = {
        "format": FORMAT,
        "kind": run.kind,
        "run": run.name,
        "split": run.meta["split"],
        "data": run.meta["data"].get("name"),
        "images": len(gathered),
        "groups": None if groups is None else len(set(groups)),
        "without_labels": len(run.images) - len(gathered),
        "pixels": int(gathered.confusion.sum()),
        "class_names": names,
        "palette": palette_of(run),
        "background": background,
        "ignore_index": run.meta.get("ignore_index"),
        "notes": [*_notes(run, gathered), *bootstrap.notes(len(gathered), groups)],
        "scores": told,
        "mistakes": breakdown.break_down(gathered, names),
        "by_size": dependence.by_size(gathered, names),
        "bands": [
            {"name": band.name, "from": band.low, "to": band.high} for band in ranking.size_bands(gathered)
        ],
        "by_position": dependence.by_position(gathered),
        "by_traits": dependence.by_traits(gathered.traits, per_image["mDice_fg"], seed=seed, groups=groups),
        "calibration": _calibration(run, confidence),
        "rankings": rankings,
        "suspects": suspicion.as_rows(found[:topk], names),
        "rules": RULES
        | {"intervals": bootstrap.rule(repeats=repeats, seed=seed, groups=groups, by=by_words(group))},
    }
    if len(names) <= 20:
        numbers["confusion"] = gathered.confusion.tolist()
    return Analysis(run, data_root, plain(numbers), images, found)


def require_semantic(run: Run) -> None:
    """Refuse a RUN that this is not made for."""
    if run.kind != "semantic":
        raise UserError(
            f"{run.folder} is a RUN of kind {run.kind!r}; this analysis is made for semantic ones, "
            "which predict a class for each pixel."
        )
    if not run.class_names:
        raise DataError(f"{run.folder}: meta.json names no classes. Test the checkpoint again.")


def palette_of(run: Run) -> list[list[int]]:
    """Return a colour for each class: the data set's own, or ours."""
    names, given = run.class_names, run.meta.get("palette") or []
    return given if len(given) >= len(names) else [list(SPREAD[n % len(SPREAD)]) for n in range(len(names))]


def plain(value: Any) -> Any:
    """Return numbers as JSON has them: no NaN, nothing infinite, floats of six digits.

    >>> plain({"a": [float("nan"), float("inf"), 0.12345678]})
    {'a': [None, None, 0.123457]}
    """
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return round(float(value), 6) if math.isfinite(value) else None
    return value


def _confidence(run: Run) -> dict[str, np.ndarray] | None:
    """Return `confidence.npz`, if it fits the classes."""
    found = run.confidence
    if found is not None and len(found["counts"]) != len(run.class_names):
        raise DataError(f"{run.folder / 'confidence.npz'} has other classes than meta.json.")
    return found


def _calibration(run: Run, confidence: dict[str, np.ndarray] | None) -> dict[str, Any] | None:
    """Return what confidence was worth at the test, by the true pixels of then: labels may be others now."""
    if confidence is None:
        return None
    true_pixels = run.confusion.total().sum(axis=1)
    return calibration.calibrate(
        confidence, run.class_names, background=run.background, true_pixels=true_pixels
    )


def _require_same_counts(run: Run, gathered: Gathered) -> None:
    """Refuse masks that do not hold what was tested, though their files are the same."""
    if gathered.relabelled or len(gathered) != run.metrics.get("images", len(gathered)):
        return
    stored = run.confusion.total()
    if stored.shape != gathered.confusion.shape or not np.array_equal(stored, gathered.confusion):
        raise DataError(
            f"{run.folder}: the masks and predictions on disk do not give the counts that the test recorded. "
            "The pipeline of the test may have changed the labels (label_map), or the folder was edited."
        )


def _images(
    run: Run,
    gathered: Gathered,
    per_image: dict[str, FloatArray],
    found: list[Suspect],
    confidence: dict[str, np.ndarray] | None,
) -> tuple[dict[str, list[Any]], dict[str, Rank]]:
    """Return a column per fact of the images, and the rankings."""
    ids, names = gathered.image_ids, run.class_names
    dice = per_image["mDice_fg"]
    cost, surprise = ranking.gains(gathered), ranking.surprise(ids, confidence)
    wrong = ranking.wrong_pixels(gathered)
    ranks = {
        "worst": Rank(dice, wrong),
        "best": Rank(dice, wrong, descending=True),
        "costly": Rank(np.where(cost > 0, cost, np.nan), wrong, descending=True),
        "surprising": Rank(np.where(surprise > 0, surprise, np.nan), wrong, descending=True),
    }
    columns: dict[str, FloatArray] = {
        **{name: per_image[name] for name in ("mDice_fg", "mIoU_fg", "mBF_fg", "aAcc")},
        "cost": cost,
        "surprise": surprise,
        "loss": ranking.mean_loss(ids, confidence),
        "suspicion": suspicion.image_suspicion(found, ids),
    }
    for band in ranking.size_bands(gathered):
        recall = ranking.band_recall(gathered, band)
        columns[f"found_{band.name}"] = recall
        ranks[f"size:{band.name}"] = Rank(recall, wrong)
    columns |= dict(zip(TRAITS, gathered.traits.T, strict=True))
    for index, name in enumerate(names if len(names) <= MOST_CLASSES else ()):
        if index != gathered.background:
            of_class, wrong_there = ranking.class_dice(gathered, index)
            columns[f"Dice.{name}"] = of_class
            ranks[f"class:{name}"] = Rank(of_class, wrong_there)
    return {"image_id": list(ids), **{name: values.tolist() for name, values in columns.items()}}, ranks


def named(images: dict[str, list[Any]], rank: Rank, *, topk: int) -> list[dict[str, Any]]:
    """Return the first images of a ranking, for JSON."""
    ids = images["image_id"]
    places = ranking.order(rank.values, ids, descending=rank.descending, wrong=rank.wrong)[:topk]
    return [{"image_id": ids[place], "value": float(rank.values[place])} for place in places.tolist()]


def _notes(run: Run, gathered: Gathered) -> list[str]:
    """Say what a reader must know before he believes a number."""
    notes = []
    if run.meta["split"] == "train":
        notes.append(
            "The model was trained on these images: scores are too good, and mistakes of the labels were "
            "learnt. For suspects among them, train folds (kfold) and test each on what it did not see."
        )
    if gathered.relabelled:
        notes.append(
            f"The labels of {len(gathered.relabelled)} images are not those of the test any more. Scores and "
            "mistakes here are of the labels as they are now; calibration, surprise and loss are of the test."
        )
    without = len(run.images) - len(gathered)
    if without:
        notes.append(f"{without} images have no labels and are in no number here.")
    if run.meta.get("no_confidence"):
        notes.append(
            f"There is no confidence ({run.meta['no_confidence']}): suspects are ranked by size alone."
        )
    elif not (run.folder / "confidence").is_dir():
        notes.append("The RUN has no confidence of single pixels: test again for better suspects.")
    objects = gathered.sizes[:, :, 0].sum()
    if gathered.background is not None and not objects:
        notes.append("The truth of all images is empty: there is nothing to find, only to invent.")
    return notes
