"""The sections of a data set's page: classes, objects, positions, pictures, masks, examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from segloop.data.statistics.choose import LOOSE
from segloop.viz.charts import Tick, bar, curves, heat, matrix
from segloop.viz.dataset_charts import aspect_chart, boxes_map, octaves, spread_chart, whole_numbers
from segloop.viz.dataset_pictures import Pictures, Shot
from segloop.viz.page import (
    Content,
    Figure,
    Html,
    Section,
    chipped,
    columns,
    facts,
    fold,
    gallery,
    heading,
    join,
    note,
    paragraph,
    picture,
    table,
    tag,
)

MANY = 12  # classes: beyond, charts of each are folded away
MOST_IN_MATRIX = 64  # classes that a matrix has room for
CHANNELS = ("#d1495b", "#3c9d5b", "#3d6fd1")  # red, green, blue, on light and on dark
TRAIT_WORDS = {
    "small": "small objects",
    "faint": "low contrast",
    "soft": "soft picture",
    "many": "many objects",
    "mixed": "many classes",
}
Numbers = Mapping[str, Any]


def percent(share: float | None) -> str:
    """Return a share as a reader wants it.

    >>> [percent(value) for value in (0.914, 0.0184, 0.00041, 0.0, 0.000001, None)]
    ['91.4 %', '1.8 %', '0.04 %', '0 %', '<0.01 %', '–']
    """
    if share is None:
        return "–"
    value = 100 * share
    if value == 0:
        return "0 %"
    if value < 0.01:
        return "<0.01 %"
    return f"{value:.2f} %" if value < 0.1 else f"{value:.1f} %"


def count(number: float | None, *, digits: int = 0) -> str:
    """Return a number with commas; a dash where there is none."""
    return "–" if number is None else f"{number:,.{digits}f}"


def foreground(numbers: Numbers) -> list[Numbers]:
    """Return the classes but for the background."""
    return [each for place, each in enumerate(numbers["classes"]) if place != numbers["background"]]


def named(each: Numbers) -> Html:
    """Return a class as its colour and its name."""
    return chipped(each["color"], each["name"])


def classes(numbers: Numbers) -> Section:
    """Return the table of classes."""
    shown = foreground(numbers)
    most = max((each["pixel_share"] or 0 for each in shown), default=0) or 1
    rows = [
        [
            named(each),
            bar((each["pixel_share"] or 0) / most, each["color"]),
            percent(each["pixel_share"]),
            bar(each["image_share"] or 0, each["color"]),
            percent(each["image_share"]),
            count(each["objects"]),
            count(each["objects_per_image_with_it"], digits=1),
            count(each["side"]["median"]),
        ]
        for each in shown
    ]
    head = [
        "class",
        "share of the pixels",
        "",
        "share of the images",
        "",
        "objects",
        "each image",
        "side, px",
    ]
    blocks: list[Content] = [table(head, rows, numbers=(2, 4, 5, 6, 7))]
    background = numbers["background"]
    if background is not None:
        around = numbers["classes"][background]
        blocks.append(
            paragraph(
                named(around),
                f", {percent(around['pixel_share'])} of the pixels, is not an object.",
                small=True,
            )
        )
    unseen = [each["name"] for each in shown if not each["pixels"] and not each["objects"]]
    if unseen:
        blocks.append(note(f"No image shows {', '.join(unseen)}.", level="warn"))
    lead = "Pixels are to the scale of the largest class. Each image: how many objects, in images with any."
    return Section("Classes", blocks, lead=lead)


def splits(numbers: Numbers) -> Section | None:
    """Return the splits beside each other; None where there is one."""
    found = numbers["splits"]
    if len(found) < 2:
        return None
    rows = [
        [
            name,
            count(each["images"]),
            count(each["empty"]),
            count(each["objects"]),
            count(each["objects_per_image"], digits=1),
            percent(each["ignored_share"]),
        ]
        for name, each in found.items()
    ]
    head = ["split", "images", "without objects", "objects", "each image", "ignored pixels"]
    shares = numbers["class_pixel_shares_by_split"]
    listed = foreground(numbers)
    places = [place for place in range(len(numbers["classes"])) if place != numbers["background"]]
    by_class = [
        [named(each), *(percent(shares[name][place]) for name in found)]
        for each, place in zip(listed, places, strict=True)
    ]
    drift = table(["share of the pixels", *found], by_class, numbers=range(1, len(found) + 1))
    return Section("Splits", [table(head, rows, numbers=range(1, 6)), drift], lead="Are they alike?")


def objects(numbers: Numbers) -> Section:
    """Return how many objects images have, how large they are and how they are shaped."""
    listed = [each for each in foreground(numbers) if each["objects"]]
    sides = np.sum([each["sides"] for each in listed], axis=0) if listed else np.zeros(1)
    shapes = np.sum([each["aspects"] for each in listed], axis=0) if listed else np.zeros(1)
    values = np.array(numbers["boxes"]["sides"])
    blocks: list[Content] = [
        columns(
            [
                join([tag("h4", "Objects in an image"), whole_numbers(numbers["objects_per_image"])]),
                join([tag("h4", "Side of an object, px"), octaves(sides, values)]),
                join([tag("h4", "Height over width of its box"), aspect_chart(shapes)]),
                join([tag("h4", "Boxes: width, height up, px"), boxes_map(numbers["boxes"])]),
            ],
            least_px=230,
        )
    ]
    if len(listed) > 1:
        each_class = columns(
            [
                join(
                    [
                        tag("h4", named(each)),
                        octaves(np.array(each["sides"]), values, color=each["color"], over=sides),
                        paragraph(_sides(each), small=True),
                    ]
                )
                for each in listed
            ],
            least_px=230,
        )
        title = "Side of the objects, class by class"
        blocks += [heading(title), each_class] if len(listed) <= MANY else [fold(title, each_class)]
    what = (
        "An object is a connected part of a class (corners connect). Its side is the root of its area."
        if numbers["kind"] == "semantic"
        else "Objects are those of the labels; crowds are left out. The side is the root of the area."
    )
    return Section("Objects", blocks, lead=what)


def positions(numbers: Numbers) -> Section | None:
    """Return where in the images each class lies."""
    listed = [each for each in foreground(numbers) if each["pixels"]]
    if not listed:
        return None
    maps = columns(
        [
            join(
                [
                    tag("h4", named(each)),
                    heat(grid, told=f"where {each['name']} lies"),
                    paragraph(f"{percent(float(grid.min()))} to {percent(float(grid.max()))}", small=True),
                ]
            )
            for each in listed
            for grid in [cv2.GaussianBlur(np.array(each["position"]), (0, 0), 1.0)]  # few images are noise
        ],
        least_px=150,
    )
    blocks = [maps] if len(listed) <= 2 * MANY else [fold(f"{len(listed)} classes", maps, open_=True)]
    lead = (
        "All images with the class laid over one another, each stretched to a square: in how many of them a "
        "place belongs to it, bright for most. A pattern is something that a model learns, wanted or not."
    )
    return Section("Where they lie", blocks, lead=lead, short="Positions")


def together(numbers: Numbers) -> Section | None:
    """Return which classes share images."""
    places = [
        place
        for place, each in enumerate(numbers["classes"])
        if place != numbers["background"] and each["images"]
    ]
    if not 2 <= len(places) <= MOST_IN_MATRIX:
        return None
    counts = np.array(numbers["together"], np.float64)[np.ix_(places, places)]
    shares = counts / np.maximum(np.diag(counts), 1)[:, None]
    names = [numbers["classes"][place]["name"] for place in places]
    texts = [[f"{100 * value:.0f}" for value in row] for row in shares.tolist()]
    drawn = matrix(shares, names, texts=texts, told="which classes share images")
    lead = "Of the images with the class of the row, so many percent hold that of the column as well."
    return Section("Which share an image", [drawn], lead=lead, short="Together")


def pictures(numbers: Numbers) -> Section | None:
    """Return sizes, colours, light and sharpness."""
    images = numbers["images"]
    sizes = images["sizes_hw"]
    rows = [[f"{each['size_hw'][1]}×{each['size_hw'][0]}", count(each["images"])] for each in sizes[:8]]
    if images["different_sizes"] > len(rows):
        rows.append([f"{images['different_sizes'] - len(rows)} other sizes", ""])
    by_size = join([tag("h4", "Sizes, width×height"), table(["size", "images"], rows, numbers=[1])])
    if not images["decoded"]:
        text = note(
            "There are no image files beside the labels, so nothing is said of colours.", level="warn"
        )
        return Section("Pictures", [by_size, text])
    levels = np.array(images["levels_rgb"], np.float64)
    channels = [(color, line) for color, line in zip(CHANNELS, levels.tolist(), strict=True)]
    colors = [
        join([tag("h4", named(each)), tag("div", class_="swatch", style=f"background:rgb({_rgb(each)})")])
        for each in numbers["classes"]
        if each["mean_rgb"] is not None
    ]
    spread = [
        ("Brightness of an image, 0 to 255", spread_chart(images["brightness"], digits=0)),
        ("Deviation of its grey", spread_chart(images["deviation"], digits=0)),
        ("Sharpness of an image", spread_chart(images["sharpness"])),
        ("Contrast of objects to what is around", spread_chart(images["contrast"])),
    ]
    mean, std = images["mean_rgb"], images["std_rgb"]
    told = [
        (" ".join(f"{value:.1f}" for value in mean), "mean, red green blue"),
        (" ".join(f"{value:.1f}" for value in std), "deviation"),
        (percent(images["without_color"] / images["decoded"]), "without colour"),
    ]
    ticks = [Tick(0, "0"), Tick(0.5, "128"), Tick(1, "255")]
    blocks: list[Content] = [
        facts(told),
        columns(
            [
                by_size,
                join([tag("h4", "Red, green and blue of all pixels"), curves(channels, ticks=ticks)]),
                *(join([tag("h4", title), chart]) for title, chart in spread if chart),
            ],
            least_px=300,
        ),
    ]
    if colors:
        blocks += [heading("Mean colour of each class"), columns(colors, least_px=110)]
    return Section("Pictures", blocks)


def masks(numbers: Numbers, shots: Pictures) -> Section:
    """Return what may be wrong with the masks, and the images where outlines follow the picture least."""
    quality = numbers["quality"]
    tiles = [
        (count(quality["specks"]), "parts of 9 pixels or less"),
        (count(quality["lines"]), "parts 2 pixels thin"),
        (percent(quality["holed_share"]), "of the objects have holes"),
        (percent(quality["cut_share"]), "are cut by the image's edge"),
    ]
    if numbers["kind"] != "semantic":
        tiles += [
            (percent(quality["split_share"]), "are of several parts"),
            (count(quality["shared_pixels"]), "pixels of two objects"),
        ]
    blocks: list[Content] = [facts(tiles)]
    follows = quality["outline_over_beside"]
    if sum(follows["counts"]):
        chart = spread_chart(follows, marks=((1.0, "no better than beside"),))
        blocks.append(
            columns(
                [
                    join([tag("h4", "Do outlines follow edges?"), chart]),
                    paragraph(
                        "The gradient of the picture under the outlines over that beside them, image by "
                        f"image. {count(quality['loose_images'])} of {count(sum(follows['counts']))} images "
                        f"are below {LOOSE}: their outlines lie beside the edges, were drawn coarsely, or "
                        "there is no edge to see."
                    ),
                ],
                least_px=300,
            )
        )
    rows = [
        [
            named(each),
            percent(each["cut_share"]),
            percent(each["holed_share"]),
            percent(each["split_share"]),
            count(each["specks"]),
            count(each["lines"]),
            percent(each["box_filled"]),
        ]
        for each in foreground(numbers)
        if each["objects"]
    ]
    head = ["class", "cut", "with holes", "several parts", "specks", "lines", "of its box"]
    blocks.append(table(head, rows, numbers=range(1, 7)))
    if shots.loose:
        blocks += [
            heading("Where outlines follow the picture least"),
            gallery(
                [_figure(shot, f"gradient {follow:.2f} of that beside") for follow, shot in shots.loose],
                least_px=220,
            ),
        ]
    return Section("Masks", blocks, lead="Slips of the hand are few pixels and cost much: look at them.")


def examples(numbers: Numbers, shots: Pictures) -> Section | None:
    """Return some objects of each class."""
    blocks: list[Content] = []
    shown = {place: found for place, found in sorted(shots.examples.items()) if found}
    for place, found in shown.items():
        each = numbers["classes"][place]
        tiles = gallery([_figure(shot, shot.text) for shot in found], least_px=114)
        folded = len(shown) > MANY
        blocks += [fold(named(each), tiles)] if folded else [heading(named(each)), tiles]
    if not blocks:
        return None
    lead = "Objects at random, then the smallest and the largest; windows are 40 pixels wide or more."
    return Section("Examples", blocks, lead=lead)


def hard(shots: Pictures) -> Section | None:
    """Return the images that labels and pixels alone show to be hard."""
    if not shots.hard:
        return None
    figures = [
        _figure(shot, ", ".join(TRAIT_WORDS[name] for name in found.telling) or "a little of everything")
        for found, shot in shots.hard
    ]
    lead = (
        "Ranked without a model, by small objects, low contrast, soft pictures, many objects and many "
        "classes. Named is what an image has more of than four in five others."
    )
    return Section("Hardest images", [gallery(figures, least_px=230)], lead=lead, short="Hardest")


def strip(shots: Sequence[Shot]) -> Html:
    """Return a row of whole images."""
    return gallery([_figure(shot, "") for shot in shots], least_px=150)


def _figure(shot: Shot, text: str) -> Figure:
    caption = join([tag("b", shot.image_id), text])
    return Figure(picture(shot.image, alt=f"{shot.image_id} {text}".strip()), caption)


def _sides(each: Numbers) -> str:
    side = each["side"]
    return f"{count(side['p05'])} to {count(side['p95'])} px, median {count(side['median'])} px"


def _rgb(each: Numbers) -> str:
    return ", ".join(f"{value:.0f}" for value in each["mean_rgb"])
