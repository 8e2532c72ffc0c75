"""mmseg's folders: images and index masks, split by split, with a dataset.json beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data_converters.base import BadRecord, ReadOptions, WriteOptions
from data_converters.media import name_fault
from data_converters.mmseg_files import Pair, find_pairs, mask_values, told_of_lone_masks
from data_converters.mmseg_writer import MmsegWriter
from segloop.data.annotations import ImageRecord, Label, LabelledImages, LabelSet
from segloop.data.checks import Legal, blurred, judge
from segloop.data.image_files import ImageFacts, image_facts
from segloop.data.index_masks import count_values, mask_palette, read_mask, reduce_zero
from segloop.data.info import FILE_NAME, DatasetInfo
from segloop.data.layout import HOW_TO_BRING
from segloop.utils.errors import DataError

MOST_UNNAMED = 1024  # classes; more are the numbers of objects
IGNORED, IGNORED_WIDE = 255, 65_535  # the largest value of 8 bits, and of 16


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Open a folder of images and index masks; each record holds an index map and no objects.

    Classes come from `dataset.json`, else from `options.labels`, else from the values of all masks, which
    are looked through for that.
    """
    source = Path(source)
    if not source.is_dir():
        raise DataError(f"{source} is no folder. {HOW_TO_BRING}")
    info = DatasetInfo.read(source) if (source / FILE_NAME).is_file() else None
    pairs = find_pairs(source, info, options)
    labels, told = _labels(source, info, pairs, options)
    told += told_of_lone_masks(source, info, options)
    if options.reduce_zero_label:
        told.append("0 in the masks is ignored and every other class moves down by one, as you asked")
    if labels.background is None:
        told.append("no class is called 'background': where objects are made, every class becomes objects")
    if pairs and not any(pair.images for pair in pairs):
        told.append("there are no images beside the masks, which alone tell names and sizes")
    legal = Legal(
        num_classes=len(labels),
        ignore_index=labels.ignore_index,
        reduce_zero_label=options.reduce_zero_label,
    )
    load = LoadPair(source, legal)
    return LabelledImages(labels=labels, keys=pairs, load=load, facts=_facts(info), told=tuple(told))


def writer(labels: LabelSet, *, facts: Mapping[str, Any], options: WriteOptions) -> MmsegWriter:
    """Return what writes index masks of these labels, `dataset.json` and the images."""
    return MmsegWriter.plan(labels, facts=facts, options=options)


@dataclass(frozen=True)
class LoadPair:
    """Reads one image's mask, or tells all that is wrong with the pair."""

    root: Path
    legal: Legal

    def __call__(self, pair: Pair) -> ImageRecord:
        fault = name_fault(pair.name)
        if pair.trouble or fault:
            raise BadRecord(pair.image_id, [pair.trouble or f"{pair.name!r}: {fault}"])
        image, mask = Path(pair.images, pair.name), Path(pair.mask)
        facts, pixels = read_mask(mask)
        seen = image_facts(image) if pair.images else ImageFacts(facts.size_hw)
        jpeg = blurred(self._short(mask))
        if jpeg or seen.error or seen.size_hw != pixels.shape or not _is_legal(pixels, self.legal):
            facts = replace(facts, values=count_values(pixels))
            found = judge(self._short(image), self._short(mask), seen, facts, legal=self.legal, binary=False)
            raise BadRecord(pair.image_id, [str(finding) for finding in (*jpeg, *found)])
        if self.legal.reduce_zero_label:
            pixels = reduce_zero(pixels)
        wide = max(self.legal.num_classes - 1, self.legal.ignore_index) > IGNORED
        return ImageRecord(
            image_id=pair.image_id,
            name=pair.name,
            file=image if pair.images else None,
            size_hw=facts.size_hw,
            split=pair.split,
            semantic=pixels.astype(np.uint16 if wide else np.uint8, copy=False),
        )

    def _short(self, file: Path) -> str:
        return file.relative_to(self.root).as_posix() if file.is_relative_to(self.root) else file.as_posix()


def _is_legal(pixels: np.ndarray, legal: Legal) -> bool:
    """Tell whether all values may occur, in a tenth of the time that counting them takes."""
    if pixels.dtype.kind not in "ui" or (pixels.dtype.kind == "i" and pixels.min(initial=0) < 0):
        return False
    strange = pixels[pixels >= legal.num_classes + legal.reduce_zero_label]
    return bool(((strange == legal.ignore_index) | (legal.reduce_zero_label & (strange == IGNORED))).all())


def _labels(
    source: Path, info: DatasetInfo | None, pairs: Sequence[Pair], options: ReadOptions
) -> tuple[LabelSet, list[str]]:
    """Return the classes, and what there is to be said of where they come from."""
    told = []
    if info is not None:
        names: tuple[str, ...] = info.class_names
        if options.labels and options.labels != names:
            raise DataError(f"{source / FILE_NAME} names the classes already: {', '.join(names)}.")
    else:
        names = options.labels
    # Masks with a content hash were written by a tool of ours, which knows what 255 means.
    values = set() if info is not None and info.content_hash else mask_values(pairs, stop_early=bool(names))
    if not names:
        names = _made_up(values, reduce_zero_label=options.reduce_zero_label)
        if names:
            called = " to ".join(names[:1] + names[1:][-1:])
            told.append(f"nothing names the classes; they are called {called}, and --labels names them")
    if info is not None:
        colors: Sequence[Any] = [each.color for each in info.classes]
        background, ignore_index = info.background, info.ignore_index
    else:
        colors = mask_palette(Path(pairs[0].mask)) if pairs else []
        lower = [name.lower() for name in names]
        background = lower.index("background") if "background" in lower else None
        ignore_index = IGNORED if len(names) <= IGNORED else IGNORED_WIDE
    _check_values(names, background, ignore_index, reduce_zero_label=options.reduce_zero_label)
    colors = [*colors[: len(names)], *[None] * (len(names) - len(colors))]
    labels = tuple(Label(name, color) for name, color in zip(names, colors, strict=True))
    return LabelSet(labels, background=background, ignore_index=ignore_index), told


def _made_up(values: set[int], *, reduce_zero_label: bool) -> tuple[str, ...]:
    """Return names for as many classes as the masks have."""
    ignored = {IGNORED} if max(values, default=0) <= IGNORED else {IGNORED_WIDE}
    count = max(values - ignored, default=-1) + (0 if reduce_zero_label else 1)
    if count > MOST_UNNAMED:
        raise DataError(
            f"The masks hold values up to {count - 1}, and nothing names the classes. If they are numbers of "
            "objects, read them as masks; if they are classes, name them."
        )
    return tuple(f"class_{number}" for number in range(count))


def _check_values(
    names: Sequence[str], background: int | None, ignore_index: int, *, reduce_zero_label: bool
) -> None:
    """Refuse classes whose numbers mean two things, or do not fit into a mask."""
    most = IGNORED - 1 if reduce_zero_label else IGNORED_WIDE
    if len(names) > most:
        why = "0 and 255 are ignored where the zero label is dropped" if reduce_zero_label else "16 bits"
        raise DataError(f"{len(names)} classes do not fit into index masks: at most {most}, for {why}.")
    if not 0 <= ignore_index <= IGNORED_WIDE:
        raise DataError(
            f"ignore_index is {ignore_index}, which no mask can hold; choose 0 to {IGNORED_WIDE}."
        )
    if ignore_index < len(names) and ignore_index != background:
        raise DataError(f"ignore_index is {ignore_index}, which is class {names[ignore_index]!r} as well.")


def _facts(info: DatasetInfo | None) -> dict[str, Any]:
    if info is None:
        return {}
    names = ("name", "task", "source", "licence", "generator", "seed")
    facts = {name: getattr(info, name) for name in names if getattr(info, name) is not None}
    return {**facts, "splits": dict(info.splits)}
