"""Tells, before a training starts, which masks of a split cannot be read, and which have no pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from segloop.data.instance_labels import runs_of
from segloop.data.masks import areas
from segloop.utils.errors import DataError, listing


def mask_problems(
    images: Sequence[Mapping[str, Any]],
    *,
    drop: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Read the masks of all images, as `load_split` gives them, and return what is wrong with them.

    A mask without a pixel makes a box without a side, and the loss of a box no number; `LoadInstances` leaves
    such objects out. They are told here unless `drop` has `tiny`.
    """
    broken: list[str] = []
    empty: list[str] = []
    for number, image in enumerate(images, 1):
        instances, size_hw = image["instances"], (image["height"], image["width"])
        try:
            pixels = areas(runs_of([each["mask"] for each in instances], size_hw))
        except (DataError, ValueError, TypeError):  # one of them; which one?
            pixels = []
            for each in instances:
                if (wrong := _fault(each["mask"], size_hw)) is not None:
                    broken.append(f"{_place(each, image)}: {wrong}")
        empty += [_place(each, image) for each, area in zip(instances, pixels, strict=False) if area == 0]
        if progress is not None:
            progress(number, len(images))
    told = []
    if broken:
        told.append(f"{len(broken)} x masks that cannot be read\n{listing(broken)}\n  → correct them")
    if empty and "tiny" not in drop:
        told.append(
            f"{len(empty)} x masks without a pixel in the image\n{listing(empty)}\n"
            "  → to leave them out: drop=['tiny'] in the data set of the config"
        )
    return told


def _fault(segmentation: Any, size_hw: tuple[int, int]) -> str | None:
    try:
        runs_of([segmentation], size_hw)
    except DataError as error:
        return str(error).removeprefix("A mask cannot be read: ").rstrip(".")
    except (ValueError, TypeError):
        return "it holds something else than numbers"
    return None


def _place(instance: Mapping[str, Any], image: Mapping[str, Any]) -> str:
    return f"annotation {instance['id']} of {image['image_id']}"
