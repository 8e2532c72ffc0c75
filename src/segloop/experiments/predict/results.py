"""What a model found in one image: an index mask, or objects; numpy only, so that a worker can read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from segloop.analysis.instances import Instances
from segloop.data.annotations import Bitmap, ImageRecord, Instance, LabelSet
from segloop.data.masks import Runs, paint, to_strings
from segloop.data.palette import complete_colors
from segloop.data.png import encode_grey, encode_indices, encode_rgb
from segloop.utils.atomic import open_atomic
from segloop.utils.errors import UserError

MOST_NAMED = 256  # classes that a palette has colours for
MOST_NUMBERED = 65_535  # objects that a PNG has values for


@dataclass(frozen=True, kw_only=True, eq=False)
class SemanticPrediction:
    """The class of each pixel: `mask` [H, W], uint8 or uint16, holds places in `classes`.

    `image` is what was looked at, RGB [H, W, 3] uint8, where the caller has it.
    """

    mask: np.ndarray
    classes: LabelSet
    image: np.ndarray | None = None

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the image."""
        return self.mask.shape[0], self.mask.shape[1]

    def overlay(self, image: np.ndarray | None = None) -> np.ndarray:
        """Return the image with its classes tinted and outlined, RGB [H, W, 3] uint8."""
        from segloop.viz.overlay import overlay

        return overlay(
            _shown(image, self.image), self.mask, _palette(self.classes), background=self.classes.background
        )

    def record(self, image: ImageRecord) -> ImageRecord:
        """Return the image with this index map in the form in which formats are written."""
        return replace(image, size_hw=self.size_hw, semantic=self.mask)

    def save(self, path: Path | str) -> Path:
        """Write the index mask as PNG, with the classes' colours as its palette; return the path."""
        path = _require(path, ".png", what="an index mask")
        wide = self.mask.dtype != np.uint8
        data = encode_grey(self.mask) if wide else encode_indices(self.mask, palette=_palette(self.classes))
        return _write(path, data)


@dataclass(frozen=True, kw_only=True, eq=False)
class InstancePrediction:
    """The objects of an image, the surest first: masks as run lengths, places in `classes`, scores.

    `runs` are COCO's (column by column); `segloop.data.masks.decode(runs, size_hw)` makes a mask of them.
    """

    instances: Instances
    classes: LabelSet
    image: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.instances)

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the image."""
        return self.instances.size_hw

    @property
    def runs(self) -> Sequence[Runs]:
        """The masks as run lengths."""
        return self.instances.runs

    @property
    def labels(self) -> np.ndarray:
        """Places in `classes`, [N] int64."""
        return self.instances.labels

    @property
    def scores(self) -> np.ndarray:
        """Confidences between 0 and 1, [N] float64."""
        scores = self.instances.scores
        return np.ones(len(self)) if scores is None else scores

    def numbers(self) -> np.ndarray:
        """Return a map [H, W] of object numbers from 1; where objects overlap, the surest is seen.

        It is of uint16, of more than 65,535 objects of uint32.
        """
        canvas = np.zeros(self.size_hw, np.uint16 if len(self) <= MOST_NUMBERED else np.uint32)
        order = np.argsort(self.scores, kind="stable")
        paint([self.runs[place] for place in order], (order + 1).tolist(), canvas)
        return canvas

    def numbers_as_png(self) -> bytes:
        """Return the map of object numbers as a PNG of 16 bits."""
        if len(self) > MOST_NUMBERED:
            raise UserError(f"A PNG numbers {MOST_NUMBERED} objects, and there are {len(self)}: take JSON.")
        return encode_grey(self.numbers())

    def overlay(self, image: np.ndarray | None = None) -> np.ndarray:
        """Return the image with its objects tinted and outlined, RGB [H, W, 3] uint8."""
        from segloop.viz.overlay import outlined

        palette = _palette(self.classes)
        nothing = len(palette)
        objects = self.numbers()
        classes = np.append(nothing, self.labels)[objects]
        return outlined(_shown(image, self.image), classes, objects, palette, ground=nothing, opacity=0.35)

    def record(self, image: ImageRecord) -> ImageRecord:
        """Return the image with these objects in the form in which formats are written."""
        found = zip(self.runs, self.labels.tolist(), self.scores.tolist(), strict=True)
        instances = tuple(
            Instance(
                label=self.classes.names[label], shape=Bitmap(self.size_hw, runs), score=score, source="auto"
            )
            for runs, label, score in found
        )
        return replace(image, size_hw=self.size_hw, instances=instances)

    def save(self, path: Path | str) -> Path:
        """Write COCO results (`.json`), or a 16-bit map of object numbers (`.png`); return the path.

        Categories are numbered from 1, in the order of the classes.
        """
        path = Path(path)
        if path.suffix.lower() == ".png":
            return _write(path, self.numbers_as_png())
        path = _require(path, ".json", what="objects (or .png for a map of their numbers)")
        texts = to_strings(list(self.runs))
        found = [
            {
                "category_id": int(label) + 1,
                "segmentation": {"size": list(self.size_hw), "counts": text},
                "score": float(score),
            }
            for label, score, text in zip(self.labels, self.scores, texts, strict=True)
        ]
        return _write(path, (json.dumps(found) + "\n").encode())


Prediction = SemanticPrediction | InstancePrediction


def save_overlay(prediction: Prediction, path: Path | str, *, image: np.ndarray | None = None) -> Path:
    """Write the picture of a prediction, PNG or JPEG by its name; return the path."""
    path, picture = Path(path), prediction.overlay(image)
    if path.suffix.lower() == ".png":
        return _write(path, encode_rgb(picture))
    import cv2

    good, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    if not good:
        raise UserError(f"{path}: a picture of {picture.shape[1]}x{picture.shape[0]} pixels is no JPEG.")
    return _write(path, data.tobytes())


def _palette(classes: LabelSet) -> list[tuple[int, int, int]]:
    colors = complete_colors([label.color for label in classes.labels], background=classes.background)
    return [(color[0], color[1], color[2]) for color in colors][:MOST_NAMED]


def _shown(given: np.ndarray | None, known: np.ndarray | None) -> np.ndarray:
    image = known if given is None else given
    if image is None:
        raise UserError("This prediction came without its image: give it, RGB [H, W, 3] uint8.")
    return image


def _require(path: Path | str, suffix: str, *, what: str) -> Path:
    path = Path(path)
    if path.suffix.lower() != suffix:
        raise UserError(f"{path}: {what} is saved to a file that ends in {suffix}.")
    return path


def _write(path: Path, data: bytes) -> Path:
    with open_atomic(path, "wb") as file:
        file.write(data)
    return path
