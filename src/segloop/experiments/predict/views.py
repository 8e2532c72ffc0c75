"""Names the views of an image whose predictions are averaged: mirrored, and turned by a quarter."""

from __future__ import annotations

from typing import NamedTuple

NAMES = ("h", "v", "hv", "hvr")
AXES: dict[str, tuple[int, ...]] = {"h": (-1,), "v": (-2,), "hv": (-2, -1)}  # of [..., H, W]


class View(NamedTuple):
    """How an image is laid: turned by `turns` quarters, then mirrored along `axes` of [..., H, W]."""

    turns: int = 0
    axes: tuple[int, ...] = ()


def views_of(tta: str) -> list[View]:
    """Return the views that a name stands for, the image itself first.

    >>> views_of("h")
    [View(turns=0, axes=()), View(turns=0, axes=(-1,))]
    >>> len(views_of("")), len(views_of("hv")), len(views_of("hvr"))
    (1, 4, 8)
    """
    mirrored = [axes for name, axes in AXES.items() if set(name) <= set(tta)]
    return [View(turns, axes) for turns in range(2 if "r" in tta else 1) for axes in [(), *mirrored]]
