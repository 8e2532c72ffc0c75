"""Draw the contact sheet of the multiclass demo that the documentation shows.

    python supplementary/viz/multiclass_gallery.py [--out supplementary/viz/multiclass_gallery.png]

Pairs of image and labelled image, straight from the generator; no data set needs to be on disk.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from segloop.utils.cli import Parser, run

SCENES = (3, 16, 10, 28, 40, 18, 12, 44)
COLUMNS = 4
TILE = 168


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("multiclass_gallery.png"))
    parser.add_argument("--split", default="train", help="split whose scenes are shown (default: train)")
    parser.add_argument("--scenes", type=int, nargs="+", default=SCENES, metavar="INDEX", help="which scenes")
    return parser.parse_args()


def main() -> None:
    """Draw the scenes, their labels and the legend, and write one PNG with few colours."""
    args = parse_args()
    import cv2
    import numpy as np
    from sheets import in_rows, write_sheet

    from segloop.data.demo.multiclass import CLASSES, draw_scene

    palette = np.array([item.color for item in CLASSES], np.float32)

    def pair(index: int) -> np.ndarray:
        image, mask = draw_scene(seed=0, split=args.split, index=index, size=192)
        found = (mask > 0)[..., None]
        rim = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))[..., None] > 0
        grey = image.mean(axis=2, keepdims=True) * 0.35 + 165  # what is background steps back
        labelled = np.where(found, image * 0.3 + palette[mask] * 0.7, grey)
        labelled = np.where(rim & found, palette[mask] * 0.6, labelled)
        both = np.concatenate([image, labelled.round().astype(np.uint8)], axis=0)
        return cv2.resize(both, (TILE, 2 * TILE), interpolation=cv2.INTER_AREA)

    tiles = [pair(index) for index in args.scenes]
    sheet = in_rows(tiles, columns=COLUMNS)
    legend = np.full((30, sheet.shape[1], 3), 255, np.uint8)
    place = 4
    for item in CLASSES[1:]:
        cv2.rectangle(legend, (place, 8), (place + 16, 24), item.color, -1)
        cv2.putText(
            legend, item.name, (place + 24, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (60, 60, 60), 1, cv2.LINE_AA
        )
        place += 140
    sheet = np.concatenate([sheet, legend], axis=0)
    write_sheet(sheet, args.out)


if __name__ == "__main__":
    run(main)
