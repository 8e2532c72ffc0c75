"""What pictures are written in: a font of most alphabets, and codes in place of the letters that it lacks."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

from PIL import ImageFont

NO_LETTER = "\uffff"


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font in a size, DejaVu Sans; Pillow's own has neither é nor ö."""
    spec = find_spec("matplotlib")  # which has it among its data; its import would take half a second
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return ImageFont.truetype(f"{spec.submodule_search_locations[0]}/mpl-data/fonts/ttf/DejaVuSans.ttf", size)


def shown(text: str) -> str:
    r"""Return a text with codes for signs that break a line, or would all be the same empty box.

    >>> shown("Größe 船")
    'Größe \\u8239'
    """
    return "".join(
        each if each.isprintable() and _has(each) else each.encode("unicode_escape").decode() for each in text
    )


@cache
def _has(letter: str) -> bool:
    """Return whether the font draws a letter, and not the box that stands for those that it lacks."""
    return bytes(font(16).getmask(letter)) != bytes(font(16).getmask(NO_LETTER))
