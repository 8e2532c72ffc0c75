"""Reads RUN folders: finds the one that is meant, checks that it is whole, opens tables when asked."""

from __future__ import annotations

import hashlib
import os
import shlex
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segloop.analysis.confusion_file import DAMAGE, ConfusionFile
from segloop.analysis.counts import ClassCounts
from segloop.analysis.instances import Instances
from segloop.analysis.match_file import MATCHES, PER_IMAGE, read_matches
from segloop.analysis.matching import ImageMatches
from segloop.analysis.results_file import ResultsFile
from segloop.analysis.run_checks import check_counts, check_images, check_meta, check_scores
from segloop.utils.atomic import read_json
from segloop.utils.errors import DataError, FormatError, UserError, listing, nearest

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
WORK_DIRS = Path("work_dirs")


@dataclass(frozen=True)
class Run:
    """One test of one checkpoint on one split; each table is read when it is first asked for.

    >>> run = read_run("configs/config_experiment_1.py")  # doctest: +SKIP
    >>> run.scores["mDice_fg"], len(run.images)  # doctest: +SKIP
    (0.9142, 200)
    """

    folder: Path
    meta: dict[str, Any]

    @property
    def name(self) -> str:
        """The experiment and the run, for titles: `config_experiment_1/test-best_mDice_fg_iter_2000`."""
        return f"{self.meta['experiment']}/{self.folder.absolute().name}"

    @property
    def kind(self) -> str:
        """What kind of model it was: `semantic`, `instance` or `other`."""
        return self.meta["kind"]

    @property
    def class_names(self) -> list[str]:
        """The names of the classes, in the order of their indices."""
        return list(self.meta.get("classes") or ())

    @property
    def background(self) -> int | None:
        """The index of the background class, or None."""
        return self.meta.get("background")

    @property
    def max_dets(self) -> tuple[int, ...]:
        """How many found objects of a class in an image COCO's scores look at; AP goes by the largest."""
        return tuple(self.meta.get("max_dets") or (1, 10, 100))

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The whole of `metrics.json`."""
        path = self.folder / "metrics.json"
        return check_scores(_read_json(path), path)

    @property
    def scores(self) -> dict[str, float]:
        """The scores over the set, as fractions; NaN where there is none."""
        return {name: np.nan if value is None else value for name, value in self.metrics["scores"].items()}

    @cached_property
    def timing(self) -> dict[str, Any]:
        """The whole of `timing.json`."""
        path = self.folder / "timing.json"
        timing = _read_json(path)
        if not isinstance(timing, dict):
            raise FormatError("these are no times of a test; test again", file=path)
        return timing

    @property
    def work_dir(self) -> Path:
        """The folder whose `test/` this lies in; a RUN may be named from within that."""
        return self.folder.absolute().parents[1]

    @cached_property
    def training(self) -> Path:
        """The folder of the training that this is a test of: the checkpoint's, if it was tested elsewhere."""
        own = self.work_dir
        file = (self.meta.get("checkpoint") or {}).get("file")
        if file and not (own / "train.json").is_file() and (own / file).with_name("train.json").is_file():
            return (own / file).resolve().parent
        return own

    @cached_property
    def images(self) -> pd.DataFrame:
        """`images.csv`: one row per image, in the order of image_id, which is the index too."""
        table = check_images(
            self.table("images.csv"), self.folder / "images.csv", tested=self.meta.get("images")
        )
        return table.set_index("image_id", drop=False).rename_axis(None)

    @cached_property
    def per_image(self) -> pd.DataFrame:
        """`per_image.csv.gz`: counts of each image and class; of a semantic RUN tp, fp and fn."""
        table = self.table(PER_IMAGE)
        if self.kind != "semantic":
            return table
        return check_counts(table, self.folder / PER_IMAGE, confusion=self.confusion)

    def matches(self) -> Iterator[ImageMatches]:
        """Yield how true and found objects overlap, image by image, from the tables of an instance RUN."""
        if self.meta.get("no_matches"):
            raise FormatError(f"there are no matches: {self.meta['no_matches']}", file=self.folder)
        self._of_kind("instance", MATCHES)
        return read_matches(self.folder, class_names=self.class_names)

    @cached_property
    def results(self) -> ResultsFile:
        """`predictions/results.json` of an instance RUN: the objects found, by COCO's image ids."""
        path = self._of_kind("instance", "predictions/results.json")
        return ResultsFile(path, labels={number: at for at, number in enumerate(self.meta["category_ids"])})

    def found(self, image_id: str) -> Instances:
        """Return the objects found in an image of an instance RUN, with scores, as run lengths."""
        number, height, width = (
            str(self.images.loc[image_id, name]) for name in ("coco_id", "height", "width")
        )
        return self.results.of(number, size_hw=(int(height), int(width)))

    @cached_property
    def confusion(self) -> ConfusionFile:
        """`confusion.npz`: the pixel confusion of each image."""
        confusion = ConfusionFile(self._of_kind("semantic", "confusion.npz"))
        if confusion.num_classes != len(self.class_names):
            raise FormatError(
                f"it counts {confusion.num_classes} classes, and meta.json names {len(self.class_names)}; "
                "test again",
                file=confusion.path,
            )
        return confusion

    @cached_property
    def confidence(self) -> dict[str, np.ndarray] | None:
        """The arrays of `confidence.npz`; None where there are none (`meta["no_confidence"]` says why)."""
        path = self.folder / "confidence.npz"
        if not path.is_file():
            return None
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                found = dict(arrays)
        except (ValueError, *DAMAGE) as error:
            raise FormatError(f"not a table of confidence ({error}); test again", file=path) from None
        if "counts" not in found:
            raise FormatError("not a table of confidence; test again", file=path)
        return found

    def counts(self) -> tuple[list[str], ClassCounts]:
        """Return the ids of the counted images, and their counts as arrays [images, classes]."""
        table = self.per_image
        ids = self.confusion.image_ids  # an image whose pixels are all ignored has no row in the table
        place = {image_id: number for number, image_id in enumerate(ids)}
        parts = np.zeros((3, len(ids), len(self.class_names)), np.int64)
        rows, columns = (
            table["image_id"].map(place).to_numpy(np.int64),
            table["class_index"].to_numpy(np.int64),
        )
        for part, name in zip(parts, ("tp", "fp", "fn"), strict=True):
            part[rows, columns] = table[name]
        return ids, ClassCounts(*parts)

    @cached_property
    def data_root(self) -> Path:
        """Where the data set was at the test, seen from this folder.

        The way there was noted by names, so `work_dirs` may be a link to another disk; where the RUN itself
        was given as a link, the way from what it leads to is the right one.
        """
        told = self.folder / (self.meta["data"].get("root") or ".")
        by_names = Path(os.path.normpath(told))
        return by_names if by_names.is_dir() or not told.is_dir() else told.resolve()

    def prediction_file(self, image_id: str) -> Path:
        """Return the predicted index mask of an image; of an instance RUN the file with all its objects."""
        if self.kind == "instance":
            return self.folder / "predictions" / "results.json"
        return self.folder / "predictions" / f"{image_id}.png"

    def confidence_file(self, image_id: str) -> Path | None:
        """Return how sure the prediction of an image was, as a mask of percent; None where nothing tells."""
        path = self.folder / "confidence" / f"{image_id}.png"
        return path if path.is_file() else None

    def image_file(self, image_id: str, *, data_root: Path | None = None) -> Path:
        """Return the picture; `data_root` says where the data set lies if it was moved."""
        return self._data_file(image_id, "image", data_root)

    def truth_file(self, image_id: str, *, data_root: Path | None = None) -> Path | None:
        """Return the true mask, None where the image has none."""
        return self._data_file(image_id, "truth", data_root) if self.images.loc[image_id, "truth"] else None

    def objects_file(self, image_id: str, *, data_root: Path | None = None) -> Path | None:
        """Return the COCO file with an image's true objects, None where it has none.

        One that was changed since the test is refused: matches name true objects by their place in it.
        """
        file = self.truth_file(image_id, data_root=data_root)
        tested = str(self.images.loc[image_id].get("truth_sha256", ""))
        if file is not None and tested and _digest(file, file.stat().st_mtime_ns) != tested:
            raise DataError(
                f"{file} was changed since {self.name} was tested, whose scores and matches are of other "
                "labels. Test again, or say with --data-root where the labels lie that it was tested on.",
                image_id=image_id,
            )
        return file

    def is_as_tested(
        self, image_id: str, *, data_root: Path | None = None, labels_alone: bool = False
    ) -> bool:
        """Return whether the picture and its labels are those of the test, where their digests are known."""
        row = self.images.loc[image_id]
        files = {"truth_sha256": self.truth_file(image_id, data_root=data_root)}
        if not labels_alone:
            files["sha256"] = self.image_file(image_id, data_root=data_root)
        return all(
            file is None or not row.get(name) or _digest(file, file.stat().st_mtime_ns) == row[name]
            for name, file in files.items()
        )

    def _of_kind(self, kind: str, name: str) -> Path:
        path = self.folder / name
        if self.kind != kind:
            raise FormatError(f"this RUN is of the kind {self.kind!r} and has no {name}", file=self.folder)
        if not path.is_file():
            raise FormatError("the file is missing; test again", file=path)
        return path

    def _data_file(self, image_id: str, column: str, data_root: Path | None) -> Path:
        path = (data_root or self.data_root) / str(self.images.loc[image_id, column])
        if not path.is_file():
            raise DataError(
                f"{path} is missing. If the data set was moved, say where it is now with --data-root.",
                image_id=image_id,
            )
        return path

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the RUN; what looks like a number in a name stays text."""
        import pandas as pd

        path = self.folder / name
        texts: Any = dict.fromkeys(
            ("image_id", "image", "truth", "sha256", "truth_sha256", "class", "coco_id"), str
        )
        try:
            # An image may be called 0001, a class NA: nothing may be guessed of them.
            return pd.read_csv(path, dtype=texts, keep_default_na=False)
        except FileNotFoundError:
            raise FormatError("the file is missing", file=path) from None
        except (ValueError, EOFError, OSError, zlib.error) as error:
            raise FormatError(f"not a table ({error})", file=path) from None


def read_run(target: Path | str, *, split: str | None = None, work_dirs: Path = WORK_DIRS) -> Run:
    """Open a RUN, the newest RUN of a work_dir, or of a config's work_dir; a UserError says what is wrong."""
    run = _open(find_run(target, split=split, work_dirs=work_dirs))
    if split is not None and run.meta["split"] != split:
        raise UserError(f"{run.folder} is a RUN of the split {run.meta['split']!r}, not of {split!r}.")
    return run


def find_run(target: Path | str, *, split: str | None = None, work_dirs: Path = WORK_DIRS) -> Path:
    """Return the folder of the RUN that is meant: itself, or the newest of a work_dir or a config.

    With `split` only runs of that split are considered. A config stands for `work_dirs/<its name>`, and so
    does its bare name.
    """
    folder = _folder(Path(target), work_dirs)
    if (folder / "meta.json").is_file() or _is_half(folder):
        return folder
    runs = [Run(path, _read_meta(path)) for path in list_runs(folder)]
    if split is not None:
        runs = [run for run in runs if run.meta["split"] == split]
    if not runs:
        of_split = f" of split {split!r}" if split else ""
        raise UserError(
            f"{folder} has no RUN{of_split}: nothing was tested there yet. "
            f"Run: python tools/test.py {_config_hint(target, folder)}{f' --split {split}' if split else ''}"
        )
    newest = max(runs, key=lambda run: (run.meta["finished"], run.folder.name))
    return _open(newest.folder).folder  # whatever older ones have lost


def list_runs(work_dir: Path) -> list[Path]:
    """Return the folders of all RUNs of a work_dir, by name."""
    return sorted(
        path.parent for path in (work_dir / "test").glob("*/meta.json") if path.parent.name[0] != "."
    )


def _folder(target: Path, work_dirs: Path) -> Path:
    if target.is_dir():
        return target
    if target.suffix == ".py" or len(target.parts) == 1:
        folder = work_dirs / target.stem if target.suffix == ".py" else work_dirs / target
        if folder.is_dir():
            return folder
        if target.is_file():
            raise UserError(f"{target} has no results yet: {folder} does not exist. Train it first.")
    known = sorted(path.name for path in work_dirs.glob("*") if path.is_dir()) if work_dirs.is_dir() else []
    hint = nearest(target.stem, known)
    there = f"\nIn {work_dirs} there are:\n{listing(known)}" if known else ""
    raise UserError(f"{target} is no RUN, work_dir or config.{hint}{there}")


def _read_meta(folder: Path) -> dict[str, Any]:
    if _is_half(folder):
        raise FormatError(
            "there is no meta.json: the test that wrote this was not finished; run it again", file=folder
        )
    meta = _read_json(folder / "meta.json")
    check_meta(meta, folder / "meta.json")
    if meta["format"] != FORMAT:
        raise FormatError(
            f"this RUN has format {meta['format']}, and this version of SegLoop reads format {FORMAT}; "
            "test the checkpoint again or use the version that wrote it",
            file=folder / "meta.json",
        )
    return meta


def _open(folder: Path) -> Run:
    meta = _read_meta(folder)
    lost = [name for name in meta["files"] if not (folder / name).exists()]
    if lost:
        raise FormatError(f"the RUN is not whole, it has lost:\n{listing(lost)}", file=folder)
    return Run(folder, meta)


@lru_cache(maxsize=8)
def _digest(file: Path, changed_ns: int) -> str:
    """Return the SHA-256 of a file as it is since a time; labels of all images share one file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _is_half(folder: Path) -> bool:
    if (folder / "meta.json").is_file():
        return False
    return any(folder.glob("records-*.jsonl")) or all(
        (folder / name).is_file() for name in ("images.csv", "metrics.json")
    )


def _config_hint(target: Path | str, folder: Path) -> str:
    """Return what to test: the config that was given, or the one that a training left in its work_dir."""
    if str(target).endswith(".py"):
        return str(target)
    place = shlex.quote(folder.as_posix())
    return place if any(folder.glob("*.py")) else f"CONFIG --work-dir {place}"


def _read_json(path: Path) -> Any:
    try:
        return read_json(path)
    except FileNotFoundError:
        raise FormatError("the file is missing", file=path) from None


def common_images(runs: Sequence[Run]) -> list[str]:
    """Return the ids of the images that all runs have, with the same content, in order."""
    tables = [dict(zip(run.images["image_id"], run.images["sha256"], strict=True)) for run in runs]
    shared = set.intersection(*(set(table.items()) for table in tables)) if tables else set()
    return sorted(image_id for image_id, _ in shared)
