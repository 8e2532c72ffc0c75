"""`predictions/results.json`: what was found, in COCO's results form, written and read one image at a time.

It is one JSON list with one object to a line, those of an image one after the other: pycocotools loads
it as a whole and we read it in pieces.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from segloop.analysis.instances import Instances
from segloop.data.masks import Runs, runs_from_strings, to_strings
from segloop.utils.errors import FormatError

KEYS = ("image_id", "category_id", "segmentation", "score")


class ResultsWriter:
    """Writes the file object by object; `close` makes it whole."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8", newline="")
        self._begun = False

    def add(self, results: Sequence[Mapping[str, Any]]) -> None:
        """Add the objects of an image, as `results_of` gives them."""
        for each in results:
            self._file.write(",\n" if self._begun else "[\n")
            self._file.write(json.dumps(each, ensure_ascii=False, separators=(",", ":")))
            self._begun = True

    def close(self) -> None:
        """End the list."""
        self._file.write("\n]\n" if self._begun else "[\n]\n")
        self._file.close()


def results_of(found: Instances, *, image_id: Any, category_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return the objects of an image as COCO has them; `category_ids` are those of the class indices.

    >>> found = Instances.of_bitmaps([[[0, 1], [0, 1]]], [1], scores=[0.5])
    >>> results_of(found, image_id=7, category_ids=[3, 4])[0]["category_id"]
    4
    """
    scores = found.scores if found.scores is not None else np.ones(len(found))
    return [
        {
            "image_id": image_id,
            "category_id": category_ids[label],
            # Without a box: pycocotools would take its area for the mask's.
            "segmentation": {"size": list(found.size_hw), "counts": text},
            "score": float(f"{score:.9g}"),  # tells any two float32 apart
        }
        for label, score, text in zip(
            found.labels.tolist(), scores.tolist(), to_strings(found.runs), strict=True
        )
    ]


class ResultsFile:
    """The objects of each image, by COCO's image id, read when they are asked for.

    `labels` gives the class index of each category id.
    """

    def __init__(self, path: Path, *, labels: Mapping[int, int]) -> None:
        self.path = path
        self.labels = dict(labels)

    def __iter__(self) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
        """Yield the id of each image that has objects, and those."""
        image_id: Any = None
        results: list[dict[str, Any]] = []
        for _, each in self._lines():
            if results and each["image_id"] != image_id:
                yield image_id, results
                results = []
            image_id = each["image_id"]
            results.append(each)
        if results:
            yield image_id, results

    def of(self, image_id: Any, *, size_hw: tuple[int, int]) -> Instances:
        """Return the objects of an image as run lengths."""
        results: list[dict[str, Any]] = []
        if str(image_id) in self._places:
            with self.path.open("rb") as file:
                file.seek(self._places[str(image_id)])
                for line in file:
                    each = _object(line)
                    if each is None or str(each["image_id"]) != str(image_id):
                        break
                    results.append(each)
        return self.instances(results, size_hw=size_hw)

    def instances(self, results: Sequence[Mapping[str, Any]], *, size_hw: tuple[int, int]) -> Instances:
        """Return the objects of one image as run lengths."""
        for each in results:
            if each["segmentation"].get("size") != list(size_hw):
                raise FormatError(
                    f"the size of a mask is {each['segmentation'].get('size')}, that of the image "
                    f"{list(size_hw)} (height, width)",
                    file=self.path,
                    where=f"image {each['image_id']}",
                )
        texts = [each["segmentation"]["counts"] for each in results]
        runs: list[Runs] | None = runs_from_strings(texts, size_hw[0] * size_hw[1]) if texts else []
        if runs is None:
            where = f"image {results[0]['image_id']}"
            raise FormatError(
                f"a mask does not fill {size_hw[1]}x{size_hw[0]} pixels", file=self.path, where=where
            )
        unknown = {each["category_id"] for each in results} - set(self.labels)
        if unknown:
            told = min(map(repr, unknown))
            raise FormatError(f"category {told} is none of the RUN's classes", file=self.path)
        return Instances(
            runs=runs,
            labels=np.array([self.labels[each["category_id"]] for each in results], np.int64),
            size_hw=size_hw,
            scores=np.array([each["score"] for each in results], np.float64),
        )

    @cached_property
    def _places(self) -> dict[str, int]:
        """Where the first object of each image stands, in bytes."""
        found: dict[str, int] = {}
        for offset, each in self._lines():
            found.setdefault(str(each["image_id"]), offset)
        return found

    def _lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise FormatError("the file is missing", file=self.path) from error
        with file:
            if file.readline().strip() != b"[":
                raise FormatError("it does not begin as a RUN's results do", file=self.path)
            offset, last = file.tell(), b""
            for number, line in enumerate(file, 2):
                last = line.strip()
                if last == b"]":
                    return
                each = _object(line)
                if each is None:
                    raise FormatError(
                        "this is no object of COCO's results", file=self.path, where=f"line {number}"
                    )
                yield offset, each
                offset += len(line)
        raise FormatError("the file ends in the middle; test again", file=self.path)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        each = json.loads(line.strip().removesuffix(b","))
    except ValueError:
        return None
    return each if isinstance(each, dict) and set(KEYS) <= set(each) and _is_sound(each) else None


def _is_sound(each: Mapping[str, Any]) -> bool:
    """Return whether an object's values are of the kinds that `results_of` writes."""
    ids = (each["image_id"], each["category_id"])
    mask, score = each["segmentation"], each["score"]
    return (
        all(isinstance(value, int | str) for value in ids)
        and isinstance(mask, dict)
        and isinstance(mask.get("counts"), str)
        and isinstance(score, int | float)
    )
