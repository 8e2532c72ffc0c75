"""Says what networks do not see of images with more than 8 bits or three channels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2

from segloop.data.depth import Depth, depth_of_file

DARK = 64  # of 255: the brightest pixel of images that look black
SCALE = (
    "Scale them to 8 bits first, all by one factor: cv2.imwrite(new, (image * (255 / top)).clip(0, 255)"
    ".astype('uint8'))"
)


def told_of_depth(files: Sequence[Path]) -> list[str]:
    """Return remarks on images whose loaders drop bits or channels: OpenCV divides 16 bits by 256.

    Looked at are the files that are given; only those of many bits are decoded.
    """
    depths = [(file, depth) for file in files if (depth := depth_of_file(file)) is not None]
    told = []
    deep = [(file, depth) for file, depth in depths if depth.bits > 8]
    if deep:
        told.append(_of_bits(deep))
    several = [depth for _, depth in depths if depth.channels > 3 and depth.form == "TIFF"]
    if several:
        told.append(f"Images are like {several[0]}; a network here sees the first three channels")
    return told


def _of_bits(deep: Sequence[tuple[Path, Depth]]) -> str:
    tops = [0 if image is None else int(image.max()) for file, _ in deep for image in [_pixels(file)]]
    top, depth = max(tops), deep[0][1]
    text = (
        f"Images are like {depth}, values up to {top:,}; a network here sees 8 bits, up to {top >> 8} of 255."
    )
    if depth.bits == 16 and top >> 8 < DARK:
        text += f" That is nearly black. {SCALE}; here top is about {top:,}"
    return text.removesuffix(".")


def _pixels(file: Path) -> cv2.typing.MatLike | None:
    return cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
