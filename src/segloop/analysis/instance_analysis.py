"""Says in numbers what an instance RUN has to tell: scores, rankings, mistakes, suspects, dependence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segloop.analysis import bootstrap, instance_errors, instance_suspects
from segloop.analysis.analyze import FORMAT, MOST_CLASSES, Analysis, Rank, named, palette_of, plain
from segloop.analysis.calibration import BINS, RULE, calibration_error, reliability
from segloop.analysis.dependence import by_traits
from segloop.analysis.instance_gathering import GatheredObjects, gather_objects
from segloop.analysis.measures import TRAITS, measure_looks
from segloop.analysis.ranking import Band, bands_of
from segloop.analysis.runs import Run
from segloop.analysis.suspects import Suspect
from segloop.data.groups import by_words, groups_of
from segloop.utils.errors import DataError, UserError, listing
from segloop.viz.overlay import vivid

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def analyze_instances(
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
    """Go through the matches of an instance RUN and say what follows."""
    names = run.class_names
    scores = run.metrics["scores"]
    gathered = gather_objects(
        run.matches(),
        class_names=names,
        keys=list(scores),
        total=len(run.images),
        max_dets=run.max_dets,
        progress=progress,
    )
    if not len(gathered):
        raise UserError(f"{run.folder}: none of its images has labels, so there is nothing to compare with.")
    looks = measure_looks(run, data_root=data_root, workers=workers)
    for image_id in run.images["image_id"]:  # changed labels are told before the work, not at its end
        run.objects_file(image_id, data_root=data_root)
    suspects = instance_suspects.suspicions(gathered)
    groups = groups_of(gathered.image_ids, group)
    bounds = gathered.intervals.bounds(repeats=repeats, seed=seed, groups=groups)
    images, ranks, bands = _images(gathered, looks, suspects, names)
    quality = np.array(gathered.quality)
    nothing = float("nan"), float("nan")
    told: dict[str, Any] = {
        "format": FORMAT,
        "kind": run.kind,
        "run": run.name,
        "split": run.meta["split"],
        "data": run.meta["data"].get("name"),
        "images": len(gathered),
        "groups": None if groups is None else len(set(groups)),
        "without_labels": len(run.images) - len(gathered),
        "objects": gathered.sums.true,
        "class_names": names,
        "palette": vivid(palette_of(run)).round().astype(int).tolist(),  # as outlines are drawn
        "background": -1,  # what is no object
        "ignore_index": None,
        "notes": [*_notes(run, gathered), *bootstrap.notes(len(gathered), groups)],
        "scores": {key: [value, *bounds.get(key, nothing)] for key, value in scores.items()},
        "mistakes": instance_errors.break_down(gathered.sums),
        "classes": _classes(gathered, names),
        "by_size": _by_size(gathered, names),
        "bands": [{"name": band.name, "from": band.low, "to": band.high} for band in bands],
        "by_position": None,
        "by_traits": by_traits(_traits(gathered, looks), quality, seed=seed, groups=groups),
        "calibration": _calibration(gathered, names),
        "rankings": {key: named(images, rank, topk=topk) for key, rank in ranks.items()},
        "suspects": _rows(suspects[:topk], names),
        "rules": {
            **run.metrics.get("rules", {}),
            "quality": instance_errors.RULE,
            "kinds": " ".join(f"{kind}: {text}." for kind, text in instance_errors.KIND_RULES.items()),
            "intervals": bootstrap.rule(repeats=repeats, seed=seed, groups=groups, by=by_words(group))
            + " AP of very many objects is resampled less often, or has none.",
            "calibration": RULE.format(bins=BINS)
            .replace("pixels", "found objects")
            .replace("pixel", "object"),
            "suspicion": instance_suspects.RULE,
        },
    }
    if len(names) <= 20:
        told["confusion"] = gathered.confusion.tolist()
    kept = [
        Suspect(
            image_id=each.image_id,
            score=score,
            meaning=instance_suspects.MEANING[each.kind][0],
            truth=each.true_label,
            pred=each.label,
            area=each.pixels,
            confidence=each.score,
            box_xyxy=(0, 0, 0, 0),
            places=(each.truth, each.found),
        )
        for score, each in suspects
    ]
    by_image = dict(zip(gathered.image_ids, gathered.errors, strict=True))
    return Analysis(run, data_root, plain(told), images, kept, by_image)


def _notes(run: Run, gathered: GatheredObjects) -> list[str]:
    notes = []
    if run.meta["split"] == "train":
        notes.append(
            "The model was trained on these images: scores are too good, mistakes of the labels were learnt."
        )
    if not gathered.sums.true:
        notes.append("There is no true object in any image: there is nothing to find, only to invent.")
    return notes


def _images(
    gathered: GatheredObjects,
    looks: FloatArray,
    suspects: list[tuple[float, instance_suspects.Candidate]],
    names: list[str],
) -> tuple[dict[str, list[Any]], dict[str, Rank], list[Band]]:
    """Return a column per fact of the images, the rankings, and bands of object size."""
    ids = gathered.image_ids
    quality = np.array(gathered.quality)
    cost = instance_errors.costs(gathered.errors, gathered.sums)
    surprise = np.array(gathered.surprise)
    counts = np.array(gathered.class_counts, np.float64)  # [images, (IoU, true, found, wrong), classes]
    wrong = counts[:, 3].sum(axis=1).astype(np.int64)
    ranks = {
        "worst": Rank(quality, wrong),
        "best": Rank(quality, wrong, descending=True),
        "costly": Rank(np.where(cost > 0, cost, np.nan), wrong, descending=True),
        "surprising": Rank(np.where(surprise > 0, surprise, np.nan), wrong, descending=True),
    }
    columns: dict[str, FloatArray] = {
        "quality": quality,
        "foreground_IoU": np.array(gathered.foreground_iou),
        "cost": cost,
        "surprise": surprise,
        "suspicion": np.array(instance_suspects.suspicion_by_image(suspects, ids)),
        "wrong": wrong.astype(np.float64),
    }
    by_size = np.array(gathered.found_by_size)
    bands = bands_of(gathered.sizes[:, :, 0].sum(axis=0))
    for band in bands:
        there, found = by_size[:, band.first_bin : band.end_bin].sum(axis=1).T
        recall = np.divide(found, there, out=np.full(len(there), np.nan), where=there > 0)
        columns[f"found_{band.name}"] = recall
        ranks[f"size:{band.name}"] = Rank(recall, wrong)
    columns |= dict(zip(TRAITS, _traits(gathered, looks).T, strict=True))
    for index, name in enumerate(names if len(names) <= MOST_CLASSES else ()):
        whole = counts[:, 1, index] + counts[:, 2, index]
        own = np.divide(2 * counts[:, 0, index], whole, out=np.full(len(whole), np.nan), where=whole > 0)
        columns[f"quality.{name}"] = own
        ranks[f"class:{name}"] = Rank(own, counts[:, 3, index].astype(np.int64))
    return (
        {"image_id": list(ids), **{name: values.tolist() for name, values in columns.items()}},
        ranks,
        bands,
    )


def _traits(gathered: GatheredObjects, looks: FloatArray) -> FloatArray:
    """Return brightness, contrast, sharpness, number of objects and their share of the image."""
    by_id = {str(row[0]): row[1:] for row in looks}
    lost = sorted(set(gathered.image_ids) - set(by_id))
    if lost:
        raise DataError(f"images.csv lacks {len(lost)} of the images that were matched:\n{listing(lost)}")
    rows = np.array([by_id[image_id] for image_id in gathered.image_ids], np.float64)
    share = np.array(gathered.object_pixels) / np.maximum(rows[:, 3], 1)
    return np.column_stack([rows[:, :3], gathered.objects, share])


def _classes(gathered: GatheredObjects, names: list[str]) -> list[dict[str, Any]]:
    iou, true, found, _ = np.array(gathered.class_counts, np.float64).sum(axis=0)
    hits = gathered.sizes[:, :, 1].sum(axis=1)
    nan = float("nan")
    return [
        {
            "name": name,
            "index": index,
            "true": int(true[index]),
            "found": int(found[index]),
            "right": int(hits[index]),
            "quality": 2 * iou[index] / (true[index] + found[index]) if true[index] + found[index] else nan,
            "recall": hits[index] / true[index] if true[index] else nan,
            "precision": hits[index] / found[index] if found[index] else nan,
            "iou": iou[index] / hits[index] if hits[index] else nan,
        }
        for index, name in enumerate(names)
    ]


def _by_size(gathered: GatheredObjects, names: list[str]) -> list[dict[str, Any]]:
    sums = gathered.sizes.sum(axis=0)
    return [
        {
            "from": 2**place if place else 1,
            "to": 2 ** (place + 1),
            "objects": int(objects),
            "found": hit / objects,
            "mostly_found": hit / objects,
            "classes": {
                names[index]: float(of_class[1] / of_class[0])
                for index, of_class in enumerate(gathered.sizes[:, place])
                if of_class[0]
            },
        }
        for place, (objects, hit) in enumerate(sums.tolist())
        if objects
    ]


def _calibration(gathered: GatheredObjects, names: list[str]) -> dict[str, Any] | None:
    """Return whether scores mean what they say, and what a threshold of score would do, for JSON."""
    counts, sums = gathered.scored, gathered.score_sums
    number = int(counts.sum())
    if not number:
        return None
    objects, sure, right = reliability(counts.sum(axis=0), sums.sum(axis=0))
    above = counts.sum(axis=0)[:, ::-1].cumsum(axis=1)[:, ::-1]
    called = above.sum(axis=0)
    precision = np.divide(above[1], called, out=np.full(len(called), np.nan), where=called > 0)
    recall = above[1] / max(int(gathered.true_objects.sum()), 1)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.full(len(both), np.nan), where=both > 0)
    return {
        "ece": calibration_error(counts.sum(axis=0), sums.sum(axis=0)),
        "confidence": float(sums.sum() / number),
        "accuracy": float(counts[:, 1].sum() / number),
        "bins": {"pixels": objects.tolist(), "confidence": sure.tolist(), "accuracy": right.tolist()},
        "classes": [
            {
                "name": name,
                "ece": calibration_error(own, part),
                "pixels": int(own.sum()),
                "over": float((part.sum() - own[1].sum()) / own.sum()) if own.any() else float("nan"),
            }
            for name, own, part in zip(names, counts, sums, strict=True)
        ],
        "thresholds": {
            "from": (np.arange(counts.shape[2]) / counts.shape[2]).tolist(),
            "precision": precision.tolist(),
            "recall": recall.tolist(),
            "f1": f1.tolist(),
        },
    }


def _rows(
    suspects: list[tuple[float, instance_suspects.Candidate]], names: list[str]
) -> list[dict[str, Any]]:
    return [
        {
            "rank": rank,
            "image_id": each.image_id,
            "suspicion": round(score, 2),
            "kind": instance_suspects.MEANING[each.kind][0],
            "labelled": names[each.true_label] if each.true_label >= 0 else "",
            "predicted": names[each.label] if each.label >= 0 else "",
            "pixels": each.pixels,
            "confidence": round(each.score, 4),
            "text": instance_suspects.meaning(each, names)[1],
        }
        for rank, (score, each) in enumerate(suspects, start=1)
    ]
