"""Measures each image of a RUN once, from its files: counts, outlines, wrong regions, objects, looks.

What is kept of an image is small, whatever its size, so that memory stays flat over many images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from segloop.analysis.boundaries import boundary_counts, tolerance_px
from segloop.analysis.confusion_file import sparse
from segloop.analysis.counts import confusion
from segloop.analysis.regions import KINDS, Objects, Regions, find_regions
from segloop.analysis.runs import Run
from segloop.data.index_masks import read_index_mask, reduce_zero
from segloop.utils.errors import DataError, UserError, listing
from segloop.utils.workers import map_ordered

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

GRID = 24  # cells a side of the map of errors by position
SIZE_BINS = 32  # of object area, by powers of two
MOST_REGIONS = 12  # wrong regions that are kept of an image: the weightiest
ENOUGH = 384  # pixels of the longer side that brightness and sharpness are measured on
TRAITS = ("brightness", "contrast", "sharpness", "objects", "object_share")
POOL = 64  # images from which on other processes are worth their start


@dataclass(frozen=True)
class Task:
    """The files of one image, and what they held when they were tested."""

    image_id: str
    image: Path
    truth: Path
    pred: Path
    confidence: Path | None
    sha256: str
    truth_sha256: str


@dataclass(frozen=True)
class ImageMeasure:
    """What was measured of an image.

    `pairs` are truth, prediction and pixels [3, n]; `outlines` class and `BoundaryCounts` [5, n]; `mistakes`
    truth, prediction, kind and pixels [4, n]; `sizes` class, bin of size, objects, pixels, found pixels and
    objects of which most was found [6, n]. `wrong` and `counted` are pixels by position [GRID, GRID].
    """

    image_id: str
    problem: str | None = None
    relabelled: bool = False
    pairs: IntArray = field(default_factory=lambda: np.zeros((3, 0), np.int64))
    outlines: IntArray = field(default_factory=lambda: np.zeros((5, 0), np.int64))
    mistakes: IntArray = field(default_factory=lambda: np.zeros((4, 0), np.int64))
    sizes: IntArray = field(default_factory=lambda: np.zeros((6, 0), np.int64))
    regions: Regions | None = None
    wrong: FloatArray = field(default_factory=lambda: np.zeros((GRID, GRID)))
    counted: FloatArray = field(default_factory=lambda: np.zeros((GRID, GRID)))
    traits: tuple[float, ...] = (np.nan,) * len(TRAITS)


@dataclass(frozen=True)
class Measurer:
    """Measures images of one RUN; travels to workers."""

    num_classes: int
    background: int | None
    ignore_index: int | None
    reduce_zero_label: bool = False

    def __call__(self, task: Task) -> ImageMeasure:
        """Measure one image; what is wrong with its files is told in `problem`."""
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)  # other processes have the other cores
        try:
            return self._measure(task)
        except UserError as error:
            return ImageMeasure(task.image_id, problem=str(error))
        finally:
            cv2.setNumThreads(threads)

    def _measure(self, task: Task) -> ImageMeasure:
        data = _bytes(task.image)
        if task.sha256 and hashlib.sha256(data).hexdigest() != task.sha256:
            raise DataError(f"{task.image} is not the picture that was tested.")
        relabelled = bool(task.truth_sha256) and _digest(task.truth) != task.truth_sha256
        truth, pred = read_truth(task.truth, reduce=self.reduce_zero_label), read_index_mask(task.pred)
        counted = confusion(
            pred,
            truth,
            num_classes=self.num_classes,
            ignore_index=self.ignore_index,
            image_id=task.image_id,
        )
        confidence = read_index_mask(task.confidence) if task.confidence else None
        if confidence is not None and confidence.shape != pred.shape:
            raise DataError(f"{task.confidence} has another size than the prediction.")
        tolerance = tolerance_px((truth.shape[0], truth.shape[1]))
        classes, outlines = boundary_counts(
            truth, pred, num_classes=self.num_classes, ignore_index=self.ignore_index, tolerance=tolerance
        )
        regions, objects = find_regions(
            truth,
            pred,
            ignore_index=self.ignore_index,
            background=self.background,
            edge_px=tolerance,
            confidence=confidence,
        )
        valid = np.ones(truth.shape, bool) if self.ignore_index is None else truth != self.ignore_index
        return ImageMeasure(
            task.image_id,
            relabelled=relabelled,
            pairs=np.stack(sparse(counted)),
            outlines=np.vstack([classes, outlines.T]),
            mistakes=_mistakes(regions, self.num_classes),
            sizes=_sizes(objects),
            regions=_weightiest(regions),
            wrong=_by_position((truth != pred) & valid),
            counted=_by_position(valid),
            traits=(
                *_looks(data, task.image),
                len(objects.area),
                float(objects.area.sum() / max(valid.sum(), 1)),
            ),
        )


def read_truth(file: Path, *, reduce: bool) -> np.ndarray:
    """Return a true mask [H, W]; with `reduce`, class 0 is dropped, as `reduce_zero_label` does."""
    mask = read_index_mask(file)
    return reduce_zero(mask) if reduce else mask


def measure_run(
    run: Run,
    *,
    data_root: Path | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[ImageMeasure]:
    """Yield the measures of every image that has a truth, in the order of their ids.

    What is missing or does not fit is told together, in one DataError, at the end.
    """
    tasks = list_tasks(run, data_root=data_root)
    meta = run.meta
    measurer = Measurer(
        num_classes=len(run.class_names),
        background=run.background,
        ignore_index=meta.get("ignore_index", 255),
        reduce_zero_label=bool(meta.get("reduce_zero_label")),
    )
    few = len(tasks) < POOL and workers is None
    problems: list[str] = []
    for done, measure in enumerate(map_ordered(measurer, tasks, workers=1 if few else workers), start=1):
        if measure.problem is None:
            if not problems:
                yield measure
        else:
            problems.append(measure.problem)
        if progress is not None:
            progress(done, len(tasks))
    if problems:
        raise DataError(f"{len(problems)} of {len(tasks)} images do not fit this RUN:\n{listing(problems)}")


def measure_looks(run: Run, *, data_root: Path | None = None, workers: int | None = None) -> np.ndarray:
    """Return image_id, brightness, contrast, sharpness and pixels of each picture, [images, 5] of objects.

    Pictures that are missing, or are not those of the test, are told together in one DataError.
    """
    root = data_root or run.data_root
    rows = run.images.to_dict("records")
    tasks = [(str(row["image_id"]), root / str(row["image"]), str(row["sha256"])) for row in rows]
    few = len(tasks) < POOL and workers is None
    found = list(map_ordered(_look, tasks, workers=1 if few else workers))
    problems = [each for each in found if isinstance(each, str)]
    if problems:
        raise DataError(
            f"{len(problems)} of {len(tasks)} pictures of {run.name} cannot be used. If the data set was "
            f"moved, say where it is now with --data-root.\n{listing(problems)}"
        )
    pixels = [int(row["height"]) * int(row["width"]) for row in rows]
    return np.array([(*each, number) for each, number in zip(found, pixels, strict=True)], dtype=object)


def _look(task: tuple[str, Path, str]) -> tuple[str, float, float, float] | str:
    """Return what a picture looks like, or what is wrong with it."""
    image_id, file, sha256 = task
    try:
        data = _bytes(file)
        if sha256 and hashlib.sha256(data).hexdigest() != sha256:
            raise DataError(f"{file} is not the picture that was tested.")
        return image_id, *_looks(data, file)
    except UserError as error:
        return str(error)


def list_tasks(run: Run, *, data_root: Path | None = None) -> list[Task]:
    """Return the files of each image that has a truth; a DataError tells all that are missing."""
    root = data_root or run.data_root
    tasks: list[Task] = []
    lost: list[str] = []
    of_data = False
    for row in run.images.to_dict("records"):
        if not row["truth"]:
            continue
        image_id = str(row["image_id"])
        files = root / str(row["image"]), root / str(row["truth"]), run.prediction_file(image_id)
        missing = [file for file in files if not file.is_file()]
        lost += map(str, missing)
        of_data |= any(file != files[2] for file in missing)
        sure = run.confidence_file(image_id)
        tasks.append(Task(image_id, *files, sure, str(row["sha256"]), str(row["truth_sha256"])))
    if lost:
        moved = " If the data set was moved, say where it is now with --data-root." if of_data else ""
        raise DataError(f"{len(lost)} files of {run.name} are missing.{moved}\n{listing(lost)}")
    if not tasks:
        raise UserError(
            f"{run.folder}: none of its images has labels, so there is nothing to compare predictions with."
        )
    return tasks


def _mistakes(regions: Regions, num_classes: int) -> IntArray:
    """Return truth, prediction, kind and pixels of an image's wrong regions, summed, [4, n]."""
    place = (regions.truth * num_classes + regions.pred) * len(KINDS) + regions.kind
    values, number = np.unique(place, return_inverse=True)
    pixels = np.bincount(number, weights=regions.area, minlength=len(values)).astype(np.int64)
    pair, kind = np.divmod(values, len(KINDS))
    return np.stack([*np.divmod(pair, num_classes), kind, pixels])


def _sizes(objects: Objects) -> IntArray:
    """Return class, bin, objects, pixels, found pixels and objects mostly found of an image, [6, n]."""
    level = np.log2(np.maximum(objects.area, 1)).astype(np.int64).clip(max=SIZE_BINS - 1)
    values, number = np.unique(objects.label * SIZE_BINS + level, return_inverse=True)
    columns = (np.ones(len(number)), objects.area, objects.found, 2 * objects.found >= objects.area)
    sums = [np.bincount(number, weights=column, minlength=len(values)).astype(np.int64) for column in columns]
    return np.stack([*np.divmod(values, SIZE_BINS), *sums])


def _weightiest(regions: Regions) -> Regions:
    """Return the regions that are large and surely predicted: candidates for mistakes of the annotation."""
    doubt = 1 - np.nan_to_num(regions.confidence, nan=0.5)
    weight = np.sqrt(regions.area) * np.log(np.maximum(doubt, 0.005)) ** 2
    kept = np.sort(np.argsort(-weight, kind="stable")[:MOST_REGIONS])
    return Regions(**{name: values[kept] for name, values in vars(regions).items()})


def _by_position(mask: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the share of a mask's pixels in each cell of a grid laid over the image."""
    cells = cv2.resize(mask.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)
    return cells.astype(np.float64)


def _looks(data: bytes, file: Path) -> tuple[float, float, float]:
    """Return the mean grey, its deviation, and the deviation of its Laplacian; of an image made small."""
    grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
    if grey is None:
        raise DataError(f"{file} is no picture that OpenCV can decode.")
    step = max(grey.shape) / ENOUGH
    if step > 1:
        size = max(1, round(grey.shape[1] / step)), max(1, round(grey.shape[0] / step))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    steep = cv2.Laplacian(grey, cv2.CV_16S)
    return float(grey.mean()), float(grey.std()), float(steep.std())


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}.") from None


def _digest(file: Path) -> str:
    return hashlib.sha256(_bytes(file)).hexdigest()
