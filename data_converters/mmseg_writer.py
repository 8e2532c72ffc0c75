"""Writes mmseg's folders: an index mask an image, the images, and dataset.json."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from data_converters.base import BadRecord, Loss, Rendered, WriteOptions
from data_converters.media import choose_media, file_suffix, image_digest, name_fault, place_image
from segloop.data.annotations import ImageRecord, Label, LabelSet
from segloop.data.drawing import bitmaps, index_map
from segloop.data.image_files import IMAGE_SUFFIXES
from segloop.data.info import ClassInfo, DatasetInfo, Files, join_digests
from segloop.data.masks import paint
from segloop.data.palette import complete_colors
from segloop.data.png import encode_grey, encode_indices
from segloop.utils.errors import DataError

KEEPS = frozenset({"ignore", "colors", "unused-labels", "background", "splits", "empty-images", "sizes"})
BACKGROUND = "background"
UNNAMED_SPLIT = "train"
IGNORED, IGNORED_WIDE = 255, 65_535  # the largest value of 8 bits, and of 16


@dataclass(frozen=True)
class Page:
    """What is written of one image: its mask as PNG, and where its file is."""

    split: str | None
    mask: bytes
    drawn: bool  # of objects, so that there has to be a background
    image: Path | None
    suffix: str
    digests: tuple[bytes, bytes | None]  # of mask and image


@dataclass
class MmsegWriter:
    """Writes `img_dir/<split>` and `ann_dir/<split>`; index maps stay as they are, objects are drawn.

    `labels` are those of the source; `drawn_labels` have a background too, for what no object covers.
    """

    labels: LabelSet
    drawn_labels: LabelSet
    ignored: int  # what the source's index maps ignore
    facts: Mapping[str, Any]
    media: str
    overlap: str
    keeps: frozenset[str] = KEEPS
    told: list[str] = field(default_factory=list)
    _target: Path = Path()
    _splits: dict[str, int] = field(default_factory=dict)
    _digests: dict[str, bytes] = field(default_factory=dict)
    _suffixes: set[str] = field(default_factory=set)
    _brought: set[str] = field(default_factory=set)  # suffixes of image files that came along
    _drawn: dict[bool, str] = field(default_factory=dict)  # which kinds of images came, and the first of each

    @classmethod
    def plan(cls, labels: LabelSet, *, facts: Mapping[str, Any], options: WriteOptions) -> MmsegWriter:
        """Return a writer of these labels; their numbers in the masks are settled here."""
        return cls(
            labels=with_ignored(labels),
            drawn_labels=with_ignored(with_background(labels)),
            ignored=labels.ignore_index,
            facts=facts,
            media=choose_media(options.media, default="copy"),
            overlap=options.overlap,
        )

    def render(self, record: ImageRecord) -> Rendered:
        """Draw the index mask of an image and encode it."""
        suffix = file_suffix(record)
        problems = [f"{record.image_id!r}: {fault}" for fault in [name_fault(record.image_id)] if fault]
        if record.split is not None and (fault := split_fault(record.split)):
            problems.append(f"split {record.split!r}: {fault}")
        if record.file is not None and self.media != "none" and not suffix:
            problems.append(f"{record.file}: a name without suffix is not found again")
        if problems:
            raise BadRecord(record.image_id, problems)
        drawn = record.semantic is None
        labels = self.drawn_labels if drawn else self.labels
        mask, told = index_map(self._prepared(record, labels), labels, overlap=self.overlap)
        losses = [Loss(*each) for each in told]
        ground = "" if labels.background is None else labels.names[labels.background]
        if count := sum(each.label == ground for each in record.instances):
            losses.append(Loss("background-objects", count, f"{record.image_id}: {ground}"))
        image = record.file if self.media != "none" else None
        if image is None and self.media != "none":
            losses.append(Loss("image-files", 1, record.image_id))
        png = encode_mask(mask, labels)
        digests = hashlib.sha256(png).digest(), image_digest(image, record.image_id) if image else None
        page = Page(record.split, png, drawn, image, suffix, digests)
        return Rendered(
            record.image_id, page, instances=0, pixels=count_pixels(mask, labels), losses=tuple(losses)
        )

    @property
    def digests(self) -> Mapping[str, bytes]:
        """The SHA-256 of each file that was written, by its path in the target."""
        return self._digests

    def open(self, target: Path) -> None:
        """Begin below an empty folder."""
        self._target = target
        target.mkdir(parents=True, exist_ok=True)

    def add(self, rendered: Rendered) -> None:
        """Write the mask of an image, and copy or link the image."""
        page: Page = rendered.payload
        self._drawn.setdefault(page.drawn, rendered.image_id)
        split = UNNAMED_SPLIT if page.split is None else page.split
        if page.split is None and UNNAMED_SPLIT not in self._splits:
            self.told.append(f"images of no split are written as split {UNNAMED_SPLIT!r}; --split names it")
        self._splits[split] = self._splits.get(split, 0) + 1
        mask = f"ann_dir/{split}/{rendered.image_id}.png"
        if mask in self._digests:
            raise DataError(
                f"Two images of split {split!r} are called {rendered.image_id!r}, and both would have the "
                f"mask {mask}. Give them different names, or different splits.",
                image_id=rendered.image_id,
            )
        self._digests[mask] = page.digests[0]
        file = self._target / mask
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(page.mask)
        if page.suffix:
            self._suffixes.add(page.suffix)
        if page.image is None or page.digests[1] is None:
            return
        image = f"img_dir/{split}/{rendered.image_id}{page.suffix}"
        place_image(page.image, self._target / image, media=self.media)
        self._digests[image] = page.digests[1]
        self._brought.add(page.suffix)

    def close(self) -> None:
        """Write `dataset.json`."""
        labels = self.drawn_labels if self._drawn.get(True) else self.labels
        if len(self._drawn) == 2 and self.labels.names != self.drawn_labels.names:
            raise DataError(
                f"The set has no background. {self._drawn[False]} is an index map without one, and "
                f"{self._drawn[True]} has objects, which need one: the same number would mean two classes."
            )
        if labels.names != self.labels.names:
            self.told.append(f"class 0, {BACKGROUND!r}, was added for pixels that no object covers")
        if label_depth(labels) is np.uint16:
            self.told.append(
                "the masks have 16 bits; mmseg's own LoadAnnotations cuts them to 8, ours does not"
            )
        colors = complete_colors([label.color for label in labels.labels], background=labels.background)
        DatasetInfo(
            name=str(self.facts.get("name") or self._target.name),
            task=str(self.facts.get("task") or "multiclass"),
            classes=tuple(ClassInfo(*each) for each in zip(labels.names, colors, strict=True)),
            splits=self._splits,
            images=Files("img_dir/{split}", self._image_suffix()),
            masks=Files("ann_dir/{split}", ".png"),
            ignore_index=labels.ignore_index,
            background=labels.background,
            source=_source(self.facts),
            licence=_text(self.facts.get("licence")),
            content_hash=join_digests(self._digests),
        ).write(self._target)

    def _prepared(self, record: ImageRecord, labels: LabelSet) -> ImageRecord:
        """Return the record with crowds as ignored ground, below the objects, and checked numbers."""
        ground = record.semantic
        if ground is not None:
            ground = _renumbered(record, self.ignored, labels)
        crowds = [each for each in record.instances if each.crowd]
        if not crowds or record.size_hw is None:
            return replace(record, semantic=ground)
        if ground is None:
            ground = np.full(record.size_hw, labels.background, label_depth(labels))
        runs = [each for each in bitmaps(crowds, record.size_hw) if each is not None]
        paint(runs, [labels.ignore_index] * len(runs), ground)
        others = tuple(each for each in record.instances if not each.crowd)
        return replace(record, semantic=ground, instances=others)

    def _image_suffix(self) -> str:
        """Return the suffix for dataset.json; none stands for every suffix that images may have."""
        if len(self._suffixes) == 1:
            return next(iter(self._suffixes))
        lower = {suffix.lower() for suffix in self._suffixes}
        if len(lower) == 1:
            return lower.pop()
        strange = sorted({suffix.lower() for suffix in self._brought} - set(IMAGE_SUFFIXES))
        if strange:
            raise DataError(
                f"The images have several suffixes, {' '.join(strange)} among them, and beside others only "
                f"{' '.join(IMAGE_SUFFIXES)} are found again. Convert these images first, or write no images."
            )
        return ""


def with_background(labels: LabelSet) -> LabelSet:
    """Return labels with a background: the one there is, the label of that name, or a new first one."""
    if labels.background is not None:
        return labels
    lower = [name.lower() for name in labels.names]
    if BACKGROUND in lower:
        return replace(labels, background=lower.index(BACKGROUND))
    return replace(labels, labels=(Label(BACKGROUND), *labels.labels), background=0)


def with_ignored(labels: LabelSet) -> LabelSet:
    """Return labels whose ignored number means no class and takes no more bits than it must."""
    if len(labels) > IGNORED_WIDE:
        raise DataError(f"{len(labels)} classes do not fit into index masks: 16 bits hold {IGNORED_WIDE}.")
    given = labels.ignore_index
    if len(labels) <= given <= IGNORED or given == labels.background:
        return labels
    return replace(labels, ignore_index=IGNORED if len(labels) <= IGNORED else IGNORED_WIDE)


def label_depth(labels: LabelSet) -> type[np.uint8] | type[np.uint16]:
    """Return the kind of number that masks of these labels need."""
    return np.uint8 if max(len(labels) - 1, labels.ignore_index) <= IGNORED else np.uint16


def encode_mask(mask: np.ndarray, labels: LabelSet) -> bytes:
    """Return an index mask as PNG: with a palette where 8 bits do, which a palette's 256 colours ask for."""
    if label_depth(labels) is np.uint16:
        return encode_grey(mask.astype(np.uint16, copy=False))
    colors = complete_colors([label.color for label in labels.labels], background=labels.background)
    return encode_indices(mask, palette=colors, level=6)


def count_pixels(mask: np.ndarray, labels: LabelSet) -> int:
    """Return how many pixels are of a class that means something."""
    nothing = {value for value in (labels.background, labels.ignore_index) if value is not None}
    return mask.size - sum(int(np.count_nonzero(mask == value)) for value in nothing)


def split_fault(split: str) -> str | None:
    """Say what keeps a split's name from being a folder's; None if nothing does."""
    return "it holds a '/'" if "/" in split else name_fault(split)


def _renumbered(record: ImageRecord, ignored: int, labels: LabelSet) -> np.ndarray:
    """Return a copy of the index map with the ignored number that is written; other numbers are classes."""
    assert record.semantic is not None
    if ignored == labels.ignore_index and record.semantic.dtype == label_depth(labels):
        strange = (record.semantic >= len(labels)) & (record.semantic != ignored)
        if not strange.any():
            return record.semantic.copy()
    ground = record.semantic.astype(np.int64)
    ground[record.semantic == ignored] = labels.ignore_index
    outside = (ground < 0) | (ground >= len(labels)) & (ground != labels.ignore_index)
    if outside.any():
        problem = f"{int(outside.sum())} pixels of its index map have numbers that are no class"
        raise BadRecord(record.image_id, [f"{problem}, {int(ground[outside][0])} for one"])
    return ground.astype(label_depth(labels))


def _source(facts: Mapping[str, Any]) -> str | None:
    """Return where the set is from; a set that was drawn says so, for it is no longer the drawn one."""
    drawn = [
        _text(facts.get("generator")),
        f"seed {facts['seed']}" if facts.get("seed") is not None else None,
    ]
    return _text(facts.get("source")) or ", ".join(each for each in drawn if each) or None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
