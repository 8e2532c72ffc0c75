"""Writes the tables of a RUN folder, image by image, in a partial folder that is renamed when it is whole."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any

import numpy as np

from segloop.analysis.confusion_file import ConfusionWriter, write_arrays
from segloop.analysis.counts import ClassCounts
from segloop.analysis.scores import RULES, ImageMeans, set_scores
from segloop.utils.atomic import open_gzip
from segloop.utils.errors import DataError

STALE_S = 3600.0  # a partial folder that nobody wrote to for an hour belongs to a test that was killed


@dataclass(frozen=True)
class ImageRow:
    """One line of `images.csv`; paths are relative to the root of the data set."""

    image_id: str
    image: str
    truth: str
    height: int
    width: int
    sha256: str
    truth_sha256: str


def open_partial(folder: Path) -> Path:
    """Make a hidden folder beside `folder` to write a RUN in; clear away what killed tests left there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for old in folder.parent.glob(f".{folder.name}.old-*"):
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:  # killed between the two renames of `commit`: the former RUN is still whole
            old.rename(folder)
    for left in folder.parent.glob(f".{folder.name}.partial-*"):
        if time.time() - _last_touched(left) > STALE_S:
            shutil.rmtree(left, ignore_errors=True)
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    return partial


def _last_touched(folder: Path) -> float:
    times = [0.0]
    for item in (folder, *folder.glob("records-*")):
        with contextlib.suppress(OSError):  # its owner may be renaming it right now
            times.append(item.stat().st_mtime)
    return max(times)


def commit(partial: Path, folder: Path) -> None:
    """Put the finished partial folder in the place of `folder`."""
    old = folder.with_name(f".{folder.name}.old-{os.getpid()}")
    if folder.exists():
        folder.rename(old)  # a folder with files in it cannot be replaced in one step
    partial.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


class Spool:
    """What one process recorded of its images, as JSON lines in the order of the test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.write_text("", encoding="utf-8")
        self._images: dict[str, str] = {}

    def is_new(self, row: ImageRow) -> bool:
        """Return whether this image comes for the first time; two images of one id are refused."""
        first = self._images.get(row.image_id)
        if first not in (None, row.image):
            raise _same_id(row.image_id, str(first), row.image)
        self._images[row.image_id] = row.image
        return first is None

    def append(self, row: ImageRow, data: dict[str, Any]) -> None:
        """Record one image."""
        line = json.dumps({"row": asdict(row), "data": data})
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(f"{line}\n")


class SpooledImages:
    """All images that the processes of a test spooled, in the order of their ids, read one at a time."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = sorted(paths)
        self._places: dict[str, tuple[int, int]] = {}
        images: dict[str, str] = {}
        for number, path in enumerate(self._paths):
            with path.open("rb") as file:
                offset = 0
                for line in file:
                    row = json.loads(line)["row"]
                    first = images.setdefault(row["image_id"], row["image"])
                    if first != row["image"]:
                        raise _same_id(row["image_id"], first, row["image"])
                    self._places.setdefault(row["image_id"], (number, offset))
                    offset += len(line)

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[tuple[ImageRow, dict[str, Any]]]:
        with contextlib.ExitStack() as stack:
            files: list[IO[bytes]] = [stack.enter_context(path.open("rb")) for path in self._paths]
            for image_id in sorted(self._places):
                number, offset = self._places[image_id]
                files[number].seek(offset)
                record = json.loads(files[number].readline())
                yield ImageRow(**record["row"]), record["data"]


def write_images(path: Path, images: SpooledImages, *, extra: Sequence[str] = ()) -> None:
    """Write `images.csv`; `extra` columns come from what was recorded of each image."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*(field.name for field in fields(ImageRow)), *extra])
        for row, data in images:
            table.writerow([*asdict(row).values(), *(data[name] for name in extra)])


def write_semantic_tables(
    folder: Path, images: SpooledImages, *, class_names: Sequence[str], background: int | None
) -> dict[str, Any]:
    """Write `per_image.csv.gz` and `confusion.npz`; return the scores for `metrics.json`, as fractions."""
    num_classes = len(class_names)
    total = np.zeros((3, num_classes), np.int64)
    means = ImageMeans(class_names=class_names, background=background)
    confusion = ConfusionWriter(folder / "confusion.npz", num_classes=num_classes)
    counted = 0
    with open_gzip(folder / "per_image.csv.gz") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["image_id", "class_index", "class", "tp", "fp", "fn"])
        for row, data in images:
            if data.get("pairs") is None:
                continue
            truth, pred, count = (np.array(part, np.int64) for part in data["pairs"])
            confusion.add(row.image_id, truth, pred, count)
            counts = counts_of_pairs(truth, pred, count, num_classes=num_classes)
            for index in np.flatnonzero(counts.any(axis=0)).tolist():
                table.writerow([row.image_id, index, class_names[index], *counts[:, index].tolist()])
            means.add(ClassCounts(*counts[:, None]))
            total += counts
            counted += 1
    confusion.close()
    scores = set_scores(ClassCounts(*total), class_names=class_names, background=background)
    return {
        "scores": without_nan(scores),
        "image_means": without_nan(means.scores()),
        "rules": RULES,
        "images": counted,
        "pixels": int((total[0] + total[2]).sum()),
    }


def counts_of_pairs(
    truth: np.ndarray, pred: np.ndarray, count: np.ndarray, *, num_classes: int
) -> np.ndarray:
    """Return tp, fp and fn as int64 [3, classes] from one image's pairs of true and predicted class."""
    counts = np.zeros((3, num_classes), np.int64)
    right = truth == pred
    np.add.at(counts[0], truth[right], count[right])
    np.add.at(counts[1], pred[~right], count[~right])
    np.add.at(counts[2], truth[~right], count[~right])
    return counts


class ConfidenceTable:
    """How sure the predictions were: a histogram by predicted class and correctness, and sums per image.

    Arrays of `confidence.npz`: `edges` [bins + 1]; `counts` (int64) and `confidence_sum` (float64), both
    [class, wrong or right, bin]; `image_ids`; and per image `pixels`, `wrong`, `confident`,
    `confident_wrong` (int64), `wrong_confidence_sum` and `loss_sum` (float64); `threshold` says what
    confident means.
    """

    BINS = 100
    IMAGE_COLUMNS = ("pixels", "wrong", "confident", "confident_wrong", "wrong_confidence_sum", "loss_sum")

    def __init__(self, *, num_classes: int, threshold: float = 0.9) -> None:
        self.num_classes = num_classes
        self.threshold = threshold
        self.counts = np.zeros(num_classes * 2 * self.BINS, np.int64)
        self.sums = np.zeros(num_classes * 2 * self.BINS)

    def add(
        self, pred: np.ndarray, right: np.ndarray, confidence: np.ndarray, *, loss_sum: float
    ) -> dict[str, float]:
        """Add the counted pixels of one image, three arrays of one length; return the image's sums.

        `loss_sum` is the sum of -log of the probability of their true classes.
        """
        level = np.minimum((confidence * self.BINS).astype(np.int64), self.BINS - 1)
        place = (pred.astype(np.int64) * 2 + right) * self.BINS + level
        self.counts += np.bincount(place, minlength=len(self.counts))
        self.sums += np.bincount(place, weights=confidence, minlength=len(self.sums))
        confident = confidence >= self.threshold
        return {
            "pixels": len(pred),
            "wrong": int(np.count_nonzero(~right)),
            "confident": int(np.count_nonzero(confident)),
            "confident_wrong": int(np.count_nonzero(confident & ~right)),
            "wrong_confidence_sum": float(confidence[~right].sum(dtype=np.float64)),
            "loss_sum": loss_sum,
        }

    def save_part(self, path: Path) -> None:
        """Keep what this process counted, for `write` to sum."""
        write_arrays(path, {"counts": self.counts, "sums": self.sums})

    def write(self, path: Path, images: SpooledImages, parts: Iterable[Path]) -> None:
        """Write `confidence.npz` from the parts of all processes."""
        counts, sums = np.zeros_like(self.counts), np.zeros_like(self.sums)
        for part in sorted(parts):
            with np.load(part) as arrays:
                counts += arrays["counts"]
                sums += arrays["sums"]
        image_ids: list[str] = []
        columns: dict[str, list[float]] = {name: [] for name in self.IMAGE_COLUMNS}
        for row, data in images:
            if data.get("confidence"):
                image_ids.append(row.image_id)
                for name, values in columns.items():
                    values.append(data["confidence"][name])
        shape = (self.num_classes, 2, self.BINS)
        arrays = {
            "edges": np.linspace(0, 1, self.BINS + 1),
            "counts": counts.reshape(shape),
            "confidence_sum": sums.reshape(shape),
            "threshold": np.array(self.threshold),
            "image_ids": np.array(image_ids, np.str_),
        }
        for name, values in columns.items():
            arrays[name] = np.array(values, np.float64 if name.endswith("_sum") else np.int64)
        write_arrays(path, arrays)


def without_nan(scores: dict[str, float]) -> dict[str, float | None]:
    """Return the scores with None where there is none, for JSON has no NaN."""
    return {name: None if value != value else float(value) for name, value in scores.items()}


def _same_id(image_id: str, first: str, second: str) -> DataError:
    return DataError(
        f"{first} and {second} would be the same image {image_id!r}; rename or remove one.", image_id=image_id
    )
