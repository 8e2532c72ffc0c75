"""What came of a conversion: counts, losses with first examples, remarks, images that were left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from data_converters.base import FEATURES, Loss, Rendered
from data_converters.features import Held
from segloop.data.annotations import Remark
from segloop.utils.errors import EXIT_DONE, EXIT_FINDINGS, listing

Skipped: TypeAlias = tuple[str, tuple[str, ...]]  # an image's id, which two splits may have, and its problems
MOST_EXAMPLES = 3
MOST_SKIPPED = 10
# Losses that writers name, beside those of FEATURES.
OWN_KINDS: Mapping[str, str] = {
    "covered-pixels": "pixels that went to another object or class, or that nobody scores",
    "hidden-objects": "objects that no pixel is left of",
    "image-files": "image files that should come along and are not there",
    "background-objects": "objects drawn of the class that is the background, now as what no object covers",
    "outline-pixels": "pixels that outlines with fewer points draw differently",
    "outlines-of-two-points": "rings with fewer than three points",
    "objects-without-score": "objects of results that had no score, and get 1",
    "displaced-attributes": "attributes whose names CVAT uses for something of its own",
    "attribute-types": "values that come back as another type, for XML holds text",
    "characters": "characters that XML cannot hold",
    "flat-objects": "objects of classes whose objects Cityscapes does not tell apart; their pixels stay",
    "joined-crowds": "crowds that became one with another of their label in the image",
    "labels": "objects whose label the format has no place for",
    "folders": "images whose folder the format has no place for",
    "unexplained": "objects or pixels that are gone and no other line tells why: please report it",
}
# What an image may lose without losing a pixel of an object.
WITHOUT_PIXELS = frozenset(
    [
        "polygons",
        "empty-masks",
        "attributes",
        "declarations",
        "groups",
        "scores",
        "occluded",
        "sources",
        "uids",
        "tags",
        "tag-attributes",
        "colors",
        "unused-labels",
        "supercategories",
        "splits",
        "empty-images",
        "image-files",
        "objects-without-score",
        "displaced-attributes",
        "attribute-types",
        "characters",
        "folders",
    ]
)


@dataclass(frozen=True)
class LossLine:
    """A kind of loss: how often in all, and the first places."""

    kind: str
    count: int
    examples: tuple[str, ...]

    @property
    def meaning(self) -> str:
        """What the kind stands for, in words."""
        return FEATURES.get(self.kind) or OWN_KINDS.get(self.kind, "")


@dataclass(frozen=True, kw_only=True)
class Report:
    """A conversion, done or, with losses that were not to be, refused."""

    source: Path
    target: Path
    from_format: str
    to_format: str
    written: bool = False
    images: int = 0
    maps: int = 0
    instances: tuple[int, int] = (0, 0)  # in the source, in the target
    pixels: tuple[int, int] = (0, 0)
    losses: tuple[LossLine, ...] = ()
    told: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def done(self) -> Report:
        """Return the report of a target that is written."""
        return replace(self, written=True)

    @property
    def exit_code(self) -> int:
        """0 for a target that is written with all images; 1 for images left out, or a loss too many."""
        return EXIT_DONE if self.written and not self.skipped else EXIT_FINDINGS

    def __str__(self) -> str:
        """Return the closing table, for a terminal."""
        lines = [f"{self.source} ({self.from_format}) → {self.target} ({self.to_format})", ""]
        read = self.images + len(self.skipped)
        rows = [("images", read, self.images), ("objects", *self.instances), ("pixels", *self.pixels)]
        lines.append(f"{'':10}{'source':>15}{'target':>15}")
        lines += [f"{name:10}{before:>15,}{after:>15,}" for name, before, after in rows]
        if self.maps:
            lines.append(
                f"{self.maps:,} image(s) of the source have index maps; their labelled pixels count."
            )
        lines.append("")
        lines += self._loss_lines()
        if self.told:
            lines += ["", "Remarks:", *(f"  {remark}" for remark in self.told)]
        if self.skipped:
            lines += ["", f"{len(self.skipped)} image(s) were left out:"]
            lines.append(listing(told_of_all(self.skipped), most=MOST_SKIPPED))
        if not self.written:
            lines += ["", f"--strict: nothing was written to {self.target}."]
        return "\n".join(lines)

    def _loss_lines(self) -> list[str]:
        if not self.losses:
            return ["Nothing was lost."]
        lines = ["Not kept:" if self.written else "Would not be kept:"]
        wide = max(len(each.kind) for each in self.losses)
        for each in self.losses:
            more = ", …" if each.count > len(each.examples) else ""
            meaning = f"  {each.meaning};" if each.meaning else " "
            lines.append(f"  {each.kind:<{wide}}{each.count:>13,}{meaning} {'; '.join(each.examples)}{more}")
        return lines


def told_of_all(skipped: Iterable[Skipped]) -> list[str]:
    """Return a line for each problem of each image, which names the image."""
    return [
        problem if _names(problem, image_id) else f"{image_id}: {problem}"
        for image_id, problems in skipped
        for problem in problems
    ]


def _names(problem: str, image_id: str) -> bool:
    """Tell whether an image's id stands in a text by itself: `12` does not stand in `128x96`."""
    return re.search(rf"(?<!\w){re.escape(image_id)}(?!\w)", problem) is not None


class Tally:
    """Adds up what images held and what the target keeps of them."""

    def __init__(self) -> None:
        self.images = self.maps = 0
        self.instances = [0, 0]
        self.pixels = [0, 0]
        self.labels: set[str] = set()
        self.drawn: set[str] = set()
        self.bad: list[Skipped] = []
        self._counts: dict[str, int] = {}
        self._examples: dict[str, list[str]] = {}
        self._remarks: dict[str, Remark] = {}

    def add(self, held: Held, rendered: Rendered) -> None:
        """Count an image."""
        self.images += 1
        self.maps += held.maps
        self.instances[0] += held.instances
        self.instances[1] += rendered.instances
        self.pixels[0] += held.pixels
        self.pixels[1] += rendered.pixels
        self.labels |= held.labels
        self.drawn |= held.drawn
        losses = [*held.features, *rendered.losses]
        self.add_losses(losses)
        gone = held.pixels - rendered.pixels
        if gone and WITHOUT_PIXELS.issuperset(loss.kind for loss in losses):
            self.add_losses([Loss("unexplained", 1, f"{rendered.image_id}: {gone} pixel(s)")])
        for remark in held.remarks:
            first = self._remarks.setdefault(remark.kind, replace(remark, count=0))
            self._remarks[remark.kind] = replace(first, count=first.count + remark.count)

    def add_bad(self, image_id: str, problems: tuple[str, ...]) -> None:
        """Count an image that cannot be used."""
        self.bad.append((image_id, problems))

    def add_losses(self, losses: Iterable[Loss]) -> None:
        """Count losses, and remember the first places of each kind."""
        for loss in losses:
            self._counts[loss.kind] = self._counts.get(loss.kind, 0) + loss.count
            examples = self._examples.setdefault(loss.kind, [])
            if len(examples) < MOST_EXAMPLES:
                examples.append(loss.example)

    def report(self, start: Report, *, keeps: frozenset[str], told: tuple[str, ...]) -> Report:
        """Return the report; objects that are gone though no loss says so are a loss too."""
        gone = self.instances[0] - self.instances[1]
        if gone and not self._counts and not self.maps and "instances" in keeps:
            self.add_losses([Loss("unexplained", 1, f"{gone} object(s)")])
        remarks = self._remarks.values()
        order = [*FEATURES, *sorted(set(self._counts) - set(FEATURES))]
        return replace(
            start,
            images=self.images,
            maps=self.maps,
            instances=(self.instances[0], self.instances[1]),
            pixels=(self.pixels[0], self.pixels[1]),
            losses=tuple(
                LossLine(kind, self._counts[kind], tuple(self._examples[kind]))
                for kind in order
                if kind in self._counts
            ),
            told=(*told, *(f"{each.count:,} {each.kind}; {each.example}" for each in remarks)),
            skipped=tuple(self.bad),
        )
