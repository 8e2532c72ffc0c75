"""Draw the contact sheet of the spacecraft demo that the documentation shows.

    python supplementary/viz/spacecraft_gallery.py [--out supplementary/viz/spacecraft_gallery.png]

An image, its fine mask and its coarse one, with the boxes of craft, straight from the generator.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from segloop.utils.cli import Parser, run

SCENES = (1, 108, 13, 118, 109, 100, 123, 132, 126, 139)
COLUMNS = 5
GAP = 5
TILE_HW = (126, 168)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("spacecraft_gallery.png"))
    parser.add_argument("--scenes", type=int, nargs="+", default=SCENES, metavar="INDEX", help="which scenes")
    return parser.parse_args()


def main() -> None:
    """Draw the scenes and their labels, and write one PNG with few colours."""
    args = parse_args()
    import cv2
    import numpy as np
    from sheets import in_rows, write_sheet

    from segloop.data.demo.dice import Dice
    from segloop.data.demo.spacecraft import COLORS as PARTS
    from segloop.data.demo.spacecraft import SIZE, draw_labels, draw_scene

    def tile(index: int) -> np.ndarray:
        scene = draw_scene(seed=0, split="train", index=index, size=SIZE)
        shown = [scene.image]
        for fine in (True, False):
            parts, boxes = draw_labels(scene, Dice(0, "train hand", index), fine=fine)
            colored = PARTS[parts]
            for right, bottom, left, top in boxes:
                cv2.rectangle(colored, (left, top), (right, bottom), (150, 150, 150), 1)
            shown.append(colored)
        small = [cv2.resize(each, TILE_HW[::-1], interpolation=cv2.INTER_AREA) for each in shown]
        return np.concatenate(small)

    tiles = [tile(index) for index in args.scenes]
    sheet = in_rows(tiles, columns=COLUMNS, gap=GAP)[:-GAP]
    write_sheet(sheet, args.out)


if __name__ == "__main__":
    run(main)
