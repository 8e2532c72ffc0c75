"""The spacecraft demo: craft under a hard sun, in parts, as the University of Adelaide labels them."""

from segloop.data.demo.spacecraft.native import COUNTS, EDITION, SIZE, draw_native
from segloop.data.demo.spacecraft.scene import draw_scene

__all__ = ["COUNTS", "EDITION", "SIZE", "draw_native", "draw_scene"]
