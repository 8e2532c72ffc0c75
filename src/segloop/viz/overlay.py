"""Draws index masks over images, and where a prediction misses or invents pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

MISSED = (230, 60, 50)
INVENTED = (40, 110, 235)
WRONG_CLASS = (240, 170, 30)
BAND = 1 << 16  # pixels that are mixed at once: floats of a whole photograph would take a gigabyte


def overlay(
    image: np.ndarray,
    mask: np.ndarray,
    palette: Sequence[Sequence[int]],
    *,
    background: int | None = 0,
    opacity: float = 0.65,
    ignore_index: int = 255,
) -> np.ndarray:
    """Return an RGB image [H, W, 3] uint8 whose classes are tinted and outlined in the palette's colours.

    Background, ignored pixels and values beyond the palette keep the image, paler, so that what was found
    stands out.
    """
    colors = _colors(palette)
    shown = (mask != ignore_index) & (mask < len(colors))
    if background is not None:
        shown &= mask != background
    rim = _edges(mask) & shown
    drawn = np.empty(image.shape, np.uint8)
    for rows in _bands(image):
        own, inside = image[rows], shown[rows]
        tint = colors[np.where(inside, mask[rows], 0)]
        grey = own.mean(axis=2, keepdims=True) * 0.4 + own * 0.25 + 85
        mixed = np.where(inside[..., None], own * (1 - opacity) + tint * opacity, grey)
        drawn[rows] = np.where(rim[rows, :, None], tint * 0.6, mixed).round()
    return drawn


def error_map(
    image: np.ndarray,
    truth: np.ndarray,
    prediction: np.ndarray,
    *,
    background: int | None = 0,
    ignore_index: int = 255,
) -> np.ndarray:
    """Return the image in grey with missed, invented and wrongly named pixels in three colours.

    Without a background every error is a wrong class. Ignored pixels are never errors.
    """
    wrong = (truth != prediction) & (truth != ignore_index)
    missed = wrong & (prediction == background) if background is not None else np.zeros_like(wrong)
    invented = wrong & (truth == background) if background is not None else np.zeros_like(wrong)
    drawn = np.empty(image.shape, np.uint8)
    for rows in _bands(image):
        drawn[rows] = (image[rows].mean(axis=2, keepdims=True) * 0.5 + 110).round()
    for where, color in ((wrong, WRONG_CLASS), (missed, MISSED), (invented, INVENTED)):
        drawn[where] = color
    return drawn


def sheet(
    rows: Sequence[Sequence[np.ndarray]], *, titles: Sequence[str] = (), gap: int = 6, tile: int = 176
) -> np.ndarray:
    """Return one picture of rows of RGB tiles, each as high as `tile`, under column titles."""
    drawn = []
    for row in rows:
        tiles = [_fit(picture, tile) for picture in row]
        tiles = [np.pad(picture, ((0, gap), (0, gap), (0, 0)), constant_values=255) for picture in tiles]
        drawn.append(np.concatenate(tiles, axis=1)[:, :-gap])
    width = max(row.shape[1] for row in drawn)
    drawn = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in drawn]
    if titles:
        drawn.insert(0, _titles(titles, width, tile + gap))
    return np.concatenate(drawn, axis=0)[:-gap]


def _titles(titles: Sequence[str], width: int, step: int) -> np.ndarray:
    band = np.full((26, width, 3), 255, np.uint8)
    for index, title in enumerate(titles):
        cv2.putText(
            band, title, (index * step + 2, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.48, (40, 40, 40), 1, cv2.LINE_AA
        )
    return band


def _fit(picture: np.ndarray, height: int) -> np.ndarray:
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    smaller = height < picture.shape[0]
    return cv2.resize(
        picture, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    )


def _edges(mask: np.ndarray) -> np.ndarray:
    return cv2.morphologyEx(mask.astype(np.uint16), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0


def _bands(image: np.ndarray) -> Iterator[slice]:
    """Yield the rows of an image, some at a time."""
    step = max(1, BAND // max(1, image.shape[1]))
    return (slice(top, top + step) for top in range(0, image.shape[0], step))


def _colors(palette: Sequence[Sequence[int]]) -> np.ndarray:
    return np.asarray(palette, np.float32).reshape(-1, 3)


def vivid(palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Return colours [N, 3] as outlines are drawn in: as bright as they get, for dark red is none on black.

    >>> vivid([(128, 0, 0), (255, 128, 0)]).tolist()
    [[255.0, 0.0, 0.0], [255.0, 128.0, 0.0]]
    """
    colors = _colors(palette)
    return colors * (255 / np.clip(colors.max(axis=1, keepdims=True), 100, 255))


def outlined(
    image: np.ndarray,
    classes: np.ndarray,
    objects: np.ndarray,
    palette: Sequence[Sequence[int]],
    *,
    ground: int | None,
    opacity: float = 0.16,
) -> np.ndarray:
    """Return an RGB image with its objects lightly tinted and outlined, the picture left as it is.

    `classes` holds places in the palette, `ground` what is around the objects; values beyond the palette are
    not drawn. `objects` [H, W] has another value for each object, so that neighbours of one class are apart.
    Outlines have a dark rim, so that they show on a picture of their own colour.
    """
    colors = _colors(palette)
    shown = classes < len(colors)
    if ground is not None:
        shown &= classes != ground
    edges, square = (_edges(objects) | _edges(classes)).view(np.uint8), np.ones((3, 3), np.uint8)
    rim = shown & cv2.dilate(edges, square).astype(bool)
    dark = cv2.dilate(rim.view(np.uint8), square).astype(bool) & ~rim
    bright, drawn = vivid(palette), np.empty(image.shape, np.uint8)
    for rows in _bands(image):
        own, inside = image[rows], shown[rows]
        tint = bright[np.where(inside, classes[rows], 0)]
        mixed = np.where(inside[..., None], own * (1 - opacity) + tint * opacity, own)
        mixed = np.where(dark[rows, :, None], mixed * 0.4, mixed)
        drawn[rows] = np.where(rim[rows, :, None], tint, mixed).round()
    return drawn
