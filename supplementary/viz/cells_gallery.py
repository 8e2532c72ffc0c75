"""Draw the contact sheet of the cells demo that the documentation shows.

    python supplementary/viz/cells_gallery.py [--out supplementary/viz/cells_gallery.png]

Pairs of picture and annotated picture, one column a cell type, straight from the generator; no data set needs
to be on disk.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from segloop.utils.cli import Parser, run

SAMPLES = {"shsy5y": (0, 3), "astro": (1, 2), "cort": (2, 5)}  # which of each type's samples
TILE = 224
HUES = ("#e6553c", "#f5be41", "#965fc8", "#3791dc", "#4bb45f", "#e67fb4", "#2fb5b0", "#b98a4a")


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("cells_gallery.png"))
    return parser.parse_args()


def main() -> None:
    """Draw the scenes, their annotations and the names of the types, and write one PNG with few colours."""
    args = parse_args()
    import cv2
    import numpy as np
    from sheets import GAP, write_sheet

    from segloop.data.demo.cells.culture import Shot, plan
    from segloop.data.demo.cells.scene import draw_scene

    hues = [tuple(int(text[k : k + 2], 16) for k in (1, 3, 5)) for text in HUES]
    samples: dict[str, dict[int, Shot]] = {name: {} for name in SAMPLES}
    for shot in plan(0, "train", 200):
        samples[shot.sample.cell_type].setdefault(shot.sample.number, shot)

    def pair(shot: Shot) -> np.ndarray:
        scene = draw_scene(shot, seed=0, size=192)
        large = cv2.resize(scene.image, (TILE, TILE), interpolation=cv2.INTER_CUBIC)
        picture = np.repeat(large[..., None], 3, axis=2)
        marked = picture.astype(np.float32)
        for number, cell in enumerate(scene.cells):
            mask = cv2.resize(cell.astype(np.float32), (TILE, TILE), interpolation=cv2.INTER_LINEAR) > 0.5
            marked[mask] = 0.68 * marked[mask] + 0.32 * np.array(hues[number % len(hues)], np.float32)
            lines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(marked, lines, -1, hues[number % len(hues)], 1)
        return np.concatenate([picture, marked.round().astype(np.uint8)], axis=0)

    def column(name: str) -> np.ndarray:
        shots = list(samples[name].values())
        tiles = [
            np.pad(pair(shots[k]), ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for k in SAMPLES[name]
        ]
        legend = np.full((26, TILE + GAP, 3), 255, np.uint8)
        cv2.putText(legend, name, (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (60, 60, 60), 1, cv2.LINE_AA)
        return np.concatenate([*tiles, legend], axis=0)

    sheet = np.concatenate([column(name) for name in SAMPLES], axis=1)[:, :-GAP]
    write_sheet(sheet, args.out, colors=96, rounds=1)


if __name__ == "__main__":
    run(main)
