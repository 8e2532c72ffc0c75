"""`confusion.npz`: the pixel confusion of every image of a run, sparse, written and read image by image."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from segloop.utils.errors import FormatError

IntArray = npt.NDArray[np.int64]

COLUMNS: dict[str, np.dtype[Any]] = {
    "truth": np.dtype("<u2"),
    "pred": np.dtype("<u2"),
    "count": np.dtype("<i8"),
}
PIECE = 1 << 18  # pairs that are summed at once
# What a zip raises that was cut off or changed: some bytes tell of places beyond its end (OSError), of a
# method that zipfile lacks or of a password (RuntimeError).
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold: no clock in data files


@dataclass(frozen=True)
class ImageConfusion:
    """The pairs of true and predicted class that one image has, and how many pixels each."""

    image_id: str
    truth: IntArray
    pred: IntArray
    count: IntArray

    def dense(self, num_classes: int) -> IntArray:
        """Return the confusion as int64 [truth, pred]."""
        matrix = np.zeros((num_classes, num_classes), np.int64)
        np.add.at(matrix, (self.truth, self.pred), self.count)
        return matrix


def sparse(confusion: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return (truth, pred, count) of a confusion [truth, pred], in the order of truth, then prediction.

    >>> [part.tolist() for part in sparse(np.array([[5, 0], [2, 1]]))]
    [[0, 1, 1], [0, 0, 1], [5, 2, 1]]
    """
    truth, pred = np.nonzero(confusion)
    return truth, pred, confusion[truth, pred]


class ConfusionWriter:
    """Writes `confusion.npz` from images one after another; only their names and ends stay in memory.

    The arrays are `image_ids`; `ends` (int64: where each image's pairs end); `truth`, `pred` (uint16) and
    `count` (int64), one entry per pair; and `num_classes`.
    """

    def __init__(self, path: Path, *, num_classes: int) -> None:
        self.path = path
        self.num_classes = num_classes
        self._image_ids: list[str] = []
        self._ends: list[int] = []
        self._spools = {name: path.with_name(f".{path.name}.{name}") for name in COLUMNS}
        self._files = {name: spool.open("wb") for name, spool in self._spools.items()}

    def add(self, image_id: str, truth: npt.ArrayLike, pred: npt.ArrayLike, count: npt.ArrayLike) -> None:
        """Append the pairs of one image."""
        columns = {"truth": truth, "pred": pred, "count": count}
        for name, values in columns.items():
            self._files[name].write(np.asarray(values, COLUMNS[name]).tobytes())
        self._image_ids.append(image_id)
        self._ends.append((self._ends[-1] if self._ends else 0) + np.size(count))

    def close(self) -> None:
        """Put the file together."""
        for file in self._files.values():
            file.close()
        with zipfile.ZipFile(self.path, "w") as archive:
            _write_array(archive, "num_classes", np.array(self.num_classes, "<i8"))
            _write_array(archive, "image_ids", _texts(self._image_ids))
            _write_array(archive, "ends", np.array(self._ends, "<i8"))
            for name, spool in self._spools.items():
                with _member(archive, name) as target, spool.open("rb") as source:
                    _write_header(target, COLUMNS[name], (self._ends[-1] if self._ends else 0,))
                    shutil.copyfileobj(source, target, 1 << 20)
                spool.unlink()


class ConfusionFile:
    """Reads `confusion.npz`, image by image or summed, without holding the whole of it.

    >>> for image in ConfusionFile(run / "confusion.npz"):  # doctest: +SKIP
    ...     print(image.image_id, image.dense(19).trace())
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # numpy leaves a file open that it cannot read, so it is opened here
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                self.num_classes = int(arrays["num_classes"])
                self.image_ids: list[str] = arrays["image_ids"].tolist()
                self._ends: list[int] = arrays["ends"].tolist()
        except FileNotFoundError:
            raise FormatError("the file is missing", file=path) from None
        except (KeyError, ValueError, *DAMAGE) as error:
            raise FormatError(f"not a confusion file ({error})", file=path) from None

    def __len__(self) -> int:
        return len(self.image_ids)

    def __iter__(self) -> Iterator[ImageConfusion]:
        for image_id, parts in zip(self.image_ids, self._pieces(self._ends), strict=True):
            yield ImageConfusion(image_id, *parts)

    def _pieces(self, ends: Sequence[int]) -> Iterator[list[IntArray]]:
        """Yield truth, pred and count up to each of the ends."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                streams = {name: _open_array(archive, name) for name in COLUMNS}
                begin = 0
                for end in ends:
                    parts = [_take(streams[name], COLUMNS[name], end - begin, self.path) for name in COLUMNS]
                    if any((part >= self.num_classes).any() for part in parts[:2]):
                        raise FormatError(f"a class is not below {self.num_classes}", file=self.path)
                    yield parts
                    begin = end
        except (KeyError, ValueError, *DAMAGE) as error:
            raise FormatError(f"not a confusion file ({error})", file=self.path) from None

    def total(self, image_ids: Sequence[str] | None = None) -> IntArray:
        """Return the confusion of the set, or of the named images, as int64 [truth, pred]."""
        matrix = np.zeros((self.num_classes, self.num_classes), np.int64)
        if image_ids is None:  # whose pair it is does not matter, so many are taken at once
            last = self._ends[-1] if self._ends else 0
            for truth, pred, count in self._pieces([*range(PIECE, last, PIECE), last]):
                np.add.at(matrix, (truth, pred), count)
            return matrix
        wanted = set(image_ids)
        for image in self:
            if image.image_id in wanted:
                np.add.at(matrix, (image.truth, image.pred), image.count)
        return matrix


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an `.npz` like `np.savez_compressed`, but the same bytes at any time of day."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            _write_array(archive, name, array)


def _texts(values: list[str]) -> np.ndarray:
    return np.array(values, dtype=np.str_) if values else np.zeros(0, "<U1")


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    info = zipfile.ZipInfo(f"{name}.npy", ZIP_EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return archive.open(info, "w", force_zip64=True)


def _write_array(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    with _member(archive, name) as target:
        np.lib.format.write_array(target, np.asarray(array), allow_pickle=False)


def _write_header(target: IO[bytes], dtype: np.dtype, shape: tuple[int, ...]) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(target, header)


def _open_array(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    stream = archive.open(f"{name}.npy")
    np.lib.format.read_magic(stream)
    np.lib.format.read_array_header_1_0(stream)
    return stream


def _take(stream: IO[bytes], dtype: np.dtype, number: int, path: Path) -> IntArray:
    data = stream.read(number * dtype.itemsize)
    if len(data) != number * dtype.itemsize:
        raise FormatError("ends before its last image", file=path)
    return np.frombuffer(data, dtype).astype(np.int64)
