"""The spacecraft demo: craft under a hard sun, in parts, as the University of Adelaide labels them."""

from segloop.data.demo.spacecraft.native import (
    COLORS,
    COUNTS,
    EDITION,
    SIZE,
    draw_labels,
    draw_native,
    number_scenes,
)
from segloop.data.demo.spacecraft.scene import draw_scene

__all__ = [
    "COLORS",
    "COUNTS",
    "EDITION",
    "SIZE",
    "draw_labels",
    "draw_native",
    "draw_scene",
    "number_scenes",
]
