"""An empty sea for the tests to build on."""

from __future__ import annotations

import numpy as np

from segloop.data.demo.ships.canvas import Canvas


def canvas(side: int) -> Canvas:
    """Return a calm, cloudless sea of `side` pixels a side."""
    return Canvas(
        image=np.full((side, side, 3), 60, np.float32),
        ships=np.zeros((side, side), np.uint16),
        land=np.zeros((side, side), bool),
        clouds=np.zeros((side, side), np.float32),
        unit=1.0,
        sun_xy=(2, 1),
    )
