"""What pictures are written in: a font of most alphabets, and codes in place of the letters that it lacks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import ImageFont


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font in a size; Pillow's own has neither é nor ö."""
    return ImageFont.truetype(_file(), size)


def shown(text: str) -> str:
    r"""Return a text with codes for signs that break a line, or would all be the same empty box.

    >>> shown("Größe 船")
    'Größe \\u8239'
    """
    return "".join(
        each if each.isprintable() and ord(each) in _known() else each.encode("unicode_escape").decode()
        for each in text
    )


def _file() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"


@cache
def _known() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(_file())).get_charmap())
