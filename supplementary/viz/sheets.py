"""Puts tiles on one sheet and writes it as a PNG with few colours: what the galleries share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segloop.utils.atomic import open_atomic

GAP = 6  # white pixels between tiles


def in_rows(tiles: Sequence[np.ndarray], *, columns: int, gap: int = GAP) -> np.ndarray:
    """Return tiles of one size, HxWx3, row by row, with white between them and below."""
    framed = [np.pad(tile, ((0, gap), (0, gap), (0, 0)), constant_values=255) for tile in tiles]
    rows = [np.concatenate(framed[k : k + columns], axis=1) for k in range(0, len(framed), columns)]
    return np.concatenate(rows, axis=0)[:, :-gap]


def write_sheet(sheet: np.ndarray, out: Path, *, colors: int = 256, rounds: int = 2) -> None:
    """Write a sheet with as many colours, found in so many rounds, and say how large it is."""
    from PIL import Image

    few = Image.fromarray(sheet).quantize(colors, kmeans=rounds, dither=Image.Dither.NONE)
    with open_atomic(out, "wb") as file:
        few.save(file, "PNG", optimize=True)
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB")
