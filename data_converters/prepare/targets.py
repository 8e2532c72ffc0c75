"""Writes what is trained on: index masks, COCO, or both in one root beside one copy of the images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from data_converters.base import Rendered, WriteOptions, Writer
from data_converters.coco_outlets import FolderOutlet
from data_converters.coco_writer import CocoWriter
from data_converters.formats import find_format
from data_converters.media import choose_media, file_suffix
from data_converters.mmseg_writer import MmsegWriter
from segloop.data.annotations import ImageRecord, LabelledImages, LabelSet
from segloop.data.info import DatasetInfo, join_digests

BOTH = "mmseg+coco"
LOSSES_OF_BOTH = ("image-files", "background-objects")  # the others are kept by one of the two


def make_writer(target: str, images: LabelledImages, *, options: WriteOptions) -> Writer:
    """Return what writes a target of `data_converters.prepare.base.TARGETS`."""
    if target == BOTH:
        return BothWriter(images.labels, facts=images.facts, options=options)
    return find_format(target).writer(images, options=options)


class BothWriter:
    """Writes index masks and COCO of the same images: `img_dir`, `ann_dir`, `annotations`, dataset.json.

    Its classes are those of the masks, with a background. COCO keeps what masks cannot, so nothing that one
    of them keeps is lost.
    """

    def __init__(self, labels: LabelSet, *, facts: Mapping[str, Any], options: WriteOptions) -> None:
        media = choose_media(options.media, default="copy")
        self.masks = MmsegWriter.plan(labels, facts=facts, options=replace(options, media=media))
        self.coco = CocoWriter(labels, facts=facts, options=replace(options, media="none"))
        self.keeps = self.masks.keeps | self.coco.keeps
        self.told: list[str] = []
        self._covered = 0

    def render(self, record: ImageRecord) -> Rendered:
        """Return an image in both forms; its name in COCO is that of the file beside the masks."""
        named = replace(record, name=record.image_id + file_suffix(record))
        masks, coco = self.masks.render(named), self.coco.render(named)
        losses = {loss.kind: loss for loss in (*masks.losses, *coco.losses) if loss.kind in LOSSES_OF_BOTH}
        return Rendered(
            record.image_id, (masks, coco), coco.instances, coco.pixels, losses=tuple(losses.values())
        )

    def open(self, target: Path) -> None:
        """Begin a folder."""
        self._root = target
        self.masks.open(target)
        self.coco.open(target)

    def add(self, rendered: Rendered) -> None:
        """Write mask and annotations of an image down, and bring its file along."""
        masks, coco = rendered.payload
        self._covered += sum(loss.count for loss in masks.losses if loss.kind == "covered-pixels")
        self.masks.add(masks)
        self.coco.add(coco)

    def close(self) -> None:
        """Complete both, and write the one dataset.json."""
        self.masks.close()
        ours = DatasetInfo.read(self._root)
        self.coco.close()
        theirs = DatasetInfo.read(self._root)
        digests = cast(FolderOutlet, self.coco.outlet).digests()
        replace(ours, coco=theirs.coco, content_hash=join_digests({**self.masks.digests, **digests})).write(
            self._root
        )
        self.told += [*self.masks.told, *(each for each in self.coco.told if "no file" not in each)]
        if self._covered:
            self.told.append(
                f"{self._covered:,} pixel(s) that several objects claim have one class in the index masks; "
                "COCO keeps each object whole"
            )
