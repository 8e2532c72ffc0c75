"""The colours of spacecraft masks: which part each stands for, and how far a colour may be off."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from segloop.data.image_files import decoding_error, structure_damage
from segloop.data.index_masks import MaskFacts

TOLERANCE = 64
MOST_TOLERANCE = 127  # with more, a colour could be near to two
_MODES = ("RGB", "RGBA", "P", "PA", "L", "LA", "1")
_STRANGE = 255
# The part of a colour by its channels, each on or off: bit 0 is red, 1 green, 2 blue; 8 and more is neither.
_KINDS = np.full(16, _STRANGE, np.uint8)
_KINDS[[0, 1, 2, 4]] = [0, 1, 2, 3]


def read_colors(file: Path) -> tuple[np.ndarray, MaskFacts]:
    """Return a mask's colours, [H, W, 3] uint8, and its facts; what is wrong with it is `facts.error`."""
    nothing = np.zeros((0, 0, 3), np.uint8)
    try:
        data = file.read_bytes()
        if damage := structure_damage(data):
            return nothing, MaskFacts(error=damage)
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.mode not in _MODES:
                return nothing, MaskFacts(error=f"it is of the kind {image.mode}; colours of 8 bits are read")
            pixels = np.asarray(image.convert("RGB"))
    except OSError as error:
        return nothing, MaskFacts(error=error.strerror or decoding_error(error))
    except Exception as error:  # Pillow's plug-ins raise whatever they come across
        return nothing, MaskFacts(error=decoding_error(error))
    return pixels, MaskFacts((pixels.shape[0], pixels.shape[1]), "L")


def name_colors(
    pixels: np.ndarray, *, tolerance: int
) -> tuple[np.ndarray, tuple[int, str] | None, str | None]:
    """Return an HxW map of parts (0 is none), how many pixels are off by how much, and what is no colour.

    >>> name_colors(np.array([[[255, 0, 0], [0, 9, 250]]], np.uint8), tolerance=10)
    (array([[1, 3]], dtype=uint8), (1, 'up to 9 off, (0, 9, 250) for one'), None)
    """
    levels = np.arange(256)
    off = np.minimum(levels, 255 - levels)  # by how much a channel misses 0 or 255
    sides = np.where(off > tolerance, 8, levels > 127).astype(np.uint8)
    red, green, blue = (sides[pixels[..., channel]] for channel in range(3))
    found = _KINDS[np.minimum(red | green << 1 | blue << 2, 15)]
    strange = found == _STRANGE
    if strange.any():
        return found, None, _strange(pixels[strange], tolerance)
    exact = (off == 0)[pixels].all(axis=2) if ((pixels != 0) & (pixels != 255)).any() else None
    if exact is None:
        return found, None, None
    missed = pixels[~exact]
    worst = off[missed].max(axis=1)
    first = tuple(missed[np.argmax(worst)].tolist())
    return found, (len(missed), f"up to {worst.max()} off, {first} for one"), None


def _strange(colors: np.ndarray, tolerance: int) -> str:
    """Say which colours are near to no part's, and what may help."""
    values, counts = np.unique(colors, axis=0, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:3]
    shown = ", ".join(f"{tuple(values[place].tolist())} in {counts[place]}" for place in most)
    rest = f" and {len(values) - 3} more colours" if len(values) > 3 else ""
    channels = np.minimum(colors, 255 - colors)
    need = int(channels.max())
    on = colors > 127
    helps = need > tolerance and bool((on.sum(axis=1) <= 1).all())
    advice = f"; --color-tolerance {need} takes each for the nearest" if helps else ""
    return (
        f"{len(colors)} pixel(s) of colours that are not within {tolerance} of a part's or of black: "
        f"{shown}{rest}{advice}"
    )
