"""Pictures of what a model did to an image: image, truth, prediction, errors, side by side, with a legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image, ImageDraw

from segloop.viz.closeup import closeup
from segloop.viz.letters import font, shown
from segloop.viz.overlay import INVENTED, MISSED, WRONG_CLASS, error_map, outlined, overlay, vivid

PAPER, INK, SOFT = (255, 255, 255), (29, 35, 38), (92, 103, 107)
GAP, PAD = 6, 8
TITLES = ("image", "truth", "prediction", "errors")
LARGE = 640  # pixels of the longer side up to which images with outlines are enlarged
MOST_HEIGHT = 60_000  # pixels of a contact sheet: a JPEG holds 65,500
_LINE = 20  # pixels of a line of text


@dataclass(frozen=True, eq=False)
class Case:
    """An image, RGB, with its true and predicted index masks, and how classes are called and coloured."""

    image_id: str
    image: np.ndarray
    truth: np.ndarray
    pred: np.ndarray
    names: Sequence[str]
    palette: Sequence[Sequence[int]]
    background: int | None = None
    ignore_index: int | None = 255
    objects: tuple[np.ndarray, np.ndarray] | None = None  # maps of true and found objects, to tell them apart


def panel(case: Case, *, title: str, side: int = 256) -> np.ndarray:
    """Return a picture, RGB: four tiles whose longer side is `side`, a line above and a legend below."""
    tiles = [_fitted(each, side) for each in draw_tiles(case)]
    height, width = tiles[0].shape[:2]
    whole = 4 * width + 3 * GAP
    entries = _entries(case)
    rows = _flow(entries, whole)
    canvas = np.full((2 * PAD + 2 * _LINE + height + len(rows) * _LINE, whole + 2 * PAD, 3), 255, np.uint8)
    for number, tile in enumerate(tiles):
        left = PAD + number * (width + GAP)
        canvas[PAD + 2 * _LINE : PAD + 2 * _LINE + height, left : left + width] = tile
    page = Image.fromarray(canvas)
    pen = ImageDraw.Draw(page)
    pen.text((PAD, PAD), _cut(shown(title), whole), fill=INK, font=font(14))
    for number, name in enumerate(TITLES):
        pen.text((PAD + number * (width + GAP), PAD + _LINE), name, fill=SOFT, font=font(12))
    for number, row in enumerate(rows):
        top = PAD + 2 * _LINE + height + number * _LINE + 4
        for left, color, name in row:
            pen.rectangle((PAD + left, top + 2, PAD + left + 10, top + 12), fill=color, outline=SOFT)
            pen.text((PAD + left + 15, top), name, fill=INK, font=font(12))
    return np.asarray(page)


def draw_tiles(case: Case, *, opacity: float | None = None) -> list[np.ndarray]:
    """Return image, truth, prediction and errors, RGB, in the size of the image; `opacity` of the tints.

    Where objects are outlined, small images are enlarged first: an outline would cover a cell of 14 pixels.
    """
    if case.objects is not None:
        case = _enlarged(case, case.objects)
    ignore = -1 if case.ignore_index is None else case.ignore_index
    known = case.truth != ignore
    if case.objects is None:
        tint = 0.65 if opacity is None else opacity
        drawn = [
            overlay(
                case.image, mask, case.palette, background=case.background, opacity=tint, ignore_index=ignored
            )
            for mask, ignored in ((case.truth, ignore), (case.pred, -1))
        ]
    else:
        tint = 0.4 if opacity is None else opacity
        drawn = [
            outlined(case.image, classes, objects, case.palette, ground=case.background, opacity=tint)
            for classes, objects in zip((case.truth, case.pred), case.objects, strict=True)
        ]
    return [
        case.image,
        *drawn,
        error_map(
            case.image,
            np.where(known, case.truth, ignore),
            case.pred,
            background=case.background,
            ignore_index=ignore,
        ),
    ]


def _enlarged(case: Case, objects: tuple[np.ndarray, np.ndarray]) -> Case:
    """Return a case whose pixels are whole squares, so that outlines are thin beside its objects."""
    times = max(1, min(4, LARGE // max(case.image.shape[:2])))

    def larger(map_: np.ndarray) -> np.ndarray:
        return map_.repeat(times, axis=0).repeat(times, axis=1)

    return replace(
        case,
        image=larger(case.image),
        truth=larger(case.truth),
        pred=larger(case.pred),
        objects=(larger(objects[0]), larger(objects[1])),
    )


def strip(case: Case, *, side: int = 256) -> np.ndarray:
    """Return the four tiles side by side, RGB, without a word."""
    tiles = [_fitted(each, side) for each in draw_tiles(case)]
    gap = np.full((tiles[0].shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([part for tile in tiles for part in (tile, gap)][:-1], axis=1)


def suspect_picture(case: Case, box_xyxy: Sequence[int], *, side: int = 240) -> np.ndarray:
    """Return a place close up, framed, RGB: the picture, what is labelled and what was predicted."""
    tiles = draw_tiles(case)[:3]
    times = tiles[0].shape[0] // case.image.shape[0]
    close = [closeup(tile, [times * each for each in box_xyxy], side=side) for tile in tiles]
    gap = np.full((close[0].shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([close[0], gap, close[1], gap, close[2]], axis=1)


def contact_sheet(panels: Sequence[np.ndarray], *, across: int = 2) -> np.ndarray:
    """Return pictures in rows of `across`, RGB, on white; rows below MOST_HEIGHT are left out."""
    height, width = (max(each.shape[axis] for each in panels) for axis in (0, 1))
    panels = panels[: across * max(1, MOST_HEIGHT // height)]
    rows = -(-len(panels) // across)
    canvas = np.full((rows * height, min(across, len(panels)) * width, 3), 255, np.uint8)
    for number, each in enumerate(panels):
        top, left = number // across * height, number % across * width
        canvas[top : top + each.shape[0], left : left + each.shape[1]] = each
    return canvas


def present_classes(case: Case) -> list[int]:
    """Return the classes that an image has in truth or prediction, the background left out."""
    values = np.union1d(np.unique(case.truth), np.unique(case.pred)).tolist()
    return [
        each for each in values if each < len(case.names) and each not in (case.background, case.ignore_index)
    ]


def _entries(case: Case) -> list[tuple[tuple[int, ...], str]]:
    kinds = [(WRONG_CLASS, "wrong class")]
    if case.background is not None:
        kinds = [(MISSED, "missed"), (INVENTED, "invented"), *kinds]
    colors = case.palette if case.objects is None else vivid(case.palette).tolist()  # as they are drawn
    own = [(tuple(map(int, colors[each])), shown(str(case.names[each]))) for each in present_classes(case)]
    return [*own, *kinds]


def _flow(
    entries: Sequence[tuple[tuple[int, ...], str]], width: int
) -> list[list[tuple[int, tuple[int, ...], str]]]:
    """Return the entries of a legend in rows that fit, each with where it begins."""
    rows: list[list[tuple[int, tuple[int, ...], str]]] = [[]]
    left = 0
    for color, name in entries:
        wide = 34 + int(font(12).getlength(name))
        if left and left + wide > width:
            rows.append([])
            left = 0
        rows[-1].append((left, color, name))
        left += wide
    return rows


def _cut(text: str, width: int) -> str:
    """Return as much of a line as fits."""
    while len(text) > 4 and font(14).getlength(text) > width:
        text = text[:-2].rstrip("…") + "…"
    return text


def _fitted(image: np.ndarray, side: int) -> np.ndarray:
    """Return an RGB image whose longer side is `side`."""
    scale = side / max(image.shape[:2])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
