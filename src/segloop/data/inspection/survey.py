"""Goes through a data set once, in as many processes as there are cores, and draws the conclusions."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from segloop.data.annotations import LabelledImages, Remark
from segloop.data.image_files import IMAGE_SUFFIXES
from segloop.data.inspection.alike import find_copies
from segloop.data.inspection.findings import KINDS, Finding, Verdict
from segloop.data.inspection.look import Look, Seen
from segloop.data.inspection.parts import by_nature
from segloop.data.inspection.placing import Placing
from segloop.data.similar import BYTES
from segloop.utils.workers import map_ordered

CHUNK = 16  # images that are looked at in one step
PATIENCE_S = 1.5  # of work in this process before others are started, which takes about a second
FEW_EMPTY = 0.2  # of the images; where more have no labels, that is how the set is
PLACES = {kind: place for place, kind in enumerate(KINDS)}
MEANT = {"specks": "of a few pixels", "slivers": "long and thin"}


def inspect_set(
    images: LabelledImages,
    *,
    source: str,
    form: str,
    whole: bool = True,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Verdict:
    """Look at each image of a set and at all of them together; any number of workers says the same.

    `source` and `form` are how the report calls the set and its format. `whole` says that no image of the set
    was left out on purpose, so that other image files beside those of the set are worth a word.
    """
    gathered = Gathered(images)
    done = 0
    for some in _looks(images, workers=workers):
        for seen in some:
            gathered.add(seen, number=done)
            done += 1
            if progress:
                progress(done, len(images))
    findings = [*gathered.of_images(), *gathered.of_the_set(whole=whole)]
    order = sorted(range(len(findings)), key=lambda place: (PLACES[findings[place].kind], place))
    return Verdict(
        source=source,
        format=form,
        images=done,
        splits={name: count for name, count in gathered.splits.items() if name is not None},
        labels=images.labels.names,
        objects=gathered.objects,
        findings=tuple(findings[place] for place in order),
        remarks=(*images.told, *gathered.remarks()),
    )


def _looks(images: LabelledImages, *, workers: int | None) -> Iterator[list[Seen]]:
    """Yield what is seen, in order; where nobody said how many processes, begin in this one."""
    look = Look(images.load, images.labels)
    chunks = _chunks(images.keys)
    started = time.monotonic()
    if workers is None:
        for keys in chunks:
            yield look(keys)
            if time.monotonic() - started > PATIENCE_S:
                break
    yield from map_ordered(look, chunks, workers=workers, chunk=1)


def _chunks(keys: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the keys, some at a time."""
    for begin in range(0, len(keys), CHUNK):
        yield tuple(keys[place] for place in range(begin, min(begin + CHUNK, len(keys))))


@dataclass
class Gathered:
    """What is known of the images so far: findings, and a few numbers of each for what shows in all alone."""

    images: LabelledImages
    findings: list[Finding] = field(default_factory=list)
    splits: Counter[str | None] = field(default_factory=Counter)
    objects: int = 0
    names: list[tuple[str, str | None, int]] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    hashes: bytearray = field(default_factory=bytearray)
    drawn: list[int] = field(default_factory=list)
    placing: Placing = field(default_factory=Placing)
    folders: dict[str, set[str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    unlabelled: list[Finding] = field(default_factory=list)
    parts: Counter[int] = field(default_factory=Counter)
    flawed: dict[str, Counter[int]] = field(default_factory=lambda: {kind: Counter() for kind in MEANT})
    told: dict[str, Remark] = field(default_factory=dict)
    without_file: int = 0
    semantic: bool = False

    def add(self, seen: Seen, *, number: int) -> None:
        """Take in what was seen of one image."""
        image_id = seen.image_id or f"image {number + 1}"
        self.splits[seen.split] += 1
        self.objects += seen.objects
        self.used |= seen.used
        self.semantic |= seen.semantic
        for remark in seen.remarks:
            first = self.told.setdefault(remark.kind, replace(remark, count=0))
            self.told[remark.kind] = replace(first, count=first.count + remark.count)
        self.findings += self._of_image(seen, image_id, number)
        if seen.file is None:
            self.without_file += not seen.problems
        else:
            folder, name = os.path.split(seen.file)
            self.folders.setdefault(folder, set()).add(name)
        if seen.decoded:
            self.names.append((image_id, seen.split, number))
            self.sizes.append(seen.size_hw or (0, 0))
            self.hashes += seen.hash
            self.drawn.append(seen.drawn)
            self.placing.add((image_id, seen.split, number), str(seen.file), seen.fit)

    def _of_image(self, seen: Seen, image_id: str, number: int) -> Iterator[Finding]:
        where: dict[str, Any] = {
            "image_id": image_id,
            "split": seen.split,
            "place": number,
            "file": str(seen.file) if seen.file else None,
        }
        for kind, text in seen.problems:
            yield Finding(kind=kind, text=text.removeprefix(f"{image_id}: "), **where)
        if seen.decoded and not any(seen.hash):
            yield Finding(kind="blank", text="all pixels have one colour, or nearly", **where)
        if seen.void:
            yield Finding(kind="unlabelled", text="every pixel is ignored", **where)
        elif not seen.labelled and not seen.problems:
            text = "nothing but background" if seen.semantic else "no object"
            self.unlabelled.append(Finding(kind="unlabelled", text=text, **where))
        for label, count in sorted(Counter(seen.empty).items()):
            yield Finding(kind="empty", text=f"{count} of {label}", label=label, count=count, **where)
        self.parts.update(seen.parts)
        for flaw in seen.flaws:
            label = self.images.labels.names[flaw.label]
            if flaw.kind in self.flawed:
                self.flawed[flaw.kind][flaw.label] += flaw.count
            left, top, *_ = flaw.box_xyxy
            text = f"{flaw.count} of {label}, {flaw.text}, at x={left}, y={top}"
            yield Finding(
                kind=flaw.kind, text=text, label=label, count=flaw.count, box_xyxy=flaw.box_xyxy, **where
            )

    def of_the_set(self, *, whole: bool) -> Iterator[Finding]:
        """Yield what shows in the set as a whole."""
        if not self.splits:
            yield Finding(kind="set", text="it holds no image")
        yield from same_but_for_case(self.images.labels.names)
        hashes = np.frombuffer(bytes(self.hashes), np.uint8).reshape(-1, BYTES)
        yield from find_copies(self.names, hashes, sizes=self.sizes, drawn=self.drawn)
        if len(self.unlabelled) <= FEW_EMPTY * sum(self.splits.values()):
            yield from self.unlabelled
        if whole and not self.semantic:  # index maps are looked for beside every image anyway
            yield from self._unlisted()
        yield from self.placing.findings()

    def of_images(self) -> list[Finding]:
        """Return what was found in single images, but for what turned out to be the nature of a class."""
        names = self.images.labels.names
        natural = {(kind, names[label]) for kind, labels in self._natural().items() for label in labels}
        return [each for each in self.findings if (each.kind, each.label) not in natural]

    def _natural(self) -> dict[str, list[int]]:
        return {kind: by_nature(counts, self.parts) for kind, counts in self.flawed.items()}

    def _unlisted(self) -> Iterator[Finding]:
        bad = {each.image_id.rsplit("/", 1)[-1] for each in self.findings if each.image_id}
        for folder, known in sorted(self.folders.items()):
            suffixes = {Path(name).suffix.lower() for name in known} & set(IMAGE_SUFFIXES)
            with os.scandir(folder or ".") as entries:
                others = sorted(
                    entry.name
                    for entry in entries
                    if entry.name not in known
                    and Path(entry.name).suffix.lower() in suffixes
                    and not entry.name.startswith(".")
                )
            for name in others:
                if Path(name).stem not in bad:
                    file = Path(folder, name)
                    yield Finding(kind="unlisted", text=str(file), file=str(file))

    def remarks(self) -> Iterator[str]:
        """Yield what a user should know and nobody has to mend."""
        yield from (f"{each.count:,} {each.kind}; {each.example}" for each in self.told.values())
        total = sum(self.splits.values())
        if self.without_file:
            yield f"{self.without_file:,} image(s) came without their files: only their labels were looked at"
        if len(self.unlabelled) > FEW_EMPTY * total:
            yield f"{len(self.unlabelled):,} of {total:,} images have no labels; so many are taken as meant"
        labels = self.images.labels
        unused = [each.name for each in labels.foreground if each.name not in self.used]
        if unused:
            yield f"no image shows {', '.join(unused)}"
        for kind, places in self._natural().items():
            for place in places:
                count = self.flawed[kind][place]
                yield (
                    f"{count:,} of {self.parts[place]:,} parts of {labels.names[place]} are {MEANT[kind]}: "
                    "taken as the nature of the class"
                )
        yield from self.placing.remarks()


def same_but_for_case(names: Sequence[str]) -> Iterator[Finding]:
    """Yield names that differ only in the case of their letters or in blanks."""
    folded: dict[str, list[str]] = {}
    for name in names:
        folded.setdefault("".join(name.split()).casefold(), []).append(name)
    for alike in folded.values():
        if len(alike) > 1:
            yield Finding(kind="case", text=", ".join(map(repr, alike)), count=len(alike))


def broken_set(error: Exception, *, source: str, form: str) -> Verdict:
    """Return the verdict on a set that could not even be opened."""
    return Verdict(source=source, format=form, findings=(Finding(kind="set", text=str(error)),))
