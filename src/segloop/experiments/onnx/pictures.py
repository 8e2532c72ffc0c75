"""Decodes images as training decodes them, after a look at their headers: no torch, and no surprises."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segloop.data.image_files import MOST_PIXELS, image_facts
from segloop.utils.errors import DataError


def read_rgb(file: Path | bytes, *, most_pixels: int = MOST_PIXELS) -> np.ndarray:
    """Return an image, RGB [H, W, 3] uint8, of a file or of what it holds; a DataError says what is wrong.

    As mmcv's loader does, grey becomes three equal channels, 16 bits their upper 8, alpha is dropped, and the
    EXIF orientation turns the image. Damage and size are found in the bytes, before a pixel is decoded.
    """
    facts = image_facts(file, most_pixels=most_pixels)
    name = f"{file}: " if isinstance(file, Path) else ""
    if facts.error:
        raise DataError(f"{name}{facts.error}")
    import cv2

    data = file if isinstance(file, bytes) else file.read_bytes()
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise DataError(f"{name}cannot be decoded ({error.err})") from error
    if image is None:
        raise DataError(f"{name}cannot be decoded")
    return np.ascontiguousarray(image[..., ::-1])
