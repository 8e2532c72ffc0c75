"""The cells demo: three types of neuronal cells in phase contrast, as the Sartorius competition has them."""

from segloop.data.demo.cells.tree import COUNTS, EDITION, SIZE, draw_native

__all__ = ["COUNTS", "EDITION", "SIZE", "draw_native"]
