"""Channels and bits of image files."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segloop.data.depth import Depth, depth_of, depth_of_file
from segloop.data.image_files import image_facts


def tiff(channels: int, bits: int, order: str = "<") -> bytes:
    """Return the head of a TIFF; the bits of several channels stand apart from their tag."""
    tags = [(277, 1, struct.pack(f"{order}HH", channels, 0))]
    tags.insert(
        0,
        (
            258,
            channels,
            struct.pack(f"{order}I", 40) if channels > 2 else struct.pack(f"{order}HH", bits, bits),
        ),
    )
    body = struct.pack(f"{order}H", len(tags))
    body += b"".join(struct.pack(f"{order}HHI", tag, 3, count) + value for tag, count, value in tags)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8) + body
    return head.ljust(40, b"\0") + struct.pack(f"{order}{channels}H", *[bits] * channels)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("channels", "bits"), [(1, 16), (3, 8), (5, 16)])
def test_a_tiff_tells_channels_and_bits(channels: int, bits: int, order: str) -> None:
    assert depth_of(tiff(channels, bits, order)) == Depth("TIFF", channels, bits)


def test_pngs_tell_and_others_do_not(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((2, 2), np.uint16)).save(tmp_path / "a.png")
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "b.jpg")
    assert depth_of_file(tmp_path / "a.png") == Depth("PNG", 1, 16)
    assert depth_of_file(tmp_path / "b.jpg") is None
    assert depth_of_file(tmp_path / "c.tif") is None
    assert depth_of(tiff(5, 16)[:20]) is None


def test_an_image_of_five_channels_is_told_as_such() -> None:
    assert (
        image_facts(tiff(5, 16)).error == "a TIFF of 5 channel(s) of 16 bits; images have 1, 3 or 4 channels"
    )
