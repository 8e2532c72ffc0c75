"""Draw the contact sheet of the ships demo that the documentation shows.

    python supplementary/viz/ships_gallery.py [--out supplementary/viz/ships_gallery.png]

Pairs of a tile and its ships, each in a colour of its own, straight from the generator.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from segloop.utils.cli import Parser, run

TILES = ("10/3", "9/3", "34/3", "15/3", "8/1", "37/2", "12/5", "31/2", "16/4", "28/0")
COLUMNS = 5
GAP = 5
HUES = ((230, 90, 60), (60, 140, 225), (240, 180, 50), (80, 180, 100), (165, 100, 205), (60, 185, 185))


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("ships_gallery.png"))
    parser.add_argument(
        "--tiles",
        nargs="+",
        default=TILES,
        metavar="SCENE/TILE",
        help="which tiles of which scenes are shown",
    )
    return parser.parse_args()


def main() -> None:
    """Draw the tiles and their ships, and write one PNG with few colours."""
    args = parse_args()
    import cv2
    import numpy as np
    from sheets import in_rows, write_sheet

    from segloop.data.demo.ships import SIZE, draw_tiles

    hues = np.array(HUES, np.float32)

    def pair(name: str) -> np.ndarray:
        scene, tile = map(int, name.split("/"))
        image, ships = draw_tiles(seed=0, split="train_v2", index=scene, size=SIZE)[tile]
        grey = np.repeat(
            image.mean(axis=2, keepdims=True) * 0.35 + 150, 3, axis=2
        )  # what is no ship steps back
        paint = hues[(ships - np.uint16(1)) % len(HUES)]
        rim = cv2.morphologyEx(ships, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8))[..., None] > 0
        labelled = np.where((ships > 0)[..., None], 0.35 * image + 0.65 * paint, grey)
        labelled = np.where(rim & (ships > 0)[..., None], 0.7 * paint, labelled)
        return np.concatenate([image, labelled.round().astype(np.uint8)], axis=0)

    tiles = [pair(name) for name in args.tiles]
    sheet = in_rows(tiles, columns=COLUMNS, gap=GAP)[:-GAP]
    write_sheet(sheet, args.out)


if __name__ == "__main__":
    run(main)
