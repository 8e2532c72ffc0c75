"""Plants mistakes into the index masks of a data set, so that finding and mending them can be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segloop.data.index_masks import read_index_mask
from segloop.data.info import DatasetInfo
from segloop.data.masks import decode, label_components
from segloop.data.png import encode_indices
from segloop.utils.atomic import open_atomic

KINDS = ("left out", "wrong class", "moved")
LEAST = 150  # pixels of an object that a mistake is made with
MOVES = (5, 9)  # pixels, from and below


@dataclass(frozen=True)
class Planted:
    """A mistake in an image: of which kind, and the box of the pixels that changed."""

    image_id: str
    kind: str
    box_xyxy: tuple[int, int, int, int]


def plant(
    mask: np.ndarray,
    kind: str,
    *,
    background: int,
    num_classes: int,
    draw: np.random.Generator,
    ignore_index: int = 255,
) -> np.ndarray | None:
    """Return a copy of an index mask [H, W] with one mistake; None where no object is large enough."""
    parts = [
        (label, decode(runs, (mask.shape[0], mask.shape[1])).astype(bool))
        for label, found in label_components(mask, without=(background, ignore_index)).items()
        for runs in found
    ]
    large = [(label, part) for label, part in parts if part.sum() >= LEAST]
    if not large:
        return None
    label, part = large[int(draw.integers(len(large)))]
    changed = mask.copy()
    if kind == "left out":
        changed[part] = background
    elif kind == "wrong class":
        others = [each for each in range(num_classes) if each not in (label, background)]
        changed[part] = others[int(draw.integers(len(others)))]
    else:
        angle, far = draw.uniform(0, 2 * np.pi), draw.uniform(*MOVES)
        rows, columns = np.nonzero(part)
        rows, columns = rows + round(far * np.sin(angle)), columns + round(far * np.cos(angle))
        inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
        changed[part] = background
        changed[rows[inside], columns[inside]] = label
    return changed


def spoil(root: Path, split: str, *, share: float, seed: int, kinds: Sequence[str] = KINDS) -> list[Planted]:
    """Plant a mistake into a share of a split's masks, in place, and return what was planted."""
    info = DatasetInfo.read(root)
    folder = root / info.mask_dir(split)
    draw = np.random.default_rng(seed)
    planted = []
    for file in sorted(folder.rglob("*.png")):
        if draw.random() >= share:
            continue
        kind = kinds[int(draw.integers(len(kinds)))]
        mask = read_index_mask(file)
        changed = plant(
            mask,
            kind,
            background=info.background or 0,
            num_classes=info.num_classes,
            draw=draw,
            ignore_index=info.ignore_index,
        )
        if changed is None or (changed == mask).all():
            continue
        rows, columns = np.nonzero(changed != mask)
        box = int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
        with open_atomic(file, "wb") as opened:  # a new file: another name of the old one keeps the old mask
            opened.write(encode_indices(changed, palette=info.palette))
        planted.append(Planted(file.relative_to(folder).as_posix()[: -len(".png")], kind, box))
    return planted
