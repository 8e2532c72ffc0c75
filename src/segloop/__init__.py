"""SegLoop: from raw labels to a segmentation model that you can defend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from segloop.experiments.predict.model import Model

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(run_or_config: Path | str, checkpoint: Path | str | None = None, **options: Any) -> Model:
    """Load a model that predicts, by a config, a work_dir, a RUN, weights or an .onnx file.

    `model.predict(image)` returns its prediction. `options` are `device` and those of
    `segloop.experiments.predict.model.Settings`: tta, window_hw, overlap, thresholds, score_thr, precision,
    batch_size, fuse, compile.

    >>> model = load("work_dirs/config_experiment_1")  # doctest: +SKIP
    >>> model.predict("image.jpg").save("mask.png")  # doctest: +SKIP
    """
    from segloop.experiments.predict.start import start  # torch comes with most models

    return start(run_or_config, checkpoint, **options)
