"""The page of a checked data set: what was found, each kind with pictures and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from segloop.data.annotations import ImageRecord, LabelledImages
from segloop.data.inspection.findings import KINDS, Finding, Verdict, shown
from segloop.utils.errors import UserError
from segloop.viz.closeup import closeup, drawn_on, fitted, outlined, palette_of, read_rgb
from segloop.viz.page import (
    Content,
    Figure,
    Html,
    Section,
    facts,
    fold,
    gallery,
    join,
    label,
    note,
    page,
    paragraph,
    picture,
    table,
    tag,
)

MOST_PICTURES = 8  # findings of a kind that are shown
MOST_COPIES = 4  # images of one group that are shown
MOST_ROWS = 200  # of a table
SIDE = 360  # pixels of a picture
GAP, GREY = 6, 128


def check_page(verdict: Verdict, images: LabelledImages | None) -> str:
    """Return the page; `images` are where its pictures come from, None if the set could not be opened."""
    groups = verdict.by_kind
    sections = [_overview(verdict, groups)]
    for kind, found in groups.items():
        sections.append(_section(kind, found, images))
    if verdict.remarks:
        items = [tag("li", remark) for remark in verdict.remarks]
        sections.append(Section("Remarks", [tag("ul", *items)], lead="Nothing to mend, and good to know."))
    counts = ", ".join(f"{count:,} {name}" for name, count in verdict.splits.items())
    return page(
        f"Check of {Path(verdict.source).name or verdict.source}",
        sections,
        eyebrow="Data check",
        lead=f"{counts}." if counts else "",
        top=[_tiles(verdict)],
        footer=join(["Made by ", tag("code", "python tools/check.py"), "."]),
    )


def _tiles(verdict: Verdict) -> Html:
    grave = sum(each.grave for each in verdict.findings)
    return facts(
        [
            (f"{verdict.images:,}", "images"),
            (f"{verdict.objects:,}", "objects"),
            (len(verdict.labels), "classes"),
            (verdict.format, "read as"),
            (f"{grave:,}", "to mend"),
            (f"{len(verdict.findings) - grave:,}", "to look at"),
        ]
    )


def _overview(verdict: Verdict, groups: dict[str, list[Finding]]) -> Section:
    if not groups:
        return Section("Findings", [note("Nothing was found.", level="good")])
    rows = [
        (
            tag("a", KINDS[kind].title, href=f"#{_short(kind)}"),
            label("mend", level="bad") if KINDS[kind].grave else label("look", level="warn"),
            f"{len(found):,}",
        )
        for kind, found in groups.items()
    ]
    return Section("Findings", [table(["what", "", "how many"], rows, numbers=[2])])


def _short(kind: str) -> str:
    return kind


def _section(kind: str, found: Sequence[Finding], images: LabelledImages | None) -> Section:
    figures = [] if images is None else list(_figures(found, images))
    blocks: list[Content] = [gallery(figures, least_px=260)] if figures else []
    rows = [
        (shown(each.image_id, each.split) if each.image_id else "", each.text) for each in found[:MOST_ROWS]
    ]
    listed = table(["image", "what"], rows) if any(row[0] for row in rows) else _plain(rows)
    more = len(found) - len(rows)
    rest = [paragraph(f"And {more:,} more: --json FILE holds all of them.", small=True)] if more else []
    blocks.append(
        fold(
            f"All {len(found):,}" if not more else f"The first {len(rows)}", listed, *rest, open_=not figures
        )
    )
    title = f"{KINDS[kind].title[0].upper()}{KINDS[kind].title[1:]}: {len(found):,}"
    return Section(title, blocks, lead=KINDS[kind].remedy, short=_short(kind))


def _plain(rows: Sequence[tuple[str, str]]) -> Html:
    return tag("ul", *(tag("li", text) for _, text in rows))


def _figures(found: Sequence[Finding], images: LabelledImages) -> Iterator[Figure]:
    """Yield pictures of the first findings that can be shown."""
    shown_count = 0
    for each in found:
        if shown_count == MOST_PICTURES:
            return
        drawn = _draw(each, images)
        if drawn is not None:
            shown_count += 1
            name = shown(each.image_id or "", each.split)
            yield Figure(picture(drawn, alt=str(each)), join([tag("b", name), Html("<br>"), each.text]))


def _draw(finding: Finding, images: LabelledImages) -> np.ndarray | None:
    """Return what a finding looks like, or None where there is nothing to be seen."""
    if finding.place is None:
        image = read_rgb(Path(finding.file)) if finding.file else None
        return None if image is None else fitted(image, side=SIDE)
    with_labels = finding.kind not in ("leak", "turned-leak", "copies", "blank")
    places = [finding.place, *(place for *_, place in finding.others)][:MOST_COPIES]
    drawn = [_draw_one(images, place, finding, with_labels=with_labels) for place in places]
    return _beside([each for each in drawn if each is not None])


def _draw_one(
    images: LabelledImages, place: int, finding: Finding, *, with_labels: bool
) -> np.ndarray | None:
    try:
        record = images.load(images.keys[place])
    except UserError:  # one of those that cannot be used
        return None
    image = read_rgb(record.file) if record.file else _blank(record)
    if image is None:
        return None
    if with_labels:
        size_hw = image.shape[0], image.shape[1]
        image = outlined(image, *drawn_on(record, images.labels, size_hw), palette_of(images.labels))
    if finding.box_xyxy is not None:
        return closeup(image, finding.box_xyxy, side=SIDE)
    return fitted(image, side=SIDE)


def _blank(record: ImageRecord) -> np.ndarray | None:
    """Return a dark picture where only labels came."""
    return None if record.size_hw is None else np.full((*record.size_hw, 3), 40, np.uint8)


def _beside(pictures: Sequence[np.ndarray]) -> np.ndarray | None:
    """Return pictures in one row, or four in two rows, on grey that suits dark and light."""
    if len(pictures) < 2:
        return pictures[0] if pictures else None
    height, width = (max(each.shape[axis] for each in pictures) for axis in (0, 1))
    columns = 2 if len(pictures) == 4 else len(pictures)
    rows = len(pictures) // columns
    canvas = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), GREY, np.uint8)
    for number, each in enumerate(pictures):
        top, left = number // columns * (height + GAP), number % columns * (width + GAP)
        canvas[top : top + each.shape[0], left : left + each.shape[1]] = each
    return canvas
