"""The page of a comparison of labels: numbers, class flips, who did what, and pictures side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from segloop.cvat.diff import CHANGED, DELETED, SAME, STATES, UNSEEN, Diff, ImageRow
from segloop.cvat.diff_tables import COUNTED, Share, class_shifts, numbers_of, shares_by
from segloop.cvat.differences import ImageDifference, draw_labels
from segloop.data.annotations import ImageRecord
from segloop.utils.errors import UserError
from segloop.viz.closeup import closeup, fitted, palette_of, read_rgb
from segloop.viz.overlay import INVENTED, MISSED, WRONG_CLASS, error_map, outlined
from segloop.viz.page import (
    Content,
    Figure,
    Html,
    Section,
    chip,
    facts,
    fold,
    gallery,
    heading,
    join,
    label,
    note,
    page,
    paragraph,
    picture,
    sorting,
    table,
    tag,
    words,
)

MOST_ROWS = 300  # of a table
SIDE, GAP, GREY = 300, 6, 128
ADDED_COLOR, GONE_COLOR, OTHER_COLOR = MISSED, INVENTED, WRONG_CLASS
STYLE = """
.filter { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; max-width: none; }
.filter { margin: 1rem 0 0; }
.filter[hidden] { display: none; }
.filter select, .filter input { max-width: 100%; padding: .3rem .5rem; border: 1px solid var(--line);
  border-radius: 8px; background: var(--card); color: var(--ink); font: inherit; }
#people th, #people td, #images th { white-space: nowrap; }
#images td:nth-child(5) { min-width: 12rem; }
@media (max-width: 640px) {
  #pictures .gallery { grid-template-columns: 1fr; }
  #pictures figure.large { align-items: flex-start; overflow: auto; }
  #pictures figure.large img { width: 285vw; max-width: none; height: auto; }
  #pictures figure.large figcaption { position: sticky; left: 0; width: calc(100vw - 2rem); }
}
"""
LEVELS = {CHANGED: "info", SAME: "good", UNSEEN: "warn", DELETED: "bad"}
Progress = Callable[[int, int], None]


def diff_page(diff: Diff, *, pictures: int = 24, progress: Progress | None = None) -> str:
    """Return the page; of the images that changed most, `pictures` are drawn."""
    sections = [_overview(diff), _flips(diff)]
    if any(row.origin for row in diff.rows):
        sections.append(_people(diff))
    sections.append(_pictures(diff, most=pictures, progress=progress))
    sections.append(_images(diff))
    sorting_style, sorting_script = sorting()
    return page(
        f"{_title(diff.new_name)} against {_title(diff.old_name)}",
        sections,
        eyebrow="Label diff",
        lead=f"{diff.count(CHANGED):,} of {len(diff.rows):,} images have other labels than before.",
        top=[_tiles(diff), _filter(diff)],
        style=sorting_style + STYLE,
        script=sorting_script + (Path(__file__).parent / "diff_page.js").read_text(encoding="utf-8"),
        footer=join(["Made by ", words("python tools/cvat.py diff"), f" {diff.old_name} {diff.new_name}."]),
    )


def _title(name: str) -> str:
    """Return what a set is called: the folder's name, and which version of it."""
    path = Path(name)
    if path.parent.name == "versions":
        return f"{path.parent.parent.name or 'data'}, version {path.name}"
    return path.name or name


def _tiles(diff: Diff) -> Html:
    numbers = numbers_of(diff)
    pixels = numbers["pixels"]
    objects = numbers["objects"]
    mean = numbers["mean_iou"]
    return facts(
        [
            (f"{diff.count(CHANGED):,}", "changed"),
            (f"{diff.count(SAME):,}", "looked at, no change"),
            (f"{sum(row.state not in (CHANGED, SAME) for row in diff.rows):,}", "not looked at, not there"),
            (f"{pixels['changed']:,}", "pixels changed"),
            ("–" if mean is None else f"{mean:.4f}", "IoU old to new"),
            (f"{sum(objects[kind] for kind in COUNTED):,}", "objects changed"),
        ]
    )


def _overview(diff: Diff) -> Section:
    states = [
        (label(state, level=LEVELS.get(state, "info")), meaning, f"{diff.count(state):,}")
        for state, meaning in STATES.items()
        if diff.count(state)
    ]
    counts = diff.objects()
    kinds = {
        "renamed": "have another class",
        "moved": "are the same form at another place",
        "redrawn": "have another form",
        "marked": "have other attributes, or are a crowd or occluded",
        "added": "were not there before",
        "removed": "are not there any more",
        "same": "are as they were",
    }
    objects = [(kind, meaning, f"{counts[kind]:,}") for kind, meaning in kinds.items() if counts[kind]]
    blocks: list[Content] = [table(["state", "what it means", "images"], states, numbers=[2])]
    if objects:
        blocks += [heading("Objects"), table(["", "which", "how many"], objects, numbers=[2])]
    blocks += [note(text) for text in diff.told]
    if diff.strange:
        names = ", ".join(diff.strange[:8]) + (" …" if len(diff.strange) > 8 else "")
        text = f"{len(diff.strange):,} new image(s) are none of the old set and were not compared: {names}"
        blocks.append(note(text, level="warn"))
    judged = [row.found_iou for row in diff.rows if row.found_iou]
    if diff.model and judged:
        before, after = np.mean(judged, axis=0)
        blocks.append(
            note(
                f"{diff.model}: mean IoU by image {before:.4f} with the labels before, {after:.4f} after. "
                "The predictions are the same: only the labels that they are held against are not."
            )
        )
    return Section("What changed", blocks, short="overview")


def _flips(diff: Diff) -> Section:
    """Show the matrix of classes that pixels went from and to, without the classes that nothing touched."""
    flips = diff.flips
    off = flips - np.diag(np.diag(flips))
    used = [place for place in range(len(flips)) if off[place].any() or off[:, place].any()]
    shifts = [
        (
            join([chip(_color(diff, each.name)), each.name]),
            f"{each.before:,}",
            f"{each.after:,}",
            f"{each.after - each.before:+,}",
            "–" if each.iou is None else f"{each.iou:.4f}",
        )
        for each in class_shifts(diff)
    ]
    by_class = table(["class", "pixels before", "after", "difference", "IoU"], shifts, numbers=[1, 2, 3, 4])
    if not used:
        none = note("No pixel of a compared image has another class.", level="good")
        return Section("Classes", [none, by_class], short="classes")
    names = diff.classes.names
    top = max(int(off.max()), 1)
    rows = [
        [names[row], *(_cell(int(flips[row, column]), top, same=row == column) for column in used)]
        for row in used
    ]
    head = ["before ↓ after →", *(names[place] for place in used)]
    matrix = table(head, rows, numbers=range(1, len(used) + 1))
    lead = "Pixels by class before (row) and after (column); classes that nothing touched are left out."
    return Section("Classes", [matrix, heading("Each class"), by_class], lead=lead, short="classes")


def _cell(count: int, top: int, *, same: bool) -> Content:
    if same:
        return tag("span", f"{count:,}", class_="dim")
    if not count:
        return ""
    strength = 12 + round(48 * (count / top) ** 0.5)
    return tag(
        "span",
        f"{count:,}",
        style=f"background:color-mix(in srgb, {_css(OTHER_COLOR)} {strength}%, transparent);"
        "padding:.1em .4em;border-radius:.3em",
    )


def _css(color: Sequence[int]) -> str:
    return "rgb({},{},{})".format(*color)


def _color(diff: Diff, name: str) -> tuple[int, int, int]:
    return palette_of(diff.classes.labels)[diff.classes.labels.index(name)]


def _people(diff: Diff) -> Section:
    blocks: list[Content] = []
    for what in ("assignee", "task"):
        shares = shares_by(diff, what)
        states = [state for state in STATES if any(each.states[state] for each in shares)]
        kinds = [kind for kind in COUNTED if any(each.objects[kind] for each in shares)]
        head = [what, "images", *states, "pixels", *kinds]
        rows = [_share_row(each, states, kinds) for each in shares]
        blocks.append(table(head, rows, numbers=range(1, len(head)), sorts=True))
    return Section("Who did what", blocks, short="people")


def _share_row(each: Share, states: Sequence[str], kinds: Sequence[str]) -> list[Content]:
    counts = [each.images, *(each.states[state] for state in states), each.pixels]
    return [each.name, *(f"{count:,}" for count in (*counts, *(each.objects[kind] for kind in kinds)))]


def _images(diff: Diff) -> Section:
    order = {state: number for number, state in enumerate(STATES)}
    rows = sorted(
        diff.rows,
        key=lambda row: (order[row.state], -(row.difference.pixels if row.difference else 0), row.name),
    )
    judged = any(row.found_iou for row in diff.rows)
    head = ["image", "state", "IoU", "pixels", "objects", "who"] + (
        ["model before", "after"] if judged else []
    )
    lines = [_image_row(diff, row, judged=judged) for row in rows[:MOST_ROWS]]
    listed = table(head, lines, numbers=[2, 3, *((6, 7) if judged else ())], sorts=True)
    more = len(rows) - len(lines)
    rest = [paragraph(f"And {more:,} more: images.csv has all of them.", small=True)] if more else []
    title = f"The first {len(lines)}" if more else f"All {len(rows):,}"
    return Section(
        "Images",
        [fold(title, listed, *rest, open_=not more and len(rows) <= 40)],
        short="images",
    )


def _filter(diff: Diff) -> Html:
    """Return what chooses rows and pictures; the script shows it, for without one it could do nothing."""
    if len(diff.rows) < 2:
        return Html()
    states = [state for state in STATES if diff.count(state)]
    options = [tag("option", "all states", value=""), *(tag("option", each, value=each) for each in states)]
    choice = tag("label", "Show ", tag("select", *options, id="by-state"))
    words_of = tag("input", type="search", placeholder="name, task or person", aria_label="Filter by words")
    return tag("p", choice, words_of, tag("span", role="status", class_="dim"), class_="filter", hidden="")


def _image_row(diff: Diff, row: ImageRow, *, judged: bool) -> list[Content]:
    found, who = row.difference, row.origin
    objects = ", ".join(_changes(found)) if found else ""
    told = " ".join(part for part in ((who.assignee, who.task) if who else ()) if part)
    return [
        row.name,
        label(row.state, level=LEVELS.get(row.state, "info")),
        f"{found.iou(diff.classes.foreground):.4f}" if found else "",
        f"{found.pixels:,}" if found else "",
        objects,
        told,
        *((f"{each:.4f}" for each in row.found_iou or ()) if judged else ()),
    ]


def _pictures(diff: Diff, *, most: int, progress: Progress | None) -> Section:
    rows = diff.changed[:most]
    figures = []
    for number, row in enumerate(rows, 1):
        drawn = draw_change(diff, row)
        if drawn is not None:
            figures.append(
                Figure(picture(drawn, alt=f"{row.name}: before, after, what changed"), _caption(row))
            )
        if progress is not None:
            progress(number, len(rows))
    key = join(
        [
            "Before, after, and what changed: ",
            *(chip(ADDED_COLOR), "drawn now, nothing before; "),
            *(chip(GONE_COLOR), "drawn before, nothing now; "),
            *(
                chip(OTHER_COLOR),
                "another class, or ignored. Most pixels first; a click makes a picture large.",
            ),
        ]
    )
    if not figures:
        return Section("Side by side", [note("There is nothing to show.")], short="pictures")
    left = diff.count(CHANGED) - len(figures)
    rest = [paragraph(f"{left:,} more changed: --pictures N shows more.", small=True)] if left > 0 else []
    return Section("Side by side", [gallery(figures, least_px=560), *rest], lead=key, short="pictures")


def _changes(found: ImageDifference) -> list[str]:
    """Return how many objects of an image changed in which way, and whether it has other tags."""
    counts = [f"{found.count(kind)} {kind}" for kind in COUNTED if found.count(kind)]
    return [*counts, *(["other tags"] if found.tags else [])]


def _caption(row: ImageRow) -> Html:
    assert row.difference is not None
    who = [row.origin.assignee or "", row.origin.task or ""] if row.origin else []
    told = [f"{row.difference.pixels:,} pixels", *_changes(row.difference), *(each for each in who if each)]
    return join([tag("b", row.name), " · ".join(told)])


def draw_change(diff: Diff, row: ImageRow) -> np.ndarray | None:
    """Return before, after and what changed in one row of tiles, RGB; None where nothing can be drawn.

    A change that takes little of a large image is shown close up.
    """
    assert row.difference is not None
    try:
        old = diff.old.load(row.old_key)
        new = diff.new.load(row.new_key[1])
    except UserError:
        return None
    before = draw_labels(old, diff.old.labels, diff.classes)
    after = draw_labels(_sized(new, before.size_hw), diff.new.labels, diff.classes)
    image = _image_of(old, new, before.size_hw)
    palette = palette_of(diff.classes.labels)
    ground = diff.classes.background
    tiles = [
        outlined(image, each.classes, _numbered(each.classes, each), palette, ground=ground)
        for each in (before, after)
    ]
    tiles.append(
        error_map(
            image, after.classes, before.classes, background=ground, ignore_index=len(diff.classes.names)
        )
    )
    box = _changed_box(before.classes != after.classes)
    shown = [_shown(tile, box) for tile in tiles]
    gap = np.full((shown[0].shape[0], GAP, 3), GREY, np.uint8)
    return np.concatenate([shown[0], gap, shown[1], gap, shown[2]], axis=1)


def _sized(record: ImageRecord, size_hw: tuple[int, int]) -> ImageRecord:
    from dataclasses import replace

    return replace(record, size_hw=record.size_hw or size_hw)


def _image_of(old: ImageRecord, new: ImageRecord, size_hw: tuple[int, int]) -> np.ndarray:
    for record in (old, new):
        image = read_rgb(record.file) if record.file is not None else None
        if image is not None and image.shape[:2] == tuple(size_hw):
            return image
    return np.full((*size_hw, 3), 60, np.uint8)


def _numbered(classes: np.ndarray, drawn: object) -> np.ndarray:
    """Return another number for each object, so that neighbours of one class are told apart."""
    from segloop.cvat.differences import Drawn
    from segloop.data.masks import paint

    assert isinstance(drawn, Drawn)
    numbers = classes.astype(np.int32)
    runs = [each for each in drawn.runs if each is not None]
    paint(runs, [len(drawn.objects) + 1000 + place for place in range(len(runs))], numbers)
    return numbers


def _changed_box(changed: np.ndarray) -> tuple[int, int, int, int] | None:
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _shown(tile: np.ndarray, box: tuple[int, int, int, int] | None) -> np.ndarray:
    height, width = tile.shape[:2]
    small = box is not None and 4 * max(box[2] - box[0], box[3] - box[1]) < max(height, width)
    if small and max(height, width) > SIDE:
        assert box is not None
        return closeup(tile, box, least=96, side=SIDE)
    return fitted(tile, side=max(SIDE, 1)) if max(height, width) > SIDE else tile
