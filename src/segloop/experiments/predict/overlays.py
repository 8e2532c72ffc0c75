"""Draws what was found over the images, in as many processes as there are cores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from segloop.data.annotations import ImageRecord
from segloop.experiments.onnx.pictures import read_rgb
from segloop.experiments.predict.kept import LoadKept, Place
from segloop.experiments.predict.results import save_overlay
from segloop.experiments.predict.run import Predicted
from segloop.utils.errors import UserError
from segloop.utils.workers import map_ordered

MOST_OF_JPEG = 65_500  # pixels of a side


@dataclass(frozen=True)
class DrawOverlay:
    """Draws one image's picture below a folder."""

    load: LoadKept
    folder: Path

    def __call__(self, key: tuple[ImageRecord, Place]) -> None:
        """Write `<folder>/<image_id>.jpg`, or `.png` where the image is too long for a JPEG."""
        image, place = key
        assert image.file is not None
        rgb = read_rgb(image.file)
        suffix = ".jpg" if max(rgb.shape) <= MOST_OF_JPEG else ".png"
        save_overlay(self.load.prediction(place), self.folder / f"{image.image_id}{suffix}", image=rgb)


def draw_overlays(
    predicted: Predicted,
    folder: Path,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a picture of each image below `folder`, under its id."""
    keys = predicted.entries()
    workers = (1 if len(keys) < 64 else None) if workers is None else workers  # processes cost a second
    drawn = map_ordered(DrawOverlay(predicted.load, folder), keys, workers=workers)
    try:
        for done, _ in enumerate(drawn, start=1):
            if progress is not None:
                progress(done, len(keys))
    except OSError as error:
        raise UserError(f"Pictures cannot be written to {folder}: {error.strerror or error}.") from error
