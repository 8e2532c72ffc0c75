"""The ships demo: ships from the air, drawn as the Airbus competition hands them out."""

from segloop.data.demo.ships.native import COUNTS, EDITION, SIZE, draw_native, draw_tiles

__all__ = ["COUNTS", "EDITION", "SIZE", "draw_native", "draw_tiles"]
