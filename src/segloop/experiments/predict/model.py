"""A model that predicts: images of any kind in, predictions out, alone or in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from segloop.data.annotations import LabelSet, SizeHW
from segloop.experiments.predict.pictures import Channels, Pictures, as_bgr, as_rgb
from segloop.experiments.predict.plan import images_together, network_size
from segloop.experiments.predict.results import Prediction
from segloop.experiments.predict.views import NAMES as VIEW_NAMES
from segloop.experiments.predict.windows import OVERLAP, make_grid
from segloop.utils.errors import DataError, UserError

if TYPE_CHECKING:
    from PIL.Image import Image

    from segloop.experiments.predict.instance import InstancePredictor
    from segloop.experiments.predict.semantic import SemanticPredictor

PRECISIONS = ("float32", "bfloat16", "float16")
BATCH_PIXELS = {"cpu": 1 << 18, "cuda": 1 << 23}  # of the images that go through the network together


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a model predicts; all of it changes results, `batch_size` and `compile` by rounding only.

    Args:
        tta: views that are averaged: mirrored, `h`, `v` or `hv`, or turned by a quarter, too, `hvr`; none by
            default.
        window_hw: images that are larger are predicted in windows of this size, without the test pipeline's
            resizing to a size; one by a factor is done to each window.
        overlap: the share of a window that its neighbour sees, too; at most a half.
        thresholds: a file of `tools/tune.py`; by default the one beside the checkpoint, None for none.
        score_thr: in place of the tuned scores (or probabilities), for each class; sizes stay.
        precision: `float32`, `bfloat16`, `float16`, or `auto`: bfloat16 where the processor computes in it.
        batch_size: images that go through the network together; by default as many as fit some pixels.
        fuse: batch norm and ReLU are computed with the convolutions.
        compile: by `torch.compile`, which takes minutes first.
    """

    tta: str = ""
    window_hw: SizeHW | None = None
    overlap: float = OVERLAP
    thresholds: Path | str | None = "auto"
    score_thr: float | None = None
    precision: str = "auto"
    batch_size: int | None = None
    fuse: bool = True
    compile: bool = False

    def __post_init__(self) -> None:
        if self.tta not in ("", *VIEW_NAMES):
            raise UserError(f"--tta {self.tta!r}: choose {', '.join(VIEW_NAMES)}.")
        if self.precision != "auto" and self.precision not in PRECISIONS:
            raise UserError(f"--precision {self.precision!r}: choose auto, {', '.join(PRECISIONS)}.")
        if self.score_thr is not None and not 0 <= self.score_thr <= 1:
            raise UserError(f"--score-thr {self.score_thr}: a score lies between 0 and 1.")
        if self.batch_size is not None and self.batch_size < 1:
            raise UserError(f"--batch-size {self.batch_size}: a batch has at least 1 image.")
        window_hw = self.window_hw or (1, 1)  # a wrong share is one without a window, too
        make_grid(window_hw, window_hw, overlap=self.overlap)  # or an error in words


class Model:
    """A trained model: `predict(image)` returns a `SemanticPrediction` or an `InstancePrediction`.

    `classes` are the names and colours of its classes, `told` what the user may want to know about it.
    """

    def __init__(
        self,
        predictor: SemanticPredictor | InstancePredictor,
        pictures: Pictures,
        *,
        settings: Settings,
        about: dict[str, Any],
        divisor: int = 1,
        told: Sequence[str] = (),
    ) -> None:
        self.predictor, self.pictures, self.settings = predictor, pictures, settings
        self.about, self.told = about, tuple(told)
        self.divisor = divisor

    @property
    def classes(self) -> LabelSet:
        """The model's classes, in the order of their indices."""
        return self.predictor.classes

    @property
    def kind(self) -> str:
        """`semantic` or `instance`."""
        return self.about["kind"]

    def __str__(self) -> str:
        """Return what predicts, in a line."""
        ways = [self.about["precision"], *([f"views {self.settings.tta}"] if self.settings.tta else [])]
        if self.settings.window_hw:
            ways.append("windows of {}x{}".format(*self.settings.window_hw))
        where = ", ".join([self.about["device"], *ways])
        return f"{self.about['checkpoint']}: {self.kind}, {len(self.classes)} classes, {where}"

    @overload
    def predict(self, image: list, *, channels: Channels | None = None) -> list[Prediction]: ...
    @overload
    def predict(
        self, image: Path | str | np.ndarray | Image, *, channels: Channels | None = None
    ) -> Prediction: ...
    def predict(self, image: Any, *, channels: Channels | None = None) -> Prediction | list[Prediction]:
        """Return what the model finds in an image, or a list of them.

        An image is a path, a Pillow image, or an array [H, W] or [H, W, 3] of uint8 or uint16; of an array
        with colours `channels` says whether they are `rgb` or `bgr`. What cannot be read is a DataError.
        """
        if not isinstance(image, list):
            return self._shown([self._sample(image, channels)])[0]
        found: list[Any] = [None] * len(image)
        waiting: dict[Any, list[tuple[int, dict[str, Any]]]] = {}
        for place, each in enumerate(image):
            sample = self._sample(each, channels)
            group = waiting.setdefault(self.shape_of(sample), [])
            group.append((place, sample))
            if len(group) >= self.batch_size(sample["shown"].shape[:2]):
                self._finish(group, found)
        for group in waiting.values():
            self._finish(group, found)
        return found

    def predict_samples(self, samples: Sequence[dict[str, Any]]) -> list[Prediction]:
        """Return the predictions of samples (`pictures`) that share a size at the network's door."""
        if self.settings.window_hw is not None and self._is_large(samples[0]["shown"].shape[:2]):
            found: list[Any] = [self._in_windows(sample) for sample in samples]
        else:
            found = list(self.predictor.predict(samples))
        return found

    def batch_size(self, size_hw: Sequence[int]) -> int:
        """Return how many images of a size go together."""
        if self.settings.batch_size:
            return self.settings.batch_size
        return images_together(size_hw[0] * size_hw[1], self.most_pixels)

    @property
    def most_pixels(self) -> int:
        """Pixels that go through the network together."""
        return BATCH_PIXELS.get(self.predictor.device.type, BATCH_PIXELS["cpu"])

    def input_size(self, size_hw: SizeHW) -> SizeHW | None:
        """Return the size at the network's door of an image; None for one that is taken alone."""
        if self.settings.window_hw is not None and self._is_large(size_hw):
            return None
        return network_size(size_hw, self.pictures.steps, divisor=self.divisor) or size_hw

    def shape_of(self, sample: dict[str, Any]) -> tuple[int, ...]:
        """Return the padded size of a sample; those of one size may share a batch."""
        if self.settings.window_hw is not None and self._is_large(sample["shown"].shape[:2]):
            return (id(sample),)
        return tuple(-(-side // self.divisor) * self.divisor for side in sample["inputs"].shape[1:])

    def _sample(self, image: Any, channels: Channels | None) -> dict[str, Any]:
        if not isinstance(image, str | Path):
            return self.pictures.of_array(as_bgr(image, channels=channels))
        if not Path(image).is_file():
            raise DataError(f"There is no image {str(image)!r}.")
        try:
            return self.pictures.of_file(Path(image))
        except DataError as error:
            raise DataError(f"{image}: {error}") from error

    def _finish(self, group: list[tuple[int, dict[str, Any]]], found: list[Any]) -> None:
        if group:
            predictions = self._shown([sample for _, sample in group])
            for (place, _), prediction in zip(group, predictions, strict=True):
                found[place] = prediction
        group.clear()

    def _shown(self, samples: Sequence[dict[str, Any]]) -> list[Prediction]:
        """Return predictions that have their images with them."""
        found = self.predict_samples(samples)
        return [
            replace(each, image=as_rgb(sample["shown"])) for each, sample in zip(found, samples, strict=True)
        ]

    def _is_large(self, size_hw: Sequence[int]) -> bool:
        window = self.settings.window_hw
        return window is not None and (size_hw[0] > window[0] or size_hw[1] > window[1])

    def _in_windows(self, sample: dict[str, Any]) -> Prediction:
        shown, window = sample["shown"], self.settings.window_hw
        assert window is not None
        shown = shown if shown.ndim == 3 else shown[..., None]
        grid = make_grid((shown.shape[0], shown.shape[1]), window, overlap=self.settings.overlap)
        many = self.batch_size(window)
        return self.predictor.predict_windows(
            grid, lambda rows, columns: self.pictures.of_array(shown[rows, columns]), batch_size=many
        )
