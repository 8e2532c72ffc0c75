"""`matches.csv.gz` and `per_image.csv.gz` of instances, written and read one image at a time.

From these two files every score of `instance_scores` can be computed again, without a mask. `matches.csv.gz`
has a row for each pair of a found and a true object whose masks share a pixel (or whose boxes overlap by
half, in one class), one for each object that overlaps none, and one for an image without objects.
"""

from __future__ import annotations

import contextlib
import csv
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segloop.analysis.assignment import one_to_one
from segloop.analysis.matching import FOREGROUND, Found, ImageMatches, Pairs, Pixels, Truth
from segloop.utils.atomic import open_gzip
from segloop.utils.errors import FormatError, listing

if TYPE_CHECKING:
    import pandas as pd

MATCHES, PER_IMAGE = "matches.csv.gz", "per_image.csv.gz"
TEXTS = ("image_id", "predicted_class", "true_class", "class")
MATCH_COLUMNS = (
    "image_id",
    "prediction",  # place in the image's predictions, from 0
    "truth",
    "predicted_class",
    "true_class",
    "score",
    "iou",  # of masks, rounded: shared_pixels and the areas give it exactly
    "shared_pixels",
    "predicted_area",
    "true_area",
    "crowd",
    "kept",
    "ignored_pixels",  # of the prediction
    "box_iou",
    "box_area",  # of the prediction
    "coco_area",  # of the truth, where the file says other than true_area
)
IMAGE_COLUMNS = ("image_id", "class_index", "class", "truths", "predictions", "matched", "tp", "fp", "fn")
ROWS = 1 << 17  # read at a time


class MatchWriter:
    """Writes both files into a folder; use it as a context manager.

    >>> with MatchWriter(folder, class_names=["cell"]) as writer:  # doctest: +SKIP
    ...     writer.add(match(truth, found, image_id="a/1"))
    """

    def __init__(self, folder: Path, *, class_names: Sequence[str]) -> None:
        self.folder = folder
        self.class_names = list(class_names)

    def __enter__(self) -> MatchWriter:
        self._stack = contextlib.ExitStack()
        self._matches, self._images = (
            csv.writer(self._stack.enter_context(open_gzip(self.folder / name)), lineterminator="\n")
            for name in (MATCHES, PER_IMAGE)
        )
        self._matches.writerow(MATCH_COLUMNS)
        self._images.writerow(IMAGE_COLUMNS)
        return self

    def __exit__(self, *reason: Any) -> None:
        self._stack.__exit__(*reason)

    def add(self, matches: ImageMatches) -> None:
        """Write an image."""
        self._matches.writerows(match_rows(matches, self.class_names))
        self._images.writerows(image_rows(matches, self.class_names))


def match_rows(matches: ImageMatches, class_names: Sequence[str]) -> Iterator[list[Any]]:
    """Yield the rows of an image in `matches.csv.gz`: pairs, predictions alone, truths alone."""
    pairs = matches.pairs
    predictions = _prediction_cells(matches, class_names)
    truths = _truth_cells(matches, class_names)
    columns = (pairs.found, pairs.truth, matches.ious(), pairs.shared, pairs.box_ious)
    for found, true, iou, shared, box_iou in zip(*(each.tolist() for each in columns), strict=True):
        yield _row(matches, found, true, predictions[found], truths[true], f"{iou:.6f}", shared, box_iou)
    for found in np.setdiff1d(np.arange(len(matches.found)), pairs.found).tolist():
        yield _row(matches, found, "", predictions[found], [""] * 4)
    for true in np.setdiff1d(np.arange(len(matches.truth)), pairs.truth).tolist():
        yield _row(matches, "", true, [""] * 6, truths[true])
    if not len(matches.found) and not len(matches.truth):
        yield _row(matches, "", "", [""] * 6, [""] * 4)


def _row(
    matches: ImageMatches,
    found: int | str,
    true: int | str,
    prediction: list[Any],
    truth: list[Any],
    iou: str = "",
    shared: int | str = "",
    box_iou: float | str = "",
) -> list[Any]:
    name, score, area, kept, ignored, box_area = prediction
    true_name, true_area, crowd, coco_area = truth
    return [
        *(matches.image_id, found, true, name, true_name, score, iou, shared, area, true_area),
        *(crowd, kept, ignored, box_iou, box_area, coco_area),
    ]


def _prediction_cells(matches: ImageMatches, class_names: Sequence[str]) -> list[list[Any]]:
    found = matches.found
    columns = (found.scores, found.areas, found.kept.astype(int), found.ignored, found.box_areas)
    names = [class_names[label] for label in found.labels.tolist()]
    return [list(each) for each in zip(names, *(column.tolist() for column in columns), strict=True)]


def _truth_cells(matches: ImageMatches, class_names: Sequence[str]) -> list[list[Any]]:
    truth = matches.truth
    names = [class_names[label] for label in truth.labels.tolist()]
    columns = (truth.areas, truth.crowd.astype(int), truth.coco_areas)
    return [
        [name, area, crowd, "" if said == area else said]
        for name, area, crowd, said in zip(names, *(column.tolist() for column in columns), strict=True)
    ]


def image_rows(matches: ImageMatches, class_names: Sequence[str]) -> Iterator[list[Any]]:
    """Yield the rows of an image in `per_image.csv.gz`: of each class that it has, and last of all together.

    `matched` are the pairs of one class at IoU > 0.5; `tp`, `fp` and `fn` are pixels of the united masks.
    """
    truth, found, pixels = matches.truth, matches.found, matches.pixels
    if pixels is None:
        raise ValueError("the united pixels are not known: other objects were kept than matched")
    sides = (
        truth.labels[~truth.crowd],
        found.labels[found.kept],
        truth.labels[one_to_one(matches, same_class=True).truth],
    )
    counts = {int(label): [0, 0, 0] for label in np.unique(np.concatenate([*sides, pixels.labels]))}
    for place, labels in enumerate(sides):
        for label in labels.tolist():
            counts[label][place] += 1
            counts[FOREGROUND][place] += 1
    columns = (pixels.labels, pixels.tp, pixels.fp, pixels.fn)
    by_label = {label: rest for label, *rest in zip(*(each.tolist() for each in columns), strict=True)}
    for label in [*(each for each in counts if each != FOREGROUND), FOREGROUND]:
        name = class_names[label] if label != FOREGROUND else ""
        yield [matches.image_id, label, name, *counts[label], *by_label.get(label, [0, 0, 0])]


def read_matches(folder: Path, *, class_names: Sequence[str]) -> Iterator[ImageMatches]:
    """Yield the images of a RUN as they were written; a FormatError tells what is wrong with the files.

    >>> for matches in read_matches(run.folder, class_names=run.class_names):  # doctest: +SKIP
    ...     scorer.add(matches)
    """
    places = {name: place for place, name in enumerate(class_names)}
    tables = _images_of(folder / MATCHES, MATCH_COLUMNS), _images_of(folder / PER_IMAGE, IMAGE_COLUMNS)
    while True:
        (image_id, rows), (other_id, counts) = (next(table, ("", None)) for table in tables)
        if rows is None and counts is None:
            return
        if rows is None or counts is None or image_id != other_id:
            raise FormatError(
                f"the image {image_id or other_id!r} is not in the same place as in {PER_IMAGE}",
                file=folder / MATCHES,
            )
        try:
            yield _matches_of(image_id, rows, counts, places)
        except (ValueError, IndexError) as error:
            raise FormatError(str(error), file=folder / MATCHES, where=f"image {image_id!r}") from None


def _images_of(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the rows of one image after the other; the rows of an image stand together."""
    import pandas as pd

    kinds: Any = {name: str if name in TEXTS else np.float64 for name in columns}
    empty = {name: [""] for name in columns if name not in TEXTS}
    try:
        # An image may be called 0001, a class NA: nothing may be guessed of them.
        chunks = pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values=empty, chunksize=ROWS)
        rest: pd.DataFrame | None = None
        with chunks:
            for chunk in chunks:
                if list(chunk.columns) != list(columns):
                    raise FormatError(f"the columns are not\n{listing(columns, most=20)}", file=path)
                table = chunk if rest is None else pd.concat([rest, chunk], ignore_index=True)
                ids = table["image_id"].to_numpy(object)
                heads = [0, *(np.flatnonzero(ids[1:] != ids[:-1]) + 1).tolist()]
                for begin, end in pairwise(heads):
                    yield ids[begin], table.iloc[begin:end]
                rest = table.iloc[heads[-1] :]
        if rest is not None and len(rest):
            yield str(rest["image_id"].iloc[0]), rest
    except FileNotFoundError:
        raise FormatError("the file is missing", file=path) from None
    except (ValueError, EOFError, OSError, zlib.error) as error:
        raise FormatError(f"not a table ({error})", file=path) from None


def _matches_of(
    image_id: str, rows: pd.DataFrame, counts: pd.DataFrame, places: dict[str, int]
) -> ImageMatches:
    """Put an image together from its rows."""
    number = {name: rows[name].to_numpy(np.float64) for name in MATCH_COLUMNS if name not in TEXTS}
    found = np.where(np.isnan(number["prediction"]), -1, number["prediction"]).astype(np.int64)
    true = np.where(np.isnan(number["truth"]), -1, number["truth"]).astype(np.int64)
    said = np.where(np.isnan(number["coco_area"]), number["true_area"], number["coco_area"])
    has_found, first_found = _firsts(found)
    has_true, first_true = _firsts(true)
    if len(has_found) != found.max() + 1 or len(has_true) != true.max() + 1:
        raise ValueError("not all objects have a row")

    def real(name: str, at: np.ndarray) -> np.ndarray:
        values = number[name][at]
        if not np.all(values >= 0):  # NaN is not, either
            raise ValueError(f"{name} is no number from 0 on")
        return values

    def whole(name: str, at: np.ndarray) -> np.ndarray:
        return real(name, at).astype(np.int64)

    def labels(name: str, at: np.ndarray) -> np.ndarray:
        names = rows[name].to_numpy(object)[at].tolist()
        unknown = sorted(set(names) - set(places))
        if unknown:
            raise ValueError(f"unknown class {unknown[0]!r}")
        return np.array([places[each] for each in names], np.int64)

    both = np.flatnonzero((found >= 0) & (true >= 0))
    both = both[np.lexsort((found[both], true[both]))]
    if np.any((np.diff(found[both]) == 0) & (np.diff(true[both]) == 0)):
        raise ValueError("a pair of objects has two rows")
    table = counts[["class_index", "tp", "fp", "fn"]].to_numpy(np.float64).T
    if np.isnan(table).any() or (table[1:] < 0).any() or len(np.unique(table[0])) != table.shape[1]:
        raise ValueError(f"its rows in {PER_IMAGE} are not one a class, with counts of pixels")
    pixels = list(table.astype(np.int64))
    if pixels[0][-1] != FOREGROUND:
        raise ValueError(f"its last row in {PER_IMAGE} is not the one of all classes together")
    seen = (pixels[0] == FOREGROUND) | (pixels[1] + pixels[2] + pixels[3] > 0)
    matches = ImageMatches(
        image_id,
        Truth(
            labels("true_class", first_true),
            whole("true_area", first_true),
            said[first_true],
            real("crowd", first_true) > 0,
        ),
        Found(
            labels("predicted_class", first_found),
            real("score", first_found),
            whole("predicted_area", first_found),
            real("box_area", first_found),
            whole("ignored_pixels", first_found),
            real("kept", first_found) > 0,
        ),
        Pairs(true[both], found[both], whole("shared_pixels", both), real("box_iou", both)),
        Pixels(*(each[seen] for each in pixels)),
    )
    classes = {*matches.truth.labels[~matches.truth.crowd], *matches.found.labels[matches.found.kept]}
    if not classes <= set(pixels[0].tolist()):
        raise ValueError(f"a class of its objects has no row in {PER_IMAGE}")
    return matches


def _firsts(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the objects that rows are of, ascending, and the first row of each."""
    objects, first = np.unique(places, return_index=True)
    return objects[objects >= 0], first[objects >= 0]


def to_record(matches: ImageMatches) -> dict[str, Any]:
    """Return an image's matches as lists and numbers, for JSON."""
    parts = {name: getattr(matches, name) for name in ("truth", "found", "pairs", "pixels")}
    return {"image_id": matches.image_id} | {
        name: None if part is None else {key: value.tolist() for key, value in vars(part).items()}
        for name, part in parts.items()
    }


def from_record(record: dict[str, Any]) -> ImageMatches:
    """Return what `to_record` was given."""
    reals = {"coco_areas", "scores", "box_areas", "box_ious"}

    def part(kind: Any, name: str) -> Any:
        if record[name] is None:
            return None
        kinds = {
            key: np.float64 if key in reals else bool if key in ("crowd", "kept") else np.int64
            for key in record[name]
        }
        return kind(**{key: np.array(value, kinds[key]) for key, value in record[name].items()})

    return ImageMatches(
        record["image_id"],
        part(Truth, "truth"),
        part(Found, "found"),
        part(Pairs, "pairs"),
        part(Pixels, "pixels"),
    )
