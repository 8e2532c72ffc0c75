"""What became of the images that somebody dropped: predictions, and files to take away, made once each."""

from __future__ import annotations

import io
import shutil
import tempfile
import weakref
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from segloop.app.found import Found, found_in, table_csv
from segloop.app.uploads import Limits, take_in
from segloop.data.annotations import ImageRecord
from segloop.data.png import encode_rgb
from segloop.experiments.onnx.pictures import read_rgb
from segloop.experiments.predict.model import Model
from segloop.experiments.predict.results import Prediction
from segloop.experiments.predict.run import Predicted, predict_images
from segloop.utils.errors import UserError

_EPOCH = (1980, 1, 1, 0, 0, 0)  # no clock in data files


@dataclass
class Outcome:
    """The predictions of one drop; its folder is removed when nobody holds it any more."""

    predicted: Predicted
    objects: bool
    refused: tuple[str, ...]
    folder: Path
    _last: tuple[str, Prediction] | None = None  # the others lie in the folder

    def __post_init__(self) -> None:
        self.forget = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    @property
    def images(self) -> list[ImageRecord]:
        """The images that were predicted."""
        return [image for image, _ in self.predicted.entries()]

    def prediction(self, image_id: str) -> Prediction:
        """Return what was found in an image."""
        last = self._last
        if last is None or last[0] != image_id:
            last = image_id, self.predicted.load.prediction(self.predicted.places[image_id])
            self._last = last
        return last[1]

    def picture(self, image_id: str) -> np.ndarray:
        """Return an image as training would have seen it, RGB."""
        file = next(each.file for each in self.images if each.image_id == image_id)
        assert file is not None
        return read_rgb(file)

    def found(self, image_id: str) -> list[Found]:
        """Return the objects of an image."""
        return self._found[image_id]

    @cached_property
    def _found(self) -> dict[str, list[Found]]:
        return {each.image_id: found_in(self.prediction(each.image_id)) for each in self.images}

    def csv(self) -> bytes:
        """Return a table of all that was found."""
        return table_csv(list(self._found.items())).encode()

    def mask_png(self, image_id: str) -> bytes:
        """Return the index mask of an image, or the map of its objects' numbers."""
        return self.prediction(image_id).save(self.folder / "mask.png").read_bytes()

    def masks(self) -> bytes:
        """Return the masks of all images, zipped."""
        return zipped([(f"{each.image_id}.png", self.mask_png(each.image_id)) for each in self.images])


def predict_uploads(
    model: Model,
    files: Sequence[tuple[str, bytes]],
    *,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Predict uploaded images, name and bytes each; one that cannot be used costs a line in `refused`."""
    folder = Path(tempfile.mkdtemp(prefix="segloop-app-"))
    try:
        images = folder / "images"
        images.mkdir()
        taken = take_in(files, images, limits=limits)
        if not taken.images:
            raise UserError("None of these files can be predicted:\n\n" + "\n\n".join(taken.refused))
        predicted = predict_images(model, taken.images, folder / "kept", progress=progress, workers=1)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    skipped = tuple(f"{name}: {why}" for name, why in predicted.skipped.items())
    return Outcome(predicted, model.kind == "instance", (*taken.refused, *skipped), folder)


def picture_png(image: np.ndarray) -> bytes:
    """Return an RGB image as PNG."""
    return encode_rgb(image)


def zipped(files: Sequence[tuple[str, bytes]]) -> bytes:
    """Return files as a zip, the same bytes at any time of day."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)
    return target.getvalue()
