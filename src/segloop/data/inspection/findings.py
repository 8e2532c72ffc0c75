"""What can be wrong with a data set, what was found, and how it is told: as text, as JSON, as a LIST."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from segloop.utils.errors import EXIT_DONE, EXIT_FINDINGS, listing
from segloop.utils.lists import list_line

FORMAT = 1  # of the JSON
MOST_TOLD = 5  # findings of a kind in the text


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding: what it is called, what to do about it, and whether it must be mended.

    What is not `grave` is a doubt: somebody should look at it.
    """

    title: str
    remedy: str
    grave: bool = False


KINDS: Mapping[str, Kind] = {
    "set": Kind(
        "data sets that cannot be opened", "Mend what is named; nothing else could be looked at.", True
    ),
    "image": Kind("images that cannot be read whole", "Copy or export these files again.", True),
    "labels": Kind(
        "images whose labels cannot be used",
        "Mend the labels at the places named. Training and converting refuse these images.",
        True,
    ),
    "case": Kind(
        "class names that differ only by case or blanks",
        "They are different classes to every tool. Give both one name, if they mean one thing.",
        True,
    ),
    "leak": Kind(
        "pictures that are in several splits",
        "Scores on them are too good. Keep all copies in one split: cut again, grouped by near-duplicates.",
        True,
    ),
    "turned-leak": Kind(
        "pictures whose mirrored or turned copies are in another split",
        "Training sees what is tested. Augment after the cut, or cut again, grouped by near-duplicates.",
        True,
    ),
    "conflict": Kind(
        "copies of one picture that are labelled differently",
        "Find out which labels are right, and keep those.",
        True,
    ),
    "copies": Kind(
        "pictures that are there more than once",
        "Each copy counts as an image of its own. Keep one, unless that is meant.",
    ),
    "blank": Kind(
        "images that show nothing", "All their pixels have one colour. Leave them out or export again."
    ),
    "unlabelled": Kind(
        "images without labels",
        "Nothing is drawn on them. Fine where there is nothing to draw; if nobody looked, leave them out.",
    ),
    "unlisted": Kind(
        "image files that no label mentions",
        "They lie beside the others and are never used. Label them, or move them away.",
    ),
    "empty": Kind("objects without a pixel", "Draw them again, or remove them."),
    "edges": Kind(
        "images whose outlines follow no edge of the picture",
        "Look whether the labels belong to this picture, and whether they are moved, turned or scaled.",
    ),
    "holes": Kind(
        "objects that are mostly hole",
        "An outline that was never filled, most often. Fill them, unless they are rings.",
    ),
    "slivers": Kind(
        "parts that are long and at most two pixels thick",
        "Slips along borders, most often. Remove them, unless the class is thin by nature.",
    ),
    "specks": Kind(
        "parts of a few pixels",
        "Slips of the hand, most often. Remove them, unless the class is that small.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong or doubtful: its kind (a key of KINDS), where, and what was seen.

    `image_id` is None where it concerns the whole set. `count` is how many parts or images it is about.
    `place` is the number of the image in the set, from 0, `box_xyxy` where to look first. `others` are the
    images that it is about beside the first one, each with its split and place.
    """

    kind: str
    text: str
    image_id: str | None = None
    split: str | None = None
    file: str | None = None
    label: str | None = None
    count: int = 1
    place: int | None = None
    box_xyxy: tuple[int, int, int, int] | None = None
    others: tuple[tuple[str, str | None, int], ...] = ()

    @property
    def grave(self) -> bool:
        """Whether it must be mended."""
        return KINDS[self.kind].grave

    def __str__(self) -> str:
        return f"{shown(self.image_id, self.split)}: {self.text}" if self.image_id else self.text


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of looking a data set over."""

    source: str
    format: str
    images: int = 0
    splits: Mapping[str, int] = field(default_factory=dict)
    labels: Sequence[str] = ()
    objects: int = 0
    findings: tuple[Finding, ...] = ()
    remarks: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()  # kinds that nobody wants to hear of

    @property
    def exit_code(self) -> int:
        """0 where nothing was found, else 1."""
        return EXIT_FINDINGS if self.findings else EXIT_DONE

    @property
    def by_kind(self) -> dict[str, list[Finding]]:
        """The findings of each kind that there are any of, in the order of KINDS."""
        groups = {kind: [each for each in self.findings if each.kind == kind] for kind in KINDS}
        return {kind: found for kind, found in groups.items() if found}

    def without(self, kinds: Iterable[str]) -> Verdict:
        """Return the verdict without findings of some kinds."""
        dropped = tuple(kinds)
        kept = tuple(each for each in self.findings if each.kind not in dropped)
        told = {**vars(self), "findings": kept, "left_out": dropped}
        return Verdict(**told)

    def as_json(self) -> dict[str, Any]:
        """Return everything, as JSON holds it."""
        return {
            "format": FORMAT,
            "source": self.source,
            "read_as": self.format,
            "images": self.images,
            "splits": dict(self.splits),
            "labels": list(self.labels),
            "objects": self.objects,
            "counts": {kind: len(found) for kind, found in self.by_kind.items()},
            "findings": [{**asdict(each), "grave": each.grave} for each in self.findings],
            "remarks": list(self.remarks),
            "left_out": list(self.left_out),
        }

    def __str__(self) -> str:
        """Return the report for a terminal."""
        counts = ", ".join(f"{count:,} {name}" for name, count in self.splits.items())
        head = f"{self.source} ({self.format}): {self.images:,} images"
        head += (
            f" ({counts}), {self.objects:,} objects, {len(self.labels)} class{'es' * (len(self.labels) != 1)}"
        )
        parts = [head.replace(" ()", "")]
        for kind, found in self.by_kind.items():
            mark = "" if KINDS[kind].grave else "doubt: "
            lines = listing(map(str, found), most=MOST_TOLD)
            parts.append(f"{mark}{len(found):,} x {KINDS[kind].title}\n{lines}\n  → {KINDS[kind].remedy}")
        if self.remarks:
            parts.append("\n".join(["Remarks:", *(f"  {remark}" for remark in self.remarks)]))
        parts.append(self._last_line())
        return "\n\n".join(parts)

    def _last_line(self) -> str:
        hidden = f" Not looked at: {', '.join(self.left_out)}." if self.left_out else ""
        if not self.findings:
            return f"Nothing was found.{hidden}"
        grave = sum(each.grave for each in self.findings)
        told = f"{grave:,} finding(s) to mend, {len(self.findings) - grave:,} to look at."
        return f"{told}{hidden}"

    def image_list(self) -> str:
        """Return a LIST of the images that were found fault with, each below what was found, by split."""
        reasons: dict[str | None, dict[str, Counter[str]]] = {}
        for each in self.findings:
            for image_id, split, _ in ((each.image_id, each.split, 0), *each.others):
                if image_id is not None:
                    reasons.setdefault(split, {}).setdefault(image_id, Counter())[each.kind] += 1
        lines = [f"# {self.source}: images to look at, and what was found"]
        told: set[str] = set()
        for split in sorted(reasons, key=lambda name: list(self.splits).index(name) if name else -1):
            if split is not None:
                lines += ["", f"# split {split}"]
            for image_id, kinds in sorted(reasons[split].items()):
                line = list_line(image_id)
                lines += [f"# {', '.join(kinds)}", line if image_id not in told else f"# {line}"]
                told.add(image_id)
        return "\n".join(lines) + "\n"


def shown(image_id: str, split: str | None) -> str:
    """Return an image's name with its split.

    >>> shown("a/1", "val"), shown("a/1", None)
    ('val: a/1', 'a/1')
    """
    return f"{split}: {image_id}" if split else image_id
