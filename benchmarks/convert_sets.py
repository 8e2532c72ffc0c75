"""Label sets of any size, drawn from a seed, for `convert_speed.py`: nuclei in masks, ships in a CSV.

Needs: convert_speed.py, which reads it.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from segloop.data.info import ClassInfo, DatasetInfo, Files
from segloop.data.masks import encode, to_pairs
from segloop.data.palette import complete_colors
from segloop.data.png import encode_indices, encode_rgb

CLASSES = 150
# Heights and widths of fluorescence images in the Data Science Bowl 2018, and of how many in 100.
SIDES = {(256, 256): 62, (360, 360): 16, (520, 696): 17, (512, 640): 5}
SHIP_SIDE = 768
# The real training set of the ships has 231,723 rows: 42,556 images with 81,723 ships, and 150,000 without.
SHIP_ROWS, SHIPS, IMAGES_WITH_SHIPS = 231_723, 81_723, 42_556


def draw_nuclei(root: Path, *, images: int, objects: int = 42, seed: int = 0) -> Path:
    """Draw index masks in mmseg's layout, each nucleus of an image of another class, ground included.

    The same files lie in `root/datumaro` in the layout of Datumaro's `common_semantic_segmentation`.
    """
    names = ["ground", *(f"nucleus {number}" for number in range(1, CLASSES + 1))]
    colors = complete_colors([None] * len(names), background=0)
    folders = {name: root / "mmseg" / name / "train" for name in ("img_dir", "ann_dir")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    for number in range(images):
        mask = _scatter(np.random.default_rng((seed, number)), objects)
        image = np.repeat(mask[..., None], 3, axis=2)
        (folders["ann_dir"] / f"{number:06d}.png").write_bytes(encode_indices(mask, palette=colors, level=6))
        (folders["img_dir"] / f"{number:06d}.png").write_bytes(encode_rgb(image, level=1))
    DatasetInfo(
        name="nuclei",
        task="cells",
        classes=tuple(ClassInfo(*each) for each in zip(names, colors, strict=True)),
        splits={"train": images},
        images=Files("img_dir/{split}", ".png"),
        masks=Files("ann_dir/{split}", ".png"),
    ).write(root / "mmseg")
    mirror_for_datumaro(root / "mmseg", root / "datumaro", split="train")
    return root


def mirror_for_datumaro(source: Path, target: Path, *, split: str) -> None:
    """Link a split of an mmseg set into the layout that Datumaro reads index masks from."""
    info = DatasetInfo.read(source)
    target.mkdir(parents=True)
    (target / "images").symlink_to((source / info.image_dir(split)).resolve(), target_is_directory=True)
    (target / "masks").symlink_to((source / info.mask_dir(split)).resolve(), target_is_directory=True)
    meta = {
        "label_map": {str(place): name for place, name in enumerate(info.class_names)},
        "segmentation_colors": info.palette,
    }
    (target / "dataset_meta.json").write_text(json.dumps(meta), encoding="utf-8")


def _scatter(draw: np.random.Generator, objects: int) -> np.ndarray:
    size_hw = list(SIDES)[draw.choice(len(SIDES), p=np.array([*SIDES.values()]) / 100)]
    mask = np.zeros(size_hw, np.uint8)
    for value in draw.permutation(CLASSES)[:objects] + 1:
        middle = tuple(int(each) for each in draw.integers(0, size_hw[::-1]))
        axes = tuple(int(each) for each in draw.integers(4, 14, 2))
        cv2.ellipse(mask, middle, axes, int(draw.integers(180)), 0, 360, int(value), -1)
    return mask


def draw_ships(file: Path, *, rows: int, seed: int = 0) -> int:
    """Write a CSV of ships with as many rows, and return how many of them have a ship: the real share."""
    draw = np.random.default_rng(seed)
    ships = max(1, rows * SHIPS // SHIP_ROWS)
    images = min(ships, max(1, rows * IMAGES_WITH_SHIPS // SHIP_ROWS))
    owners = np.sort(np.concatenate([np.arange(images), draw.integers(0, images, ships - images)]))
    with file.open("w", encoding="utf-8") as stream:
        stream.write("ImageId,EncodedPixels\n")
        for owner in owners.tolist():
            stream.write(f"{owner:08x}.jpg,{_ship(draw)}\n")
        for empty in range(images, images + rows - ships):
            stream.write(f"{empty:08x}.jpg,\n")
    return ships


def _ship(draw: np.random.Generator) -> str:
    """Return the runs of a turned box somewhere in the image."""
    length, width = int(draw.integers(6, 120)), int(draw.integers(3, 24))
    middle = draw.integers(0, SHIP_SIDE, 2).tolist()
    corners = cv2.boxPoints((tuple(map(float, middle)), (length, width), float(draw.integers(180))))
    mask = np.zeros((SHIP_SIDE, SHIP_SIDE), np.uint8)
    cv2.fillPoly(mask, [corners.round().astype(np.int32)], 1)
    (pairs,) = to_pairs([encode(mask)], mask.shape, order="columns")
    return " ".join(map(str, pairs.tolist()))
