"""Whole numbers are fitted to images, and to images alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.experiments.export.whole_numbers import quantize
from segloop.experiments.onnx.model import OnnxModel
from segloop.utils.errors import UserError


def test_without_images_there_is_nothing_to_fit(tiny_onnx: Path) -> None:
    with pytest.raises(UserError, match="no image to fit"):
        quantize(tiny_onnx, [], notes=OnnxModel.load(tiny_onnx).notes)
