"""Where a set of spacecraft has its images and masks: images/ and mask/, with a folder a split or without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from data_converters.base import ReadOptions, require_split
from data_converters.spacecraft_boxes import Entry
from segloop.data.checks import Finding, pair_files, raise_findings
from segloop.data.image_files import IMAGE_SUFFIXES
from segloop.data.layout import Layout, index_files, only_listed
from segloop.utils.errors import DataError

IMAGES, MASKS = "images", "mask"
SUFFIX = "_mask.png"
_OF_THE_SET = ("missing-folder", "empty-split", "same-id")  # findings that leaving out an image does not mend


class Pair(NamedTuple):
    """An image, `name` below the folder `images`, its mask and what all_bbox.txt says; or its trouble.

    `images` is empty where a set has masks only; `boxes` is None where the file does not know the image.
    """

    split: str | None
    image_id: str
    name: str
    images: str
    mask: str
    boxes: Entry | None = None
    trouble: str = ""


def number_of(image_id: str) -> int | None:
    """Return the N of `<prefix>_<N>`, by which all_bbox.txt knows an image; None if the name has none.

    >>> number_of("a/img_resize_403"), number_of("0007"), number_of("craft")
    (403, 7, None)
    """
    digits = image_id[len(image_id.rstrip("0123456789")) :]
    return int(digits) if 0 < len(digits) <= 15 else None


def find_pairs(source: Path, options: ReadOptions) -> list[Pair]:
    """Return the pairs of the splits that are asked for, split by split, by id."""
    if not (source / MASKS).is_dir():
        raise DataError(
            f"{source} has no folder {MASKS!r}. A set of spacecraft has {IMAGES}/<split>/<name>_<N>.png and "
            f"{MASKS}/<split>/<name>_<N>{SUFFIX}."
        )
    images = source / IMAGES if options.images is None else options.images
    if options.images is not None and not images.is_dir():
        raise DataError(f"The folder of the images, {images}, does not exist.")
    known = sorted({*_splits(source / MASKS), *(_splits(images) if images.is_dir() else ())})
    if known and options.split is not None:
        require_split(source, options.split, known)
    wanted: Sequence[str | None] = [options.split] if options.split in known else known or [None]
    suffix = mask_suffix(source / MASKS)
    pairs: list[Pair] = []
    findings: list[Finding] = []
    for split in wanted:
        masks = source / MASKS / (split or "")
        if images.is_dir():
            found, trouble = _pairs_of(source, split or options.split, images / (split or ""), masks, suffix)
        else:
            found, trouble = _masks_only(split or options.split, masks, suffix), []
        pairs += sorted(found, key=lambda pair: pair.image_id)
        findings += trouble
    raise_findings(findings)
    if options.list_file is None:
        return pairs
    listed = only_listed(options.list_file, (pair.image_id for pair in pairs))
    return [pair for pair in pairs if pair.image_id in listed]


def with_boxes(pairs: Sequence[Pair], boxes: Mapping[int, Entry]) -> list[Pair]:
    """Return the pairs with what all_bbox.txt says of each."""
    numbers = (number_of(pair.image_id) for pair in pairs)
    return [
        pair if number is None else pair._replace(boxes=boxes.get(number))
        for pair, number in zip(pairs, numbers, strict=True)
    ]


def mask_suffix(folder: Path) -> str:
    """Return how the names of masks end: as the author's do, or like those of the images."""
    return SUFFIX if index_files(folder, (SUFFIX,)) or not index_files(folder, (".png",)) else ".png"


def _splits(folder: Path) -> list[str]:
    """Return the names of the splits; none where images lie in the folder itself."""
    entries = [each for each in folder.iterdir() if not each.name.startswith(".")]
    flat = any(each.suffix.lower() in IMAGE_SUFFIXES and each.is_file() for each in entries)
    return [] if flat else [each.name for each in entries if each.is_dir()]


def _masks_only(split: str | None, masks: Path, suffix: str) -> list[Pair]:
    found = index_files(masks, (suffix,))
    return [Pair(split, name, f"{name}.png", "", str(files[0])) for name, files in found.items()]


def _pairs_of(
    source: Path, split: str | None, images: Path, masks: Path, suffix: str
) -> tuple[list[Pair], list[Finding]]:
    """Return the images and masks of a split that belong together or stand alone; and what is worse."""
    layout = Layout(
        root=source,
        data_prefix={"img_path": str(images.absolute()), "seg_map_path": str(masks.absolute())},
        image_suffixes=IMAGE_SUFFIXES,
        mask_suffix=suffix,
        metainfo={},
        ignore_index=255,
    )
    matched, trouble = pair_files(split or "all", layout)
    if len(trouble) == 1 and trouble[0].kind == "missing-folder":
        trouble = list(_one_side(layout, images, masks))
    top = str(images.absolute())
    pairs = [
        Pair(split, name, image.relative_to(layout.images).as_posix(), top, str(mask))
        for name, image, mask in matched
    ]
    pairs += [
        Pair(split, each.image_id or "", each.file, top, "", trouble=str(each))
        for each in trouble
        if each.kind not in _OF_THE_SET
    ]
    return pairs, [each for each in trouble if each.kind in _OF_THE_SET]


def _one_side(layout: Layout, images: Path, masks: Path) -> Iterator[Finding]:
    """Yield each image of a split that has no folder of masks, or the reverse."""
    folder, missing, kind = (images, masks, "no-mask") if images.is_dir() else (masks, images, "no-image")
    suffixes = IMAGE_SUFFIXES if kind == "no-mask" else (layout.mask_suffix,)
    for name, files in index_files(folder, suffixes).items():
        short = files[0].relative_to(layout.root) if files[0].is_relative_to(layout.root) else files[0]
        yield Finding(kind, short.as_posix(), f"the folder {missing} does not exist", name)
