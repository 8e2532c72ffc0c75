"""Colours for classes that came without: well apart, the same each time."""

from __future__ import annotations

from collections.abc import Sequence

RGB = tuple[int, int, int]
BLACK: RGB = (0, 0, 0)


def complete_colors(colors: Sequence[RGB | None], *, background: int | None = None) -> list[RGB]:
    """Return the colours with each missing one filled in; no class but the background is given black.

    >>> complete_colors([None, (128, 0, 0), None], background=0)
    [(0, 0, 0), (128, 0, 0), (0, 128, 0)]
    """
    taken = {color for color in colors if color is not None} | {BLACK}
    complete = []
    number = 0
    for place, color in enumerate(colors):
        if color is None and place == background:
            color = BLACK
        while color is None and number < 256:
            number += 1
            color = None if voc_color(number) in taken else voc_color(number)
        if color is None:  # more classes than VOC has colours
            color = (place * 37 % 256, place * 91 % 256, place * 151 % 256)
        taken.add(color)
        complete.append(color)
    return complete


def voc_color(number: int) -> RGB:
    """Return the colour of a class in Pascal VOC's palette: its number's bits, dealt to red, green and blue.

    >>> [voc_color(number) for number in (0, 1, 2, 15)]
    [(0, 0, 0), (128, 0, 0), (0, 128, 0), (192, 128, 128)]
    """
    red = green = blue = 0
    for bit in range(8):
        triple = number >> 3 * bit
        red |= (triple & 1) << 7 - bit
        green |= (triple >> 1 & 1) << 7 - bit
        blue |= (triple >> 2 & 1) << 7 - bit
    return red, green, blue
