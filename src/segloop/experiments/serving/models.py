"""Loads what is served: an exported model by ONNX Runtime, anything else by torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segloop.experiments.onnx.model import SUFFIX, OnnxModel
from segloop.experiments.predict.results import Prediction
from segloop.experiments.serving.batching import Model
from segloop.utils.errors import UserError


class TorchModel:
    """A model of `segloop.load`, for images that are RGB."""

    def __init__(self, model: Any) -> None:
        self.model, self.classes, self.told = model, model.classes, tuple(model.told)

    def predict_batch(self, images: Sequence[np.ndarray]) -> Sequence[Prediction]:
        """Return a prediction for each image, RGB [H, W, 3] uint8."""
        return self.model.predict(list(images), channels="rgb")


def load_model(
    target: Path | str, checkpoint: Path | str | None = None, *, threads: int | None = None
) -> Model:
    """Load an `.onnx` file, or a config, work_dir, RUN or file of weights as `segloop.load` does."""
    if Path(target).suffix.lower() == SUFFIX:
        if checkpoint is not None:
            raise UserError(f"{target} holds its weights: {checkpoint} is one word too many.")
        return OnnxModel.load(target, threads=threads)
    import segloop

    model = segloop.load(target, checkpoint)
    if threads is not None:
        import torch  # there, since it has loaded the model

        torch.set_num_threads(threads)
    return TorchModel(model)
