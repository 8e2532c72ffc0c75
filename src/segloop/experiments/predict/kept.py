"""Keeps finished predictions on the disk: a run that was killed goes on, and writers read them in any order.

The file is a line of JSON that says what was asked for, and behind it blocks, one for each batch: length,
checksum, a line of JSON, arrays. A block that a killed process left unfinished is cut off. Nothing in it is
ever run: it is numbers and texts.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from segloop.analysis.instances import Instances
from segloop.data.annotations import ImageRecord, LabelSet, Remark, SizeHW
from segloop.data.masks import apart, areas
from segloop.experiments.predict.results import InstancePrediction, Prediction, SemanticPrediction
from segloop.utils.errors import FormatError, UserError, listing
from segloop.utils.locks import lock

FILE_NAME = "predictions.kept"
FORMAT = 2
_HEAD = struct.Struct("<QI")  # bytes of a block, and their CRC-32
_TYPES = ("uint8", "uint16")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the arrays of an image lie in the file, and what stands about it in its block's line."""

    offset: int
    about: Mapping[str, Any]

    @property
    def error(self) -> str | None:
        """Why there is no prediction; None where there is one."""
        return self.about.get("error")


@dataclass
class Kept:
    """The file of one run: what is in it, and a way to add to it.

    `places` are the images by id; `stamps` tell which state of the image's file was looked at.
    """

    path: Path
    settings: Mapping[str, Any]
    places: dict[str, Place] = field(default_factory=dict)
    stamps: dict[str, str] = field(default_factory=dict)
    _stream: IO[bytes] | None = None

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any], *, resume: bool, anew: bool = False) -> Kept:
        """Begin a file in `folder`, or go on with the one that is there.

        Without `resume` an earlier file with results is refused, and so is one of other settings with it;
        `anew` begins it again, whatever it holds. One that another process adds to is always refused.
        """
        path = folder / FILE_NAME
        kept = cls(path, json.loads(json.dumps(settings)))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stream = path.open("ab")
            try:
                # each of two processes would read the other's places as its own
                lock(stream, f"Another process is adding to {folder}. Wait for its end, or name another OUT.")
                if anew:
                    stream.truncate(0)
                if path.stat().st_size:
                    kept._read(resume)
                else:
                    text = json.dumps({"format": FORMAT, **kept.settings}, sort_keys=True)
                    path.write_bytes(text.encode() + b"\n")
            except BaseException:
                stream.close()
                raise
            stream.seek(0, os.SEEK_END)
            kept._stream = stream
        except OSError as error:
            raise UserError(
                f"Finished images are kept in {folder}, which cannot be written: {error.strerror or error}."
            ) from error
        return kept

    def has(self, stamps: Mapping[str, str]) -> bool:
        """Return whether all these images, in this state of their files, are done."""
        return all(self.stamps.get(image_id) == stamp for image_id, stamp in stamps.items())

    def add(self, found: Mapping[str, Prediction | str], stamps: Mapping[str, str]) -> None:
        """Add the images of a batch at once; a text in place of a prediction says what is wrong with one."""
        assert self._stream is not None, "open comes first"
        abouts, blobs = [], []
        for image_id, prediction in found.items():
            about, blob = _packed(prediction)
            abouts.append({"image_id": image_id, "stamp": stamps[image_id], "bytes": len(blob), **about})
            blobs.append(blob)
        body = json.dumps(abouts).encode() + b"\n" + b"".join(blobs)
        offset = self._stream.tell() + _HEAD.size
        self._stream.write(_HEAD.pack(len(body), zlib.crc32(body)) + body)
        self._stream.flush()
        self._note(body, offset)

    def close(self) -> None:
        """Bring the last blocks to the disk."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        try:
            stream.flush()
            os.fsync(stream.fileno())
        finally:
            with suppress(OSError):  # a full disk is told once
                stream.close()

    def _read(self, resume: bool) -> None:
        with self.path.open("rb") as file:
            told = _settings(file.readline(), self.path)
            whole = file.tell()
            for offset, body in _blocks(file):
                whole = offset + len(body)
                self._note(body, offset)
        if not resume:
            if self.places:
                raise UserError(
                    f"{self.path.parent} holds {len(self.places)} finished image(s) of a run that did not "
                    "end. --resume goes on with it, --force begins anew."
                )
        elif other := _differing(told, {"format": FORMAT, **self.settings}):
            raise UserError(
                f"{self.path.parent} was begun with other settings, and its results would not fit to new "
                f"ones:\n{listing(other)}\nAsk for the same, or begin anew with --force."
            )
        if not self.places:  # nothing to lose
            text = json.dumps({"format": FORMAT, **self.settings}, sort_keys=True)
            self.path.write_bytes(text.encode() + b"\n")
            return
        with self.path.open("r+b") as file:
            file.truncate(whole)

    def _note(self, body: bytes, offset: int) -> None:
        line, _, _ = body.partition(b"\n")
        begin = offset + len(line) + 1
        for about in json.loads(line):
            self.places[about["image_id"]] = Place(begin, about)
            self.stamps[about["image_id"]] = about["stamp"]
            begin += about["bytes"]


@dataclass(frozen=True)
class LoadKept:
    """Reads an image's prediction from the file, in any process; keys are the image and its place in there.

    With `disjoint` no two objects share a pixel: it goes to the surer one. An image without a place has
    nothing in it.
    """

    path: Path
    classes: LabelSet
    disjoint: bool = False

    def __call__(self, key: tuple[ImageRecord, Place | None]) -> ImageRecord:
        """Return the record of an image with what was found in it."""
        image, place = key
        if place is None or place.error is not None:
            return image
        prediction = self.prediction(place)
        if not self.disjoint or not isinstance(prediction, InstancePrediction):
            return prediction.record(image)
        disjoint = without_overlaps(prediction)
        lost = sum(areas(prediction.runs)) - sum(areas(disjoint.runs))
        remark = Remark("pixels that several objects claimed went to the surest", lost, image.image_id)
        return replace(disjoint.record(image), remarks=(remark,) if lost else ())

    def prediction(self, place: Place) -> Prediction:
        """Return what was found in an image."""
        with self.path.open("rb") as file:
            file.seek(place.offset)
            data = zlib.decompress(file.read(place.about["bytes"]))
        size_hw: SizeHW = (place.about["size_hw"][0], place.about["size_hw"][1])
        if place.about["kind"] in _TYPES:
            mask = np.frombuffer(data, place.about["kind"]).reshape(size_hw)
            return SemanticPrediction(mask=mask, classes=self.classes)
        count = place.about["objects"]
        labels, lengths = np.frombuffer(data, np.int64, 2 * count).reshape(2, count)
        scores = np.frombuffer(data, np.float64, count, offset=16 * count)
        flat = np.frombuffer(data, np.uint32, offset=24 * count)
        runs = np.split(flat, np.cumsum(lengths)[:-1]) if count else []
        instances = Instances(runs=runs, labels=labels, scores=scores, size_hw=size_hw)
        return InstancePrediction(instances=instances, classes=self.classes)


def without_overlaps(prediction: InstancePrediction) -> InstancePrediction:
    """Return objects that share no pixel: the surer keeps it; what has no pixel left is gone."""
    found = prediction.instances
    order = np.argsort(prediction.scores, kind="stable")  # the last one painted keeps the pixel
    painted = apart([found.runs[place] for place in order], found.size_hw)
    left = {int(place): runs for place, runs in zip(order, painted, strict=True) if len(runs) > 1}
    places = sorted(left)
    instances = Instances(
        runs=[left[place] for place in places],
        labels=found.labels[places],
        scores=prediction.scores[places],
        size_hw=found.size_hw,
    )
    return replace(prediction, instances=instances)


def _packed(prediction: Prediction | str) -> tuple[dict[str, Any], bytes]:
    """Return what stands about an image in its block's line, which stays in memory, and its arrays."""
    if isinstance(prediction, str):
        return {"error": prediction}, b""
    about: dict[str, Any] = {"size_hw": list(prediction.size_hw)}
    if isinstance(prediction, SemanticPrediction):
        data = np.ascontiguousarray(prediction.mask)
        return {**about, "kind": data.dtype.name}, zlib.compress(data.tobytes(), 1)
    runs = [np.asarray(each, np.uint32) for each in prediction.runs]
    arrays: list[np.ndarray] = [
        prediction.labels.astype(np.int64),
        np.array([len(each) for each in runs], np.int64),
        prediction.scores.astype(np.float64),
        *runs,
    ]
    packed = zlib.compress(b"".join(array.tobytes() for array in arrays), 1)
    return {**about, "kind": "objects", "objects": len(runs)}, packed


def _blocks(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the whole blocks with their places; what follows the first that is not whole is not read.

    A disk that lost its power may hold zeros in place of the last blocks; no block is empty.
    """
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        length, checksum = _HEAD.unpack(head)
        offset = file.tell()
        if not length or length > os.fstat(file.fileno()).st_size - offset:
            return
        body = file.read(length)
        if zlib.crc32(body) != checksum:
            return
        yield offset, body


def _settings(line: bytes, path: Path) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise FormatError("not a file of kept predictions; remove it, or name another --out", file=path)
    return told


def _differing(told: Mapping[str, Any], asked: Mapping[str, Any]) -> Sequence[str]:
    return [
        f"{key}: {told.get(key)!r} then, {asked.get(key)!r} now"
        for key in sorted({*told, *asked})
        if told.get(key) != asked.get(key)
    ]
