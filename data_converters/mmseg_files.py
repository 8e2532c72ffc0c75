"""Where mmseg's folders have the image and the mask of each pair, and what their masks hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from data_converters.base import ReadOptions, require_split
from segloop.data.checks import Finding, Legal, judge, pair_files, raise_findings
from segloop.data.image_files import IMAGE_SUFFIXES, ImageFacts
from segloop.data.index_masks import MaskFacts, mask_facts
from segloop.data.info import DatasetInfo
from segloop.data.layout import Layout, index_files, only_listed
from segloop.utils.workers import cpu_count

OF_THE_SET = ("missing-folder", "empty-split", "same-id")  # findings that leaving out an image does not mend
IGNORED = 255
BINARY = {0, IGNORED}
# How others than mmseg call their folders, likeliest first. JPEG is no format for masks: it changes numbers.
IMAGE_NAMES = ("images", "image", "imgs", "img", "JPEGImages")
MASK_NAMES = ("masks", "mask", "annotations", "annotation", "labels", "label", "SegmentationClass")
MASK_SUFFIXES = (".png", ".bmp", ".tif", ".tiff")
FEW = 20  # names that are tried
AT_ONCE = 256  # masks that are looked at before what they hold is forgotten


class Pair(NamedTuple):
    """An image, `name` below the folder `images`, and its mask; or one of them, and its trouble.

    `images` is empty where a set has masks only.
    """

    split: str | None
    image_id: str
    name: str
    images: str
    mask: str
    trouble: str = ""


def find_pairs(source: Path, info: DatasetInfo | None, options: ReadOptions) -> list[Pair]:
    """Return the pairs of the splits that are asked for, split by split, by id."""
    layouts = _layouts(source, info, options)
    some_masks = any(layout.masks.is_dir() for layout in layouts.values())
    some_images = any(layout.images.is_dir() for layout in layouts.values())
    pairs: list[Pair] = []
    findings: list[Finding] = []
    for split, layout in layouts.items():
        if some_masks and not some_images and options.images is None:
            pairs += _masks_only(split, layout, info)
            continue
        found, trouble = pair_files(split or "all", layout)
        if some_masks and layout.images.is_dir() and not layout.masks.is_dir():
            trouble = list(_unlabelled(layout))  # a test split, mostly
        images = str(layout.images)
        own = [
            Pair(split, name, image.relative_to(layout.images).as_posix(), images, str(mask))
            for name, image, mask in found
        ]
        own += [
            Pair(split, each.image_id or "", each.file, images, "", str(each))
            for each in trouble
            if each.kind not in (*OF_THE_SET, "name")  # names are told of each pair
        ]
        findings += [each for each in trouble if each.kind in OF_THE_SET]
        pairs += sorted(own, key=lambda pair: pair.image_id)
    raise_findings(findings)
    if options.list_file is not None:
        only_listed(options.list_file, (pair.image_id for pair in pairs))
    return pairs


def mask_values(pairs: Sequence[Pair], *, stop_early: bool) -> set[int]:
    """Return the values that the masks hold; a set that knows nothing but 0 and 255 is refused.

    Masks that cannot be used are passed over. With `stop_early` the first mask that has another value is the
    last that is looked at.
    """
    files = [Path(pair.mask) for pair in pairs if pair.mask]
    values: set[int] = set()
    findings: list[Finding] = []
    for file, facts in _looked_at(files, parallel=not stop_early):
        values |= facts.values.keys()
        if not values <= BINARY:
            findings = []
            if stop_early:
                return values
        elif IGNORED in facts.values:
            seen = ImageFacts(facts.size_hw)
            legal = Legal(num_classes=1, ignore_index=IGNORED)
            findings += judge("", str(file), seen, facts, legal=legal, binary=True)
    raise_findings(findings)
    return values


def _looked_at(files: Sequence[Path], *, parallel: bool) -> Iterator[tuple[Path, MaskFacts]]:
    if not parallel:
        yield from ((file, mask_facts(file)) for file in files)
        return
    remaining = iter(files)
    with ThreadPoolExecutor(cpu_count()) as pool:  # decoding lets go of the GIL
        while some := list(islice(remaining, AT_ONCE)):
            yield from zip(some, pool.map(mask_facts, some), strict=True)


def _layouts(source: Path, info: DatasetInfo | None, options: ReadOptions) -> dict[str | None, Layout]:
    """Return the layout of each split; a set without splits has one, under the name that options give."""
    given: dict[str, Any] = {}
    if options.list_file is not None:
        given["ann_file"] = str(options.list_file.absolute())
    known = find_splits(source, info, options)
    if known and options.split is not None:
        require_split(source, options.split, known)
    layouts: dict[str | None, Layout] = {}
    wanted: Sequence[str | None] = [options.split] if options.split in known else known or [None]
    folders = find_folders(source)
    for split in wanted:
        prefix = {} if info is not None else folders.prefix(split)
        if options.images is not None:
            inner = options.images / (split or "")
            prefix["img_path"] = str((inner if inner.is_dir() else options.images).absolute())
        folder = split or (next(iter(info.splits), "") if info is not None else "")
        layout = Layout.find(source, folder, {**given, "data_prefix": prefix})
        if info is None:
            layout = replace(layout, mask_suffix=_mask_suffix(layout))
        layouts[split or options.split] = layout
    return layouts


def find_splits(source: Path, info: DatasetInfo | None, options: ReadOptions) -> list[str]:
    """Return the names of the splits; none where all images lie in one folder."""
    if info is not None:
        apart = "{split}" in info.images.folder or len(info.splits) == 1
        return list(info.splits) if apart else []
    folders = find_folders(source)
    if folders.split_first:
        return [each.parent.name for each in sorted(source.glob(f"*/{folders.masks}")) if each.is_dir()]
    folder = source / folders.images
    if options.images is not None or not folder.is_dir():
        folder = source / folders.masks
    entries = [each for each in folder.glob("*") if not each.name.startswith(".")]
    flat = any(each.suffix.lower() in IMAGE_SUFFIXES and each.is_file() for each in entries)
    return [] if flat else sorted(each.name for each in entries if each.is_dir())


def told_of_lone_masks(source: Path, info: DatasetInfo | None, options: ReadOptions) -> list[str]:
    """Say which folders of masks have no folder of images: nobody would miss their labels."""
    folders, known = find_folders(source), find_splits(source, info, options)
    if info is not None or folders.split_first or not known or options.split or options.images:
        return []
    there = sorted(each.name for each in (source / folders.masks).glob("[!.]*") if each.is_dir())
    lone = [name for name in there if name not in known]
    told = f"folders in {folders.masks} that {folders.images} does not have are left out: {', '.join(lone)}"
    return [told] if lone else []


class Folders(NamedTuple):
    """How a set without a dataset.json calls its folders of images and of masks.

    `split_first` is true for `train/images`, false for `images/train` and for sets without splits.
    """

    images: str = "img_dir"
    masks: str = "ann_dir"
    split_first: bool = False

    def prefix(self, split: str | None) -> dict[str, str]:
        """Return where the images and masks of a split are, as mmseg's `data_prefix`."""
        names = {"img_path": self.images, "seg_map_path": self.masks}
        if split is None:
            return names
        return {
            key: f"{split}/{name}" if self.split_first else f"{name}/{split}" for key, name in names.items()
        }


def find_folders(source: Path) -> Folders:
    """Return how the folders of a set are called: as mmseg says, or as others do."""
    plain = Folders()
    if (source / plain.images).is_dir() or (source / plain.masks).is_dir():
        return plain
    if (source / "predictions").is_dir() and (source / "images.csv").is_file():
        return Folders(masks="predictions")  # a RUN; --images says where the pictures are
    if (both := _both(source)) is not None:
        return Folders(*both)
    for inner in sorted(source.iterdir()) if source.is_dir() else []:
        if inner.is_dir() and not inner.name.startswith(".") and (both := _both(inner)) is not None:
            return Folders(*both, split_first=True)
    return plain


def _both(place: Path) -> tuple[str, str] | None:
    found = [
        next((name for name in names if (place / name).is_dir()), None) for names in (IMAGE_NAMES, MASK_NAMES)
    ]
    return (found[0], found[1]) if found[0] and found[1] else None


def _mask_suffix(layout: Layout) -> str:
    """Return what comes after an image's id in the names of masks, if all masks have it: `_mask.png`."""
    masks = [name[0].relative_to(layout.masks).as_posix() for name in _all_masks(layout).values()]
    images = sorted(index_files(layout.images, layout.image_suffixes)) if layout.images.is_dir() else []
    if masks and not images:
        ends = Counter(Path(mask).suffix.lower() for mask in masks)
        return max(MASK_SUFFIXES, key=lambda each: ends[each])
    first = next((name for name in images[:FEW] if any(mask.startswith(name) for mask in masks)), None)
    if first is None or not masks:
        return layout.mask_suffix
    known = set(masks)
    tails = sorted({mask[len(first) :] for mask in masks if mask.startswith(first)}, key=len)[:FEW]
    fits = (tail for tail in tails if sum(name + tail in known for name in images) == len(masks))
    return next(fits, layout.mask_suffix)


def _all_masks(layout: Layout) -> dict[str, list[Path]]:
    return index_files(layout.masks, MASK_SUFFIXES) if layout.masks.is_dir() else {}


def _masks_only(split: str | None, layout: Layout, info: DatasetInfo | None) -> list[Pair]:
    suffix = (info.images.suffix if info is not None else "") or layout.mask_suffix
    masks = index_files(layout.masks, (layout.mask_suffix,))
    found = [Pair(split, name, name + suffix, "", str(files[0])) for name, files in masks.items()]
    read = {pair.mask for pair in found}
    for name, files in _all_masks(layout).items():
        for file in files:
            if info is None and str(file) not in read:
                short = file.relative_to(layout.masks).as_posix()
                trouble = f"{short}: the masks here end with {layout.mask_suffix}, this one does not"
                found.append(Pair(split, name, short, "", "", trouble))
    counting = {pair.image_id for pair in found} if layout.only is None else set(layout.only)
    return sorted(
        (pair for pair in found if pair.image_id in counting), key=lambda pair: (pair.image_id, pair.name)
    )


def _unlabelled(layout: Layout) -> Iterator[Finding]:
    """Yield the images of a split that has no masks at all; with a LIST, those that it names."""
    for name, files in index_files(layout.images, layout.image_suffixes).items():
        if layout.only is not None and name not in layout.only:
            continue
        short = files[0].relative_to(layout.root) if files[0].is_relative_to(layout.root) else files[0]
        yield Finding("no-mask", short.as_posix(), f"the folder {layout.masks} does not exist", name)
