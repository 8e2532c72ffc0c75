"""Masks as pictures: of one object, black and one other value, or of many, with a number for each."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from segloop.data.image_files import decoding_error, kind_of, size_excess, structure_damage
from segloop.data.index_masks import MaskFacts, read_mask
from segloop.data.masks import Patch, Runs, encode_labels

MAGIC = 16  # bytes that tell the kind of a file
NOTHING = Patch(0, 0, np.zeros((0, 0), bool))


def read_picture(file: Path) -> tuple[MaskFacts, Patch, str]:
    """Return facts and pixels of a mask of one object, and what is wrong with its values.

    Only the box around the object is unpacked: most of such a picture is empty.
    """
    try:
        data = file.read_bytes()
        damage = structure_damage(data)
        if damage:
            return MaskFacts(error=damage), NOTHING, ""
        with Image.open(io.BytesIO(data)) as image:
            size_hw = image.size[::-1]
            if excess := size_excess(size_hw):
                return MaskFacts(error=excess), NOTHING, ""
            facts = MaskFacts(size_hw, image.mode)
            if image.mode not in ("1", "L", "P"):
                image.load()
                whole = np.asarray(image)
                fault = _fault(whole) if whole.ndim == 2 else ""
                return facts, Patch(0, 0, whole) if whole.ndim == 2 else NOTHING, fault
            box = image.getbbox()
            if box is None:
                return facts, NOTHING, ""
            inside = np.asarray(image.crop(box))
            return facts, Patch(box[0], box[1], inside), _fault(inside)
    except OSError as error:
        return MaskFacts(error=error.strerror or decoding_error(error)), NOTHING, ""
    except Exception as error:  # Pillow's plug-ins raise whatever they come across
        return MaskFacts(error=decoding_error(error)), NOTHING, ""


def read_numbers(file: Path) -> tuple[MaskFacts, dict[int, Runs], str]:
    """Return facts of a mask of object numbers, the pixels of each by number, and what is wrong with them."""
    facts, pixels = read_mask(file)
    if facts.error or pixels.shape != facts.size_hw:
        return facts, {}, ""
    with file.open("rb") as stream:
        if kind_of(stream.read(MAGIC)) == ".jpg":
            return facts, {}, "a JPEG blurs the numbers of objects; save them as PNG"
    if pixels.dtype.kind == "f":  # ImageJ writes numbers like this
        facts = MaskFacts(facts.size_hw, "I")
        whole = np.isfinite(pixels) & (pixels == np.floor(pixels)) & (np.abs(pixels) < 1 << 31)
        if not whole.all():
            return (
                facts,
                {},
                f"{int((~whole).sum())} pixels are no whole numbers, {pixels[~whole][0]} for one",
            )
        pixels = pixels.astype(np.int32)
    if pixels.min(initial=0) < 0:
        return facts, {}, f"{int((pixels < 0).sum())} pixels have numbers below 0"
    objects = encode_labels(pixels)
    objects.pop(0, None)
    return facts, objects, ""


def _fault(inside: np.ndarray) -> str:
    """Say that a mask of one object has several values beside 0."""
    if inside.dtype == bool or inside.size == 0:
        return ""
    strange = (inside != 0) & (inside != inside.max())
    if not strange.any():
        return ""
    return (
        f"{int(strange.sum())} pixels are neither 0 nor {inside.max()}, {inside[strange][0]} for one; "
        "a mask of one object has one value beside 0"
    )
