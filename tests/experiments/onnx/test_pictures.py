"""Images are decoded as mmcv decodes them, and damage is found before a pixel is."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segloop.experiments.onnx.pictures import read_rgb
from segloop.utils.errors import DataError


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return an image as a file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_what_is_read_is_what_training_reads(tmp_path: Path) -> None:
    from mmcv import imread

    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    turned = Image.Exif()
    turned[0x0112] = 6
    files = {
        "a.png": encoded(Image.fromarray(noise), "PNG"),
        "b.jpg": encoded(Image.fromarray(noise[..., :3]), "JPEG", exif=turned),
        "c.png": encoded(Image.fromarray(noise[..., 0]), "PNG"),
        "d.png": encoded(Image.fromarray(noise[..., 0].astype(np.uint16) * 200), "PNG"),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        ours = read_rgb(tmp_path / name)
        assert np.array_equal(ours, imread(str(tmp_path / name))[..., ::-1]), name
        assert np.array_equal(ours, read_rgb(data))
    assert read_rgb(files["b.jpg"]).shape == (30, 20, 3)


def test_damage_and_size_are_told(tmp_path: Path) -> None:
    data = encoded(Image.new("RGB", (30, 20)), "PNG")
    with pytest.raises(DataError, match="truncated"):
        read_rgb(data[:-20])
    with pytest.raises(DataError, match="30x20 pixels; the limit is 100 in all"):
        read_rgb(data, most_pixels=100)
    (tmp_path / "a.png").write_bytes(b"hello")
    with pytest.raises(DataError, match=r"a\.png: not an image"):
        read_rgb(tmp_path / "a.png")
