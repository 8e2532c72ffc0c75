"""Opens single images of a RUN to be drawn: picture, truth and prediction, of index masks or of objects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from segloop.analysis.analyze import Analysis, palette_of
from segloop.analysis.instance_errors import SPARED
from segloop.analysis.match_file import MATCHES
from segloop.analysis.measures import read_truth
from segloop.analysis.suspects import Suspect
from segloop.data.index_masks import read_index_mask
from segloop.data.masks import Runs, areas, boxes_xyxy, paint
from segloop.data.true_objects import CocoObjects
from segloop.utils.errors import DataError, FormatError
from segloop.viz.closeup import read_rgb
from segloop.viz.error_pictures import Case


def open_case(analysis: Analysis, image_id: str) -> Case:
    """Read an image with what is true and what was predicted."""
    if analysis.run.kind == "instance":
        return _objects(analysis, image_id)
    run, root = analysis.run, analysis.data_root
    image = _picture(run.image_file(image_id, data_root=root), image_id)
    truth = run.truth_file(image_id, data_root=root)
    if truth is None:
        raise DataError(f"{image_id} has no labels.", image_id=image_id)
    mask = read_truth(truth, reduce=bool(run.meta.get("reduce_zero_label")))
    if image.shape[:2] != mask.shape:
        raise DataError(f"{image_id}: the picture and its mask have different sizes.", image_id=image_id)
    pred = read_index_mask(run.prediction_file(image_id))
    ignore = run.meta.get("ignore_index")
    return Case(
        image_id, image, mask, pred, run.class_names, palette_of(analysis.run), run.background, ignore
    )


def suspect_box(analysis: Analysis, suspect: Suspect) -> tuple[int, int, int, int]:
    """Return the box of a suspect, left, top, right, bottom: of an object, that of its mask."""
    truth, found = suspect.places
    if truth < 0 and found < 0:
        return suspect.box_xyxy
    true_runs, found_runs, size_hw = _runs(analysis, suspect.image_id)
    runs = found_runs[found] if found >= 0 else true_runs[truth][0]
    left, top, right, bottom = np.asarray(boxes_xyxy([runs], size_hw))[0].tolist()
    return int(left), int(top), int(right), int(bottom)


def _objects(analysis: Analysis, image_id: str) -> Case:
    run = analysis.run
    image = _picture(run.image_file(image_id, data_root=analysis.data_root), image_id)
    true_runs, found_runs, size_hw = _runs(analysis, image_id)
    if image.shape[:2] != size_hw:
        raise DataError(f"{image_id}: the picture is not as large as its labels.", image_id=image_id)
    nothing = len(run.class_names)
    found = run.found(image_id)
    if len(found) != len(analysis.errors[image_id].kinds):
        raise FormatError(
            f"{image_id} has {len(found)} objects here and {len(analysis.errors[image_id].kinds)} in "
            f"{MATCHES}; test again",
            file=run.results.path,
        )
    shown = np.flatnonzero(analysis.errors[image_id].kinds != SPARED).tolist()
    sides = (
        [(runs, label) for runs, label, crowd in true_runs if not crowd],
        [(found_runs[place], int(found.labels[place])) for place in shown],
    )
    maps = [_maps(side, size_hw, nothing=nothing) for side in sides]
    palette = [*palette_of(analysis.run), (0, 0, 0)]
    names = [*run.class_names, "nothing"]
    (truth, true_objects), (pred, found_objects) = maps
    return Case(image_id, image, truth, pred, names, palette, nothing, None, (true_objects, found_objects))


def _maps(
    objects: Sequence[tuple[Runs, int]], size_hw: tuple[int, int], *, nothing: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return maps of classes and of objects, the smaller over the larger."""
    order = np.argsort(-np.asarray(areas([runs for runs, _ in objects])), kind="stable").tolist()
    runs = [objects[place][0] for place in order]
    classes, numbers = np.full(size_hw, nothing, np.int32), np.zeros(size_hw, np.int32)
    paint(runs, [objects[place][1] for place in order], classes)
    paint(runs, [place + 1 for place in order], numbers)
    return classes, numbers


def _runs(
    analysis: Analysis, image_id: str
) -> tuple[list[tuple[Runs, int, bool]], Sequence[Runs], tuple[int, int]]:
    """Return the true objects, run lengths, class and crowd, and the run lengths of found ones."""
    run = analysis.run
    row: Any = run.images.loc[image_id]
    size_hw = int(row["height"]), int(row["width"])
    file = run.objects_file(image_id, data_root=analysis.data_root)
    if file is None:
        raise DataError(f"{image_id} has no labels.", image_id=image_id)
    places: dict[Any, int] = {number: place for place, number in enumerate(run.meta["category_ids"])}
    listed = _coco(file, file.stat().st_mtime_ns, run.meta.get("join")).of(row["coco_id"], size_hw)
    true = [(runs, places[category], crowd) for category, runs, crowd in listed if category in places]
    return true, run.found(image_id).runs, size_hw


@lru_cache(maxsize=2)
def _coco(file: Path, changed_ns: int, join: str | None) -> CocoObjects:
    """Return the objects of a file as it is since a time: the app outlives the labels that it began with."""
    return CocoObjects(file, join=join)


def _picture(file: Path, image_id: str) -> np.ndarray:
    image = read_rgb(file)
    if image is None:
        raise DataError(f"{file} cannot be read.", image_id=image_id)
    return image
