"""Write 8-bit PNG files, RGB or with a palette, whose bytes depend on their pixels alone."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TRUECOLOR, _PALETTE = 2, 3
_FILTER_NONE, _FILTER_UP = 0, 2


def encode_rgb(image: np.ndarray, *, level: int = 6) -> bytes:
    """Return a PNG of an HxWx3 uint8 image."""
    height, width = image.shape[:2]
    rows = np.ascontiguousarray(image).reshape(height, width * 3)
    filtered = np.empty((height, width * 3 + 1), np.uint8)
    filtered[:, 0] = _FILTER_UP  # photographs shrink by a third when rows are stored as differences
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    return _assemble(width, height, _TRUECOLOR, filtered, level=level)


def encode_indices(mask: np.ndarray, *, palette: Sequence[Sequence[int]], level: int = 9) -> bytes:
    """Return a palette PNG of an HxW uint8 mask: pixel values are class indices, colours are for the eye.

    >>> encode_indices(np.zeros((2, 3), np.uint8), palette=[(0, 0, 0)])[1:4]
    b'PNG'
    """
    height, width = mask.shape
    rows = np.empty((height, width + 1), np.uint8)
    rows[:, 0] = _FILTER_NONE
    rows[:, 1:] = mask
    colors = np.zeros((256, 3), np.uint8)
    colors[: len(palette)] = palette
    colors[255] = 255  # what is ignored shows as white
    return _assemble(width, height, _PALETTE, rows, level=level, palette=colors.tobytes())


def _assemble(
    width: int, height: int, kind: int, rows: np.ndarray, *, level: int, palette: bytes = b""
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    chunks = [_chunk(b"IHDR", header)]
    if palette:
        chunks.append(_chunk(b"PLTE", palette))
    chunks.append(_chunk(b"IDAT", zlib.compress(rows.tobytes(), level)))
    chunks.append(_chunk(b"IEND", b""))
    return _SIGNATURE + b"".join(chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
