"""Brings a model's convolutions to whole numbers of 8 bits, their ranges fitted to images."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from segloop.experiments.onnx.model import INPUT, OnnxModel, as_seen
from segloop.experiments.onnx.notes import ModelNotes
from segloop.experiments.onnx.pictures import read_rgb
from segloop.utils.errors import UserError
from segloop.utils.quiet import report_nothing

PRECISION = "int8"


def quantize(path: Path, images: Sequence[Path], *, notes: ModelNotes) -> Path:
    """Write `<stem>.int8.onnx` beside a float model and return its path.

    Only convolutions change, with a scale for each of their channels; values and weights are signed, because
    processors without VNNI clip the sums of unsigned ones (measured: docs/export.md).
    """
    if not images:
        raise UserError("There is no image to fit the whole numbers to.")
    report_nothing()
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared, target = path.with_suffix(".prepared.onnx"), path.with_suffix(f".{PRECISION}.onnx")
    logging.disable(logging.WARNING)  # it says what it does, and to prepare what is prepared
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
            quantize_static(
                str(prepared),
                str(target),
                _reader(images, notes),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                per_channel=True,
                activation_type=QuantType.QInt8,
                weight_type=QuantType.QInt8,
            )
    finally:
        logging.disable(logging.NOTSET)
        prepared.unlink(missing_ok=True)
    content = onnx.load(target)
    onnx.helper.set_model_props(content, replace(notes, precision=PRECISION).metadata())
    onnx.save(content, target)
    return target


def compare_precisions(floats: Path, whole: Path, images: Sequence[Path]) -> str:
    """Return a line on how the two models differ on images, in what they see and in the time they take."""
    models = [OnnxModel.load(each, threads=1) for each in (floats, whole)]
    seconds, equal = [0.0, 0.0], []
    for file in images:
        image, masks = read_rgb(file), []
        for place, model in enumerate(models):
            begin = time.perf_counter()
            masks.append(model.predict(image).mask)
            seconds[place] += time.perf_counter() - begin
        equal.append(np.mean(masks[0] == masks[1]))
    bytes_ = [each.stat().st_size for each in (floats, whole)]
    return (
        f"In whole numbers: {100 * float(np.mean(equal)):.2f} % of the pixels of {len(images)} training "
        f"images equal, {seconds[0] / seconds[1]:.2f} times the speed (one thread), "
        f"{bytes_[0] / bytes_[1]:.1f} times smaller. Score it before you use it."
    )


def _reader(images: Sequence[Path], notes: ModelNotes) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Images(CalibrationDataReader):
        """Feeds the images one by one."""

        def __init__(self) -> None:
            self.rest = iter(images)

        def get_next(self) -> dict[str, np.ndarray] | None:
            """Return the next image as the model wants it; None after the last."""
            file = next(self.rest, None)
            return None if file is None else {INPUT: self._part(read_rgb(file))[None]}

        def _part(self, image: np.ndarray) -> np.ndarray:
            seen = as_seen(image, notes.resizing)
            if notes.windows is None:
                return seen
            height, width = notes.windows.size_hw
            return np.ascontiguousarray(seen[:height, :width])

    return Images()
