"""Draw the contact sheet of the Cityscapes demo that the documentation shows.

    python supplementary/viz/cityscapes_gallery.py [--out supplementary/viz/cityscapes_gallery.png]

Pairs of scene and labelled scene, straight from the generator: objects in the colour of their class with a
light rim, groups hatched, what nobody scores dark, the rest grey.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from segloop.utils.cli import Parser, run

SCENES = (42, 143, 131, 303, 47, 300, 24, 301)
COLUMNS = 4
TILE = (312, 156)
# Cityscapes' own colours of vehicles are hard to tell apart when small.
HUES = {
    "person": (214, 62, 72),
    "rider": (240, 150, 50),
    "car": (60, 105, 210),
    "truck": (128, 74, 178),
    "bus": (36, 160, 150),
    "train": (112, 170, 60),
    "motorcycle": (206, 88, 168),
    "bicycle": (150, 104, 70),
}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("cityscapes_gallery.png"))
    parser.add_argument("--split", default="train", help="split whose scenes are shown (default: train)")
    parser.add_argument("--scenes", type=int, nargs="+", default=SCENES, metavar="INDEX", help="which scenes")
    return parser.parse_args()


def main() -> None:
    """Draw the scenes, their labels and the legend, and write one PNG with few colours."""
    args = parse_args()
    import cv2
    import numpy as np
    from sheets import in_rows, write_sheet

    from segloop.data.cityscapes import BY_NAME, OBJECTS, THINGS, label_ids
    from segloop.data.demo.cityscapes import SIZE, draw_scene, instance_ids

    palette = np.zeros((256, 3), np.float32)
    for label in THINGS:
        palette[label.id] = HUES[label.name]
    void = [label.id for label in BY_NAME.values() if label.ignored and label.id >= 0]
    shape = SIZE, 2 * SIZE
    stripes = (np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % 8 < 4)[..., None]

    def labelled(image: np.ndarray, ids: np.ndarray) -> np.ndarray:
        classes = label_ids(ids)
        things = np.isin(classes, [label.id for label in THINGS])[..., None]
        group = things & (ids < OBJECTS)[..., None]
        grey = image.mean(axis=2, keepdims=True) * 0.35 + 165  # what is no object steps back
        seen = np.where(np.isin(classes, void)[..., None], grey * 0.55, grey)
        seen = np.where(things & ~(group & stripes), image * 0.25 + palette[classes] * 0.75, seen)
        rim = cv2.morphologyEx(ids.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0
        return np.where(rim[..., None] & things, 250, seen).round().astype(np.uint8)

    def pair(index: int) -> np.ndarray:
        image, outlines = draw_scene(seed=0, split=args.split, index=index, size=SIZE)
        both = (image, labelled(image, instance_ids(outlines, shape)))
        small = [cv2.resize(each, TILE, interpolation=cv2.INTER_AREA) for each in both]
        return np.concatenate(small, axis=0)

    tiles = [pair(index) for index in args.scenes]
    sheet = in_rows(tiles, columns=COLUMNS)
    legend = np.full((30, sheet.shape[1], 3), 255, np.uint8)
    for place, label in enumerate(THINGS):
        left = 4 + 150 * place
        cv2.rectangle(legend, (left, 8), (left + 16, 24), palette[label.id].astype(int).tolist(), -1)
        where = (left + 24, 21)
        cv2.putText(legend, label.name, where, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (60, 60, 60), 1, cv2.LINE_AA)
    sheet = np.concatenate([sheet, legend], axis=0)
    write_sheet(sheet, args.out)


if __name__ == "__main__":
    run(main)
