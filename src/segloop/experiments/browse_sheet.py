"""Writes browsed batches down: a PNG an image, and one HTML sheet of them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from segloop.data.png import encode_rgb
from segloop.experiments.browse import Batch, Browsed, Classes, Shown
from segloop.utils.atomic import open_atomic
from segloop.utils.errors import writing
from segloop.viz.batches import draw_instances, draw_semantic, enlarged
from segloop.viz.closeup import fitted
from segloop.viz.page import (
    Content,
    Figure,
    Html,
    Section,
    chip,
    facts,
    gallery,
    join,
    label,
    note,
    page,
    picture,
    tag,
    write_page,
)

FILE_NAME = "index.html"
SIDE = 720  # pixels of a pair of pictures on the sheet
FAR_MEAN, NARROW, WIDE = 1.5, 0.3, 2.5  # of channels that should be about 0 and 1


def write_sheet(browsed: Browsed, folder: Path) -> Path:
    """Load the batches, write a PNG of each image and the sheet, and return the sheet's path."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    sections, counts, shapes = [], Counter[str](), Counter[str]()
    images = 0
    for number, batch in enumerate(browsed.batches):
        figures = []
        for place, each in enumerate(batch.images):
            drawn = enlarged(draw(each, browsed.classes))
            with writing(folder), open_atomic(folder / f"{number:03d}-{place:02d}.png", "wb") as file:
                file.write(encode_rgb(drawn))
            held = contents(each, browsed.classes)
            counts.update(held.keys())
            figures.append(Figure(picture(fitted(drawn, side=SIDE), alt=each.name), _caption(each, held)))
        images += len(batch.images)
        shapes["x".join(map(str, batch.shape))] += 1
        sections.append(_section(number, batch, figures))
    text = page(
        f"{Path(browsed.config).stem}, {browsed.split}",
        [_overview(browsed, counts, images), *sections],
        eyebrow="Batches as the model sees them",
        lead=_lead(browsed),
        top=[
            facts(
                [
                    (len(sections), "batches"),
                    (images, "images"),
                    (", ".join(shapes), "tensor"),
                    (len(browsed.classes.names), "classes"),
                ]
            )
        ],
        footer=join(["Made by ", tag("code", f"python tools/browse.py {browsed.config}"), "."]),
    )
    with writing(folder):
        return write_page(folder / FILE_NAME, text)


def _lead(browsed: Browsed) -> str:
    if browsed.listed:
        how = "augmented and normalised" if browsed.split == "train" else "as they are scored"
        return f"Images of a LIST that are in split {browsed.split}, {how}."
    if browsed.split == "train":
        return (
            f"The first batches of a training with seed {browsed.seed}, after augmentation and normalisation."
        )
    return f"The first batches of {browsed.split}, as they are scored."


def draw(each: Shown, classes: Classes) -> np.ndarray:
    """Return an image beside itself with its labels."""
    if each.mask is not None:
        return draw_semantic(
            each.image,
            each.mask,
            classes.palette,
            background=classes.background,
            ignore_index=classes.ignore_index,
        )
    return draw_instances(
        each.image,
        each.masks,
        each.labels,
        each.boxes_xyxy,
        palette=classes.palette,
        names=classes.names,
        ignored=each.ignored,
    )


def contents(each: Shown, classes: Classes) -> dict[str, str]:
    """Return what is drawn on an image: how much of it each class has, or how many objects there are."""
    if each.mask is None:
        found = Counter(classes.names[number] for number in each.labels)
        return {name: f"{count}" for name, count in sorted(found.items())}
    told = {}
    values, pixels = np.unique(each.mask, return_counts=True)
    for value, count in zip(values.tolist(), pixels.tolist(), strict=True):
        if value == classes.ignore_index:
            name = "ignored"
        elif value == classes.background:
            continue
        else:
            name = classes.names[value] if value < len(classes.names) else f"value {value}"
        told[name] = f"{count / each.mask.size:.1%}"
    return told


def _caption(each: Shown, held: dict[str, str]) -> Html:
    what = ", ".join(f"{name} {amount}" for name, amount in held.items()) or "no object"
    steps = ", ".join(each.steps)
    return join([tag("b", each.name), Html("<br>"), what, Html("<br>") if steps else "", steps])


def _overview(browsed: Browsed, counts: Counter[str], images: int) -> Section:
    classes = browsed.classes
    rows: list[Content] = []
    for place, (name, color) in enumerate(zip(classes.names, classes.palette, strict=False)):
        seen = "background" if place == classes.background else f"in {counts[name]} of {images} images"
        rows.append(tag("li", chip(color), f"{name}: {seen}"))
    steps = [tag("li", tag("code", step)) for step in browsed.pipeline]
    blocks: list[Content] = [tag("h3", "Classes"), tag("ul", *rows), tag("h3", "Pipeline"), tag("ol", *steps)]
    return Section("What was done", blocks, short="steps")


def _section(number: int, batch: Batch, figures: list[Figure]) -> Section:
    means = ", ".join(f"{value:.2f}" for value in batch.mean)
    deviations = ", ".join(f"{value:.2f}" for value in batch.deviation)
    blocks: list[Content] = list(_notes(batch))
    blocks.append(gallery(figures, least_px=300))
    shape = "x".join(map(str, batch.shape))
    lead = f"Tensor {shape}; channels have mean {means} and deviation {deviations}."
    return Section(f"Batch {number + 1}", blocks, lead=lead, short=f"batch {number + 1}")


def _notes(batch: Batch) -> Iterator[Html]:
    far = any(abs(value) > FAR_MEAN for value in batch.mean)
    odd = any(not NARROW < value < WIDE for value in batch.deviation)
    if far or odd:
        text = "channels should have a mean near 0 and a deviation near 1: "
        yield note(
            join(
                [
                    label("look", level="warn"),
                    " ",
                    text,
                    tag("code", "model.data_preprocessor"),
                    " does not fit",
                ]
            ),
            level="warn",
        )
    empty = sum(each.mask is None and not each.labels for each in batch.images)
    if empty:
        yield note(f"{empty} of {len(batch.images)} images have no object")
