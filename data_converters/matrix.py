"""Says what each road from one format to another loses, and keeps the tables of docs/formats.md true.

python -m data_converters.matrix docs/formats.md
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from data_converters.base import FEATURES, Format, WriteOptions
from data_converters.formats import FORMATS
from data_converters.report import OWN_KINDS
from segloop.data.annotations import LabelledImages, LabelSet

# What a set may hold that is read from a format, with no options.
HOLDS: Mapping[str, frozenset[str]] = {
    "mmseg": frozenset(
        {"ignore", "colors", "unused-labels", "background", "splits", "empty-images", "sizes"}
    ),
    "coco": frozenset(FEATURES),
    "cvat": frozenset(FEATURES) - {"subpixel", "scores", "crowds", "ignore", "supercategories", "background"},
    "cvat-coco": frozenset(
        {"instances", "overlaps", "polygons", "boxes", "empty-masks", "attributes", "occluded", "uids"}
        | {"unused-labels", "splits", "empty-images", "sizes"}
    ),
    "cvat-mask": frozenset({"instances", "colors", "unused-labels", "background", "splits", "empty-images"})
    | {"sizes"},
    "airbus": frozenset({"instances", "overlaps", "attributes", "declarations", "empty-images", "sizes"}),
    "sartorius": frozenset(
        {"instances", "overlaps", "attributes", "declarations", "unused-labels", "empty-images", "sizes"}
    ),
    "masks": frozenset(
        {"instances", "overlaps", "empty-masks", "attributes", "groups", "z-order", "scores", "crowds"}
        | {"occluded", "sources", "uids", "colors", "unused-labels", "supercategories", "splits"}
        | {"empty-images", "sizes"}
    ),
    "pairs": frozenset(
        {"ignore", "colors", "unused-labels", "background", "splits", "empty-images", "sizes"}
    ),
    "labelme": frozenset({"instances", "overlaps", "polygons", "subpixel", "boxes", "opaque", "empty-masks"})
    | {"attributes", "groups", "ignore", "unused-labels", "splits", "empty-images", "sizes"},
    "supervisely": frozenset({"instances", "overlaps", "polygons", "subpixel", "boxes", "opaque"})
    | {"empty-masks", "attributes", "colors", "unused-labels", "splits", "empty-images", "sizes"},
    "yolo": frozenset({"instances", "overlaps", "polygons", "subpixel", "boxes", "unused-labels"})
    | {"splits", "empty-images", "sizes"},
    "spacecraft": frozenset({"instances", "groups", "colors", "unused-labels", "splits", "empty-images"})
    | {"sizes"},
    "cityscapes": frozenset(
        {"instances", "crowds", "ignore", "colors", "unused-labels", "supercategories", "splits"}
        | {"empty-images", "sizes"}
    ),
}
# What writers change beyond the FEATURES that they do not keep; each kind is explained in `report.OWN_KINDS`.
_OUTLINES = ("outline-pixels", "outlines-of-two-points")
_MAPPED = ("covered-pixels", "hidden-objects", "image-files")
_DRAWN = ("background-objects", "image-files", *_OUTLINES)
OWN: Mapping[str, tuple[str, ...]] = {
    "mmseg": (*_MAPPED, "background-objects"),
    "coco": ("objects-without-score", *_DRAWN),
    "cvat": ("attribute-types", "characters", *_DRAWN),
    "cvat-coco": ("displaced-attributes", *_DRAWN),
    "airbus": ("labels",),
    "sartorius": ("covered-pixels", "hidden-objects", "folders", "labels"),
    "masks": _MAPPED,
    "cityscapes": ("flat-objects", "joined-crowds", "objects-without-score", *_MAPPED, "background-objects"),
}
SOURCES = tuple(name for name, each in FORMATS.items() if each.reads)
TARGETS = tuple(name for name, each in FORMATS.items() if each.writes)
# How the table of pairs writes the features.
_SHORT = "In Ov Po Su Bo Op Em At De Gr Zo Sc Cr Oc So Ui Ta TA Ig Co Un Gl Ba Sp EI Si"
CODES: Mapping[str, str] = dict(zip(FEATURES, _SHORT.split(), strict=True))
_BLOCK = re.compile(r"(<!-- (\w+), generated -->\n).*?(<!-- end -->)", re.DOTALL)


def keeps(target: str, options: WriteOptions | None = None) -> frozenset[str]:
    """Return the FEATURES that a format keeps when it is written."""
    nothing = LabelledImages(labels=LabelSet(), keys=(), load=lambda key: key)
    return FORMATS[target].writer(nothing, options=options or WriteOptions()).keeps


def losses(source: str, target: str, options: WriteOptions | None = None) -> tuple[str, ...]:
    """Return the FEATURES that go lost from one format to another, if the set has them."""
    lost = HOLDS[source] - keeps(target, options)
    return tuple(kind for kind in FEATURES if kind in lost)


def feature_table() -> str:
    """Return what each format holds: `r` if it is read, `w` if it is written."""
    lines = _head(["", "", *HOLDS])
    for kind, meaning in FEATURES.items():
        cells = ["".join(_marks(kind, each)) or "–" for each in map(FORMATS.__getitem__, HOLDS)]
        lines.append(_row([f"`{kind}` {CODES[kind]}", meaning, *cells]))
    return "\n".join(lines)


def _marks(kind: str, form: Format) -> Iterator[str]:
    if form.reads and kind in HOLDS[form.name]:
        yield "r"
    if form.writes and kind in keeps(form.name):
        yield "w"


def pair_table() -> str:
    """Return what each pair loses, by the codes of the features."""
    lines = _head(["from \\ to", *TARGETS])
    for source in SOURCES:
        cells = [" ".join(CODES[kind] for kind in losses(source, target)) or "nothing" for target in TARGETS]
        lines.append(_row([f"**{source}**", *cells]))
    return "\n".join(lines)


def own_table() -> str:
    """Return what writers change beyond the features, and which ones do."""
    lines = _head(["kind", "what it is", "where"])
    for kind, meaning in OWN_KINDS.items():
        where = [target for target in TARGETS if kind in OWN[target]]
        lines.append(_row([f"`{kind}`", meaning, ", ".join(where) or "all"]))
    return "\n".join(lines)


def _head(cells: list[str]) -> list[str]:
    return [_row(cells), _row(["---"] * len(cells))]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def updated(text: str) -> str:
    """Return a page with its generated tables made anew."""
    tables = {"features": feature_table, "pairs": pair_table, "own": own_table}
    return _BLOCK.sub(lambda found: f"{found[1]}{tables[found[2]]()}\n{found[3]}", text)


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(updated(page.read_text(encoding="utf-8")), encoding="utf-8")
