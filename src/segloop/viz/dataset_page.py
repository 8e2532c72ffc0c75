"""A data set on one page: what follows from it for a config, and all that was counted, drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segloop.data.statistics.advice import SCHEME_NAMES, Advice, joined
from segloop.viz import dataset_sections as sections
from segloop.viz.dataset_pictures import Pictures
from segloop.viz.dataset_sections import Numbers, count, foreground, named, percent
from segloop.viz.page import (
    Content,
    Section,
    code,
    columns,
    facts,
    fold,
    heading,
    join,
    note,
    page,
    paragraph,
    table,
    tag,
    words,
)

MOST_TOLD = 20  # images that cannot be used, named on the page
OTHER_WEIGHTS = ("weights.inverse", "weights.effective_number")


def dataset_page(
    numbers: Numbers,
    advice: Sequence[Advice],
    weights: Mapping[str, Sequence[float]],
    pictures: Pictures,
    *,
    name: str,
    source: str,
    told: Sequence[str] = (),
) -> str:
    """Return the page of a set, from its numbers (`summarise`), what follows from them, and its pictures."""
    parts = [
        _follows(numbers, advice, weights),
        sections.classes(numbers),
        sections.splits(numbers),
        sections.objects(numbers),
        sections.positions(numbers),
        sections.together(numbers),
        sections.pictures(numbers),
        sections.masks(numbers, pictures),
        sections.examples(numbers, pictures),
        sections.hard(pictures),
        _how(numbers, source, told),
    ]
    return page(
        name,
        [part for part in parts if part is not None],
        eyebrow="Data set",
        lead=_lead(numbers),
        top=[_tiles(numbers), *_unusable(numbers), sections.strip(pictures.typical)],
        footer=join(
            ["Made by ", words("tools/eda.py"), ". The same numbers stand in ", words("eda.json"), "."]
        ),
    )


def _lead(numbers: Numbers) -> str:
    """Say in a sentence what the set is."""
    totals, images = numbers["totals"], numbers["images"]
    sizes = images["sizes_hw"]
    if images["different_sizes"] == 1:
        height, width = sizes[0]["size_hw"]
        size = f" of {width}×{height} pixels"
    else:
        size = f" with sides of {images['least_side']} to {images['largest_side']} pixels"
    kinds = "an index map each" if numbers["kind"] == "semantic" else "objects drawn one by one"
    classes = len(foreground(numbers))
    around = " and a background" if numbers["background"] is not None else ""
    listed = [f"{count(each['images'])} {name}" for name, each in numbers["splits"].items()]
    cut = f" ({', '.join(listed)})" if len(listed) > 1 else ""
    one = "class" if classes == 1 else "classes"
    return f"{count(totals['images'])} images{size}{cut}; {kinds}, {classes} {one}{around}."


def _tiles(numbers: Numbers) -> Content:
    totals = numbers["totals"]
    listed = foreground(numbers)
    drawn = sum(each["pixel_share"] or 0 for each in listed)
    most = max(listed, key=lambda each: each["pixels"], default=None)
    seen = [each for each in listed if each["pixels"]]
    least = min(seen, key=lambda each: each["pixels"], default=None)
    tiles: list[tuple[Content, Content]] = [
        (count(totals["images"]), "images"),
        (count(totals["objects"]), "objects"),
        (count(totals["objects_per_image"], digits=1), "objects an image"),
        (percent(totals["empty"] / totals["images"]), "images without any"),
        (percent(drawn), "pixels of objects"),
    ]
    if most is not None and least is not None and most is not least:
        tiles.append((f"{most['pixels'] / least['pixels']:,.1f} : 1", f"{most['name']} to {least['name']}"))
    return facts(tiles)


def _unusable(numbers: Numbers) -> list[Content]:
    totals = numbers["totals"]
    if not totals["unusable"]:
        return []
    found = numbers["unusable"]
    rows = [[each["image"], each["problem"]] for each in found[:MOST_TOLD]]
    all_ = f"{count(totals['unusable'])} images cannot be used and are in no number here."
    return [note(all_, level="bad"), fold("Which, and why", table(["image", "problem"], rows))]


def _follows(numbers: Numbers, advice: Sequence[Advice], weights: Mapping[str, Sequence[float]]) -> Section:
    """Return what to set in a config, and why."""
    split = numbers["measured_for_training"]
    where = f"Measured on the split {split} alone." if split else "Measured on all images."
    blocks: list[Content] = [
        paragraph(
            "All of it, to paste into a config that names its bases. One assignment to ",
            words("model"),
            " counts in a file, so it is one; take out what you do not want.",
        ),
        code(joined(advice)),
    ]
    options = [each.options for each in advice if each.options and each.key not in OTHER_WEIGHTS]
    if options:
        blocks.append(
            fold("The same for a run of a config that is there", code("--cfg-options " + " ".join(options)))
        )
    cards = []
    for each in advice:
        lines: list[Content] = [tag("h4", each.title), paragraph(each.why)]
        if each.settings:
            lines.append(fold("alone, in a config", code(each.config)))
        if each.step:
            lines.append(fold("step of the pipeline", code(each.step)))
        if each.options:
            lines.append(fold("on the command line", code(f"--cfg-options {each.options}")))
        cards.append(join(lines))
    blocks += [heading("Why"), columns(cards, least_px=330)]
    if weights and len(numbers["classes"]) > 1:
        rows = [
            [named(each), *(f"{weights[scheme][place]:g}" for scheme in weights)]
            for place, each in enumerate(numbers["classes"])
        ]
        head = ["class weight", *(SCHEME_NAMES[scheme] for scheme in weights)]
        files = (
            "Each scheme is a plain list in a file of its own beside this page, which losses take as a path."
        )
        blocks += [
            heading("Class weights"),
            table(head, rows, numbers=range(1, len(head))),
            paragraph(files, small=True),
        ]
    return Section("What follows", blocks, lead=where)


def _how(numbers: Numbers, source: str, told: Sequence[str]) -> Section:
    """Return how the numbers were made, and what the reader said of the source."""
    lines = [
        "Pixels: of each class in the map that a semantic model would learn; objects over the map, higher "
        "ones over lower ones. Ignored pixels are left out of every share.",
        "Sizes and shapes are counted in eighths of an octave, so medians are exact to 4.5 %.",
        "Colours: mean and deviation over every pixel of every image, as the loaders decode it (8 bits, "
        "turned as EXIF says). Contrast, sharpness, edges and positions: on images made smaller by a whole "
        "number where they have more than 100,000 pixels.",
        "Contrast: how far the mean colours within four pixels inside and outside the outlines are apart, "
        "over their deviation. Sharpness: the deviation of the grey image's Laplacian.",
        "Pictures are of every split but test, which nobody should get to know by heart.",
    ]
    blocks: list[Content] = [tag("ul", *(tag("li", line) for line in lines))]
    if told:
        blocks.append(
            fold("What the reader said of the source", tag("ul", *(tag("li", line) for line in told)))
        )
    return Section("How it was counted", blocks, lead=join(["Read from ", words(source), "."]), short="How")
