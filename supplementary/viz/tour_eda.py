"""Photograph the top of a data set's page for the tour, with a Chromium that is installed.

  python tools/eda.py data/multiclass
  python supplementary/viz/tour_eda.py work_dirs/eda/multiclass/index.html

Writes tour_eda.png.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segloop.utils.cli import Parser, run
from segloop.utils.errors import UserError

WIDTH, HEIGHT = 1280, 1500  # pixels of the page


def main() -> None:
    """Take the picture."""
    parser = Parser(__doc__)
    parser.add_argument("page", type=Path, help="index.html that tools/eda.py wrote")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("tour_eda.png"))
    args = parser.parse_args()
    from browser import shoot  # beside this file
    from sheets import write_sheet

    if not args.page.is_file():
        raise UserError(f"{args.page} does not exist. Run: python tools/eda.py DATASET")
    small = shoot(args.page, width=WIDTH, height=HEIGHT).resize((WIDTH * 3 // 4, HEIGHT * 3 // 4))
    write_sheet(np.asarray(small), args.out, colors=200)


if __name__ == "__main__":
    run(main)
