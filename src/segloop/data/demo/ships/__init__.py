"""The ships demo: ships from the air as the Airbus competition has them, and the sea, coasts and harbours around."""

from segloop.data.demo.ships.native import COUNTS, EDITION, SIZE, draw_native, draw_tiles

__all__ = ["COUNTS", "EDITION", "SIZE", "draw_native", "draw_tiles"]
