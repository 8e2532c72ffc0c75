"""Writes COCO: a file for each split beside its images, one file, or lists of results."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from data_converters.base import FEATURES, Rendered, WriteOptions
from data_converters.coco_files import NO_SPLIT
from data_converters.coco_index import OURS
from data_converters.coco_labels import category_ids, write_categories, write_info
from data_converters.coco_masks import masks_mode
from data_converters.coco_outlets import FileOutlet, FolderOutlet, Outlet
from data_converters.coco_render import COCO, Dialect, Page, dump, render
from data_converters.media import choose_media, name_fault
from segloop.data.annotations import ImageRecord, LabelSet
from segloop.data.info import ClassInfo, DatasetInfo, Files
from segloop.data.palette import complete_colors
from segloop.utils.errors import DataError, UserError

OUTLINES = frozenset(("polygons", "subpixel"))
KEPT = frozenset(FEATURES) - OUTLINES
KEPT_BY_RESULTS = frozenset(("instances", "overlaps", "boxes", "empty-masks", "scores", "sizes"))
NUMBERS = "numbers"  # a fact: the number of each image, by its id


class CocoWriter:
    """Writes a set as COCO.

    A folder gets `annotations/instances_<split>.json`, `images/<split>/` and `dataset.json`; with
    `options.results` it gets `results_<split>.json` and the file with images and categories that those count
    by, `annotations/image_info_<split>.json`. A target that ends in .json gets the one file alone. Images,
    annotations and categories are numbered from 1 in the order of the set; images otherwise where its facts
    tell `NUMBERS`. What COCO has no key for stands under the key `segloop`, which other tools pass over.
    """

    dialect: Dialect = COCO

    def __init__(self, labels: LabelSet, *, facts: Mapping[str, Any], options: WriteOptions) -> None:
        self.labels, self.facts, self.options = labels, dict(facts), options
        self.ids = category_ids(labels)
        self.numbers: Mapping[str, int] = self.facts.pop(NUMBERS, {})
        self.told: list[str] = []
        mode, _ = masks_mode(options.masks)
        if options.results and mode != "rle":
            raise UserError("Results hold masks as runs: leave out --masks, or write ground truth.")
        choose_media(options.media, default="none")  # or an error, before any work
        self.keeps = self.kept(mode)

    def kept(self, mode: str) -> frozenset[str]:
        """Return the FEATURES that are kept where masks are written in some mode."""
        if self.options.results:
            return KEPT_BY_RESULTS
        return KEPT if mode == "rle" else KEPT | OUTLINES

    def render(self, record: ImageRecord) -> Rendered:
        """Return an image's annotations as JSON, but for the numbers that only the whole set gives."""
        return render(record, self.labels, ids=self.ids, options=self.options, dialect=self.dialect)

    def open(self, target: Path) -> None:
        """Begin a folder, or a file that ends in .json."""
        self.parts: dict[str, _Part] = {}
        self.without_file = 0
        self.outlet = self.outlet_for(target)

    def outlet_for(self, target: Path) -> Outlet:
        """Return where files go."""
        if target.suffix.lower() != ".json":
            return FolderOutlet(target, media=choose_media(self.options.media, default="copy"))
        if choose_media(self.options.media, default="none") != "none":
            raise UserError("A .json file has no place for images: name a folder, or leave out --media.")
        return FileOutlet(target)

    def add(self, rendered: Rendered) -> None:
        """Write an image's annotations down, and bring its file along."""
        page: Page = rendered.payload
        split = page.split or NO_SPLIT
        if not self.outlet.single and (fault := "it holds a '/'" if "/" in split else name_fault(split)):
            raise DataError(f"The split {split!r} cannot name a file: {fault}.")
        part = self._part(NO_SPLIT if self.outlet.single else split)
        # A file's name tells the split, but for the name that stands for none.
        number = self.numbers.get(rendered.image_id)
        part.add(rendered.image_id, page, number, with_split=self.outlet.single or split == NO_SPLIT)
        if self.outlet.media == "none":
            return
        if page.file is None:
            self.without_file += 1
        else:
            self.outlet.bring(page.file, f"images/{split}/{page.name}")

    def _part(self, name: str) -> _Part:
        if name not in self.parts:
            self.parts[name] = _Part(self.outlet.scratch)
        return self.parts[name]

    def close(self) -> None:
        """Put the files together; what grew with the set was on the disk until now."""
        if not self.parts:
            self._part(NO_SPLIT)
        try:
            for split, part in self.parts.items():
                self._write(split, part)
        finally:
            for part in self.parts.values():
                part.close()
        if self.without_file:
            self.told.append(f"{self.without_file} image(s) have no file to bring along: labels only")
        if isinstance(self.outlet, FolderOutlet) and not self.options.results:
            self._describe(self.outlet)
        self.outlet.close()

    def _write(self, split: str, part: _Part) -> None:
        results = self.options.results
        if results:
            with self.outlet.stream(f"results_{split}.json") as stream:
                part.write_results(stream)
        if not (results and self.outlet.single):
            kind = "image_info" if results else "instances"
            with self.outlet.stream(f"annotations/{kind}_{split}.json") as stream:
                part.write_truth(stream, self._head(), annotations=not results)

    def _head(self) -> dict[str, Any]:
        licence = self.facts.get("licence")
        return {
            "info": write_info(self.labels, self.facts, ours=self.dialect.ours),
            "licenses": [{"id": 1, "name": str(licence)}] if licence else [],
            "categories": write_categories(self.labels, ours=self.dialect.ours),
        }

    def _describe(self, outlet: FolderOutlet) -> None:
        """Write dataset.json, if there is anything to train on."""
        foreground = self.labels.foreground
        if not foreground:
            return
        colors = complete_colors([label.color for label in foreground])
        suffixes = {suffix for part in self.parts.values() for suffix in part.suffixes}
        source, licence = self.facts.get("source"), self.facts.get("licence")
        DatasetInfo(
            name=str(self.facts.get("name") or "converted"),
            task=str(self.facts.get("task") or "instances"),
            classes=tuple(
                ClassInfo(each.name, color) for each, color in zip(foreground, colors, strict=True)
            ),
            splits={split: part.images for split, part in self.parts.items()},
            images=Files("images/{split}", suffixes.pop() if len(suffixes) == 1 else ""),
            coco={split: f"annotations/instances_{split}.json" for split in self.parts},
            ignore_index=self.labels.ignore_index,
            source=str(source) if source else None,
            licence=str(licence) if licence else None,
            content_hash=None if self.without_file else outlet.content_hash(),
        ).write(outlet.root)


@dataclass
class _Part:
    """One file on its way: images and annotations gather in nameless files until the whole can be written."""

    scratch: Path
    images: int = 0
    annotations: int = 0
    seen: set[str] = field(default_factory=set)
    suffixes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._images = tempfile.TemporaryFile(dir=self.scratch)  # noqa: SIM115 - open until `close`
        self._annotations = tempfile.TemporaryFile(dir=self.scratch)  # noqa: SIM115

    def close(self) -> None:
        self._images.close()
        self._annotations.close()

    def add(self, image_id: str, page: Page, number: int | None, *, with_split: bool) -> None:
        if image_id in self.seen:
            where = "; a folder keeps the splits apart" if with_split and page.split else ""
            raise DataError(f"There are two images {image_id!r}{where}.", image_id=image_id)
        self.seen.add(image_id)
        self.suffixes.add(page.suffix)
        self.images += 1
        image = self.images if number is None else number
        ours = {**page.ours, **({"split": page.split} if with_split and page.split else {})}
        entry = {
            "id": image,
            "file_name": page.name,
            "width": page.size_hw[1],
            "height": page.size_hw[0],
            **({OURS: ours} if ours else {}),
        }
        self._images.write(b",\n" * (self.images > 1) + dump(entry))
        first = self.annotations + 1
        if page.has_ids:
            lines = [
                b'{"id":%d,"image_id":%d,%b' % (place, image, each)
                for place, each in enumerate(page.annotations, first)
            ]
        else:
            lines = [b'{"image_id":%d,%b' % (image, each) for each in page.annotations]
        if lines:
            self._annotations.write(b",\n" * (first > 1) + b",\n".join(lines))
        self.annotations += len(lines)

    def write_truth(self, stream: IO[bytes], head: Mapping[str, Any], *, annotations: bool) -> None:
        stream.write(dump(head)[:-1] + b',\n"images":[\n')
        _pour(self._images, stream)
        if annotations:
            stream.write(b'\n],\n"annotations":[\n')
            _pour(self._annotations, stream)
        stream.write(b"\n]}\n")

    def write_results(self, stream: IO[bytes]) -> None:
        stream.write(b"[\n")
        _pour(self._annotations, stream)
        stream.write(b"\n]\n")


def _pour(source: IO[bytes], target: IO[bytes]) -> None:
    source.seek(0)
    shutil.copyfileobj(source, target, 1 << 20)
