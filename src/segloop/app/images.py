"""A RUN as a table of images that can be asked: scores, classes, sizes, cells of the confusion."""

from __future__ import annotations

import contextlib
import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segloop.analysis.confusion_file import DAMAGE
from segloop.analysis.counts import ClassCounts
from segloop.analysis.instance_errors import RIGHT, SPARED, confused, find_errors, image_quality
from segloop.analysis.matching import ImageMatches
from segloop.analysis.ranking import order, surprise
from segloop.analysis.runs import Run
from segloop.analysis.scores import class_scores, image_scores
from segloop.utils.atomic import open_atomic
from segloop.utils.errors import UserError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

SCORES = {"semantic": "mDice_fg", "instance": "quality"}  # what images are ranked by
SIZES = {"semantic": "pixels of a class in an image", "instance": "pixels of an object"}
OF_ANALYSIS = ("suspicion", "cost")  # known where tools/analyze.py was run
FORMAT = 2  # of the kept arrays
PIECE = 2**21


@dataclass(frozen=True, eq=False)
class ImageTable:
    """The images of a RUN that have a truth; places below are places in `ids`.

    `score` [images] and `class_scores` [images, classes] are fractions, NaN where there is nothing to judge.
    `cells` are image, true class, predicted class and count [4, n], of pixels or of objects; of objects the
    class after the last is none at all. `things` are image, class and pixels [3, n] of what is to be found.
    `ranks` holds further values by name [images], where they are known; `kinds` says of an instance RUN what
    became of each found object, by image.
    """

    kind: str
    ids: list[str]
    class_names: list[str]
    background: int | None
    score: FloatArray
    class_scores: FloatArray
    wrong: IntArray
    cells: IntArray
    things: IntArray
    ranks: dict[str, FloatArray] = field(default_factory=dict)
    kinds: dict[str, IntArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def foreground(self) -> list[str]:
        """The classes that something is found of."""
        return [name for place, name in enumerate(self.class_names) if place != self.background]

    @property
    def cell_names(self) -> list[str]:
        """The names of the rows and columns of the confusion, each another."""
        nothing = "nothing"
        while nothing in self.class_names:
            nothing = f"({nothing})"
        return [*self.class_names, nothing] if self.kind == "instance" else list(self.class_names)

    def confusion(self) -> IntArray:
        """Return the confusion over all images, [truth, prediction]."""
        total = np.zeros((len(self.cell_names),) * 2, np.int64)
        np.add.at(total, (self.cells[1], self.cells[2]), self.cells[3])
        return total

    def orders(self) -> dict[str, str]:
        """Return the orders that can be asked for, and what each is called."""
        told = {"worst": "worst first", "best": "best first"}
        told |= {"suspected": "labels most suspect first"} if "suspicion" in self.ranks else {}
        told |= {"costly": "what costs most first"} if "cost" in self.ranks else {}
        told |= {"surprising": "surest mistakes first"} if "surprise" in self.ranks else {}
        return told | {"name": "by name"}


@dataclass(frozen=True)
class Query:
    """Which images are wanted, in which order.

    `classes` are names: an image has one of them in truth or prediction. `scores` are bounds of the score of
    the image, or of the class where just one is asked for; `pixels` bounds of what is to be found, of the
    classes if any are named. `cell` is a true and a predicted class: images with it, those with most first.
    """

    order: str = "worst"
    classes: tuple[str, ...] = ()
    scores: tuple[float, float] = (0.0, 1.0)
    pixels: tuple[int | None, int | None] = (None, None)
    cell: tuple[str, str] | None = None
    text: str = ""


def select(table: ImageTable, query: Query) -> IntArray:
    """Return the places of the images that are wanted, in order.

    An image without a score comes last where scores rank, and is out where one is asked for.
    """
    kept = np.ones(len(table), bool)
    chosen = [table.class_names.index(name) for name in query.classes]
    values = table.class_scores[:, chosen[0]] if len(chosen) == 1 else table.score
    if chosen:
        there = np.isin(table.cells[1:3], chosen).any(axis=0)
        kept &= _has(table, table.cells[0][there])
    low, high = query.scores
    if (low, high) != (0.0, 1.0):
        with np.errstate(invalid="ignore"):
            kept &= (values >= low) & (values <= high)
    if query.pixels != (None, None):
        kept &= _sized(table, chosen, *query.pixels)
    if query.text:
        kept &= np.array([query.text.casefold() in each.casefold() for each in table.ids], bool)
    if query.cell is not None:
        weight = in_cell(table, *query.cell)
        kept &= weight > 0
        ranked = order(weight.astype(np.float64), table.ids, descending=True)
    else:
        ranked = _ordered(table, values, query.order)
    return ranked[kept[ranked]]


def in_cell(table: ImageTable, truth: str, pred: str) -> IntArray:
    """Return how many pixels, or objects, of each image lie in a cell of the confusion, [images]."""
    names = table.cell_names
    here = (table.cells[1] == names.index(truth)) & (table.cells[2] == names.index(pred))
    return np.bincount(table.cells[0][here], weights=table.cells[3][here], minlength=len(table)).astype(
        np.int64
    )


def read_table(run: Run, *, cache: Path | None = None) -> ImageTable:
    """Read the tables of a RUN, of index masks or of objects, and what an analysis adds to them.

    Of objects that takes 4 ms an image, so it is kept in the folder `cache` for the next time.
    """
    if run.kind not in SCORES:
        raise UserError(f"{run.folder}: of a RUN of kind {run.kind!r} the scores of images are not known.")
    table = _semantic(run) if run.kind == "semantic" else _instance(run, cache)
    if not len(table):
        raise UserError(f"{run.folder}: none of its images has labels, so there is nothing to compare with.")
    table.ranks.update(_of_analysis(run.folder / "analysis" / "images.csv", table.ids))
    known = {name: values for name, values in table.ranks.items() if not np.isnan(values).all()}
    table.ranks.clear()
    table.ranks.update(known)
    return table


def _has(table: ImageTable, places: IntArray) -> npt.NDArray[np.bool_]:
    return np.bincount(places, minlength=len(table)) > 0


def _sized(
    table: ImageTable, chosen: Sequence[int], low: int | None, high: int | None
) -> npt.NDArray[np.bool_]:
    image, label, pixels = table.things
    wanted = np.isin(label, chosen) if chosen else label != table.background
    wanted &= pixels >= (low or 0)
    if high is not None:
        wanted &= pixels <= high
    return _has(table, image[wanted])


def _ordered(table: ImageTable, values: FloatArray, name: str) -> IntArray:
    if name == "name":
        return np.argsort(np.array(table.ids, np.str_), kind="stable")
    keys = {"suspected": "suspicion", "costly": "cost", "surprising": "surprise"}
    down = name != "worst"
    if name in keys:
        values = table.ranks.get(keys[name], np.full(len(table), np.nan))
    ranked = order(values, table.ids, descending=down, wrong=table.wrong)
    rest = np.flatnonzero(~np.isin(np.arange(len(table)), ranked))
    return np.concatenate([ranked, rest])


def _semantic(run: Run) -> ImageTable:
    ids, counts = run.counts()
    # per_image leaves the ids in the order of confusion.npz, whose entries are read here
    parts = [(place, each) for place, each in enumerate(run.confusion) if each.count.size]
    cells: IntArray = np.zeros((4, 0), np.int64)
    if parts:
        owner = np.repeat([place for place, _ in parts], [each.count.size for _, each in parts])
        rest = [
            np.concatenate([getattr(each, name) for _, each in parts]) for name in ("truth", "pred", "count")
        ]
        cells = np.stack([owner, *rest]).astype(np.int64)
    true = counts.tp + counts.fn
    image, label = np.nonzero(true)
    return ImageTable(
        kind=run.kind,
        ids=ids,
        class_names=run.class_names,
        background=run.background,
        score=_in_pieces(counts, lambda piece: image_scores(piece, background=run.background)["mDice_fg"]),
        class_scores=_in_pieces(counts, lambda piece: class_scores(piece).dice),
        wrong=counts.fn.sum(axis=1),
        cells=cells,
        things=np.stack([image, label, true[image, label]]),
        ranks={"surprise": surprise(ids, run.confidence)},
    )


def _in_pieces(counts: ClassCounts, score: Any) -> FloatArray:
    step = max(1, PIECE // max(1, counts.tp.shape[1]))
    pieces = [
        score(ClassCounts(*(part[begin : begin + step] for part in (counts.tp, counts.fp, counts.fn))))
        for begin in range(0, len(counts.tp), step)
    ]
    return np.concatenate(pieces) if pieces else np.zeros(0)


class _Objects:
    """Takes in the matches of an instance RUN, image by image."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.ids: list[str] = []
        self.quality: list[float] = []
        self.by_class: list[FloatArray] = []
        self.wrong: list[int] = []
        self.surprise: list[float] = []
        self.cells: list[IntArray] = []
        self.things: list[IntArray] = []
        self.kinds: list[IntArray] = []

    def add(self, matches: ImageMatches) -> None:
        truth, found = matches.truth, matches.found
        errors = find_errors(matches)
        place, nothing = len(self.ids), self.num_classes
        kept, right = errors.kinds != SPARED, errors.kinds == RIGHT
        true, pred = confused(matches, errors, nothing=nothing)
        values, number = np.unique(true * (nothing + 1) + pred, return_counts=True)
        self.cells.append(np.stack([np.full(len(values), place), *np.divmod(values, nothing + 1), number]))
        sums = np.zeros((3, nothing))
        np.add.at(sums[0], found.labels[right], errors.overlaps[right])
        np.add.at(sums[1], truth.labels[errors.counted], 1)
        np.add.at(sums[1], found.labels[kept], 1)
        whole = sums[1]
        self.by_class.append(np.divide(2 * sums[0], whole, out=np.full(nothing, np.nan), where=whole > 0))
        there = np.flatnonzero(errors.counted)
        self.things.append(np.stack([np.full(len(there), place), truth.labels[there], truth.areas[there]]))
        wrong = kept & ~right
        self.wrong.append(int(wrong.sum()) + int((errors.counted & ~errors.hit).sum()))
        self.surprise.append(float(found.scores[wrong].sum()) / max(int(kept.sum()), 1))
        self.quality.append(image_quality(errors))
        self.ids.append(matches.image_id)
        self.kinds.append(errors.kinds)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all of it as arrays, to be kept."""
        return {
            "format": np.array(FORMAT),
            "ids": np.array(self.ids, np.str_),
            "quality": np.array(self.quality, np.float64),
            "by_class": np.array(self.by_class, np.float64),
            "wrong": np.array(self.wrong, np.int64),
            "surprise": np.array(self.surprise, np.float64),
            "cells": _joined(self.cells, 4),
            "things": _joined(self.things, 3),
            "kinds": np.concatenate([*self.kinds, np.zeros(0, np.int64)]).astype(np.int64),
            "ends": np.cumsum([len(each) for each in self.kinds], dtype=np.int64),
        }


def _instance(run: Run, cache: Path | None) -> ImageTable:
    digest = hashlib.sha256((run.folder / "meta.json").read_bytes()).hexdigest()  # another test, another time
    file = None if cache is None else cache / f"{digest[:32]}.npz"
    arrays = _kept(file)
    if arrays is None:
        objects = _Objects(len(run.class_names))
        for matches in run.matches():
            objects.add(matches)
        arrays = objects.arrays()
        if file is not None:
            with contextlib.suppress(OSError), open_atomic(file, "wb") as stream:  # a disk may be full
                np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    ids = arrays["ids"].tolist()
    kinds = np.split(arrays["kinds"], arrays["ends"][:-1]) if ids else []
    return ImageTable(
        kind=run.kind,
        ids=ids,
        class_names=run.class_names,
        background=None,
        score=arrays["quality"],
        class_scores=arrays["by_class"].reshape(-1, len(run.class_names)),
        wrong=arrays["wrong"],
        cells=arrays["cells"],
        things=arrays["things"],
        ranks={"surprise": arrays["surprise"]},
        kinds=dict(zip(ids, kinds, strict=True)),
    )


def _kept(file: Path | None) -> dict[str, np.ndarray] | None:
    """Return the arrays of an earlier reading; None where there are none, or a damaged file."""
    try:
        with (file or Path()).open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            found = dict(arrays)
            return found if int(found["format"]) == FORMAT else None
    except (ValueError, KeyError, *DAMAGE):
        return None


def _joined(parts: Iterable[IntArray], rows: int) -> IntArray:
    parts = list(parts)
    return np.concatenate(parts, axis=1).astype(np.int64) if parts else np.zeros((rows, 0), np.int64)


def _of_analysis(file: Path, ids: Sequence[str]) -> dict[str, FloatArray]:
    """Return the columns that only an analysis knows; nothing where there is none, or one of other images."""
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            rows = {row["image_id"]: row for row in csv.DictReader(stream)}
        return {
            name: np.array([float(rows[each][name] or "nan") for each in ids], np.float64)
            for name in OF_ANALYSIS
        }
    except (OSError, KeyError, ValueError):
        return {}
