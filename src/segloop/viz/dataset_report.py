"""Writes what was counted in a data set: the page, the numbers, and the class weights."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segloop.data.annotations import LabelledImages
from segloop.data.statistics import Gathered
from segloop.data.statistics.advice import Advice, advise, joined, weights_file, weights_of
from segloop.data.statistics.summary import kind_of, summarise
from segloop.utils.atomic import write_json, write_text
from segloop.utils.errors import UserError, listing
from segloop.viz.dataset_page import dataset_page
from segloop.viz.dataset_pictures import Pictures, take_pictures
from segloop.viz.page import write_page

MOST_TOLD = 10  # unusable images, named on the terminal


def write_report(
    folder: Path,
    images: LabelledImages,
    found: Gathered,
    *,
    name: str,
    source: str,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """Write `index.html`, `eda.json` and `class_weights.<scheme>.json` into a folder; return what to tell.

    `progress` is told how many images are drawn of those that will be.
    """
    kind, (_, training) = kind_of(found.whole), found.training
    weights = weights_of(training, kind=kind)
    advice = advise(training, images.labels, folder=_as_configs_say(folder), kind=kind)
    pictures = take_pictures(images, found.shown, progress=progress)
    numbers = summarise(found)
    page = dataset_page(numbers, advice, weights, pictures, name=name, source=source, told=images.told)
    try:
        for scheme, values in weights.items():
            write_text(folder / weights_file(scheme), "[" + ", ".join(map(repr, values)) + "]\n")
        numbers |= {
            "name": name,
            "source": source,
            "class_weights": {scheme: list(values) for scheme, values in weights.items()},
            "advice": [_told(each) for each in advice],
            "config": joined(advice),
            "hardest": [
                {"image": shot.image_id, "score": round(hard.score, 4), "above": hard.traits}
                for hard, shot in pictures.hard
            ],
            "loosest": [{"image": shot.image_id, "ratio": round(ratio, 4)} for ratio, shot in pictures.loose],
        }
        write_json(folder / "eda.json", numbers)
        write_page(folder / "index.html", page)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror or error}.") from error
    return _closing(folder, found, advice, pictures)


def _as_configs_say(folder: Path) -> Path:
    """Return the folder as a config names it: from where tools are started, if it lies below."""
    absolute = Path(os.path.abspath(folder))  # noqa: PTH100 - a link stays a link
    here = Path.cwd()
    return absolute.relative_to(here) if absolute.is_relative_to(here) else absolute


def _told(advice: Advice) -> dict[str, Any]:
    parts = {"key": advice.key, "title": advice.title, "why": advice.why}
    lines = {"config": advice.config, "step": advice.step, "options": advice.options}
    return parts | {name: text for name, text in lines.items() if text}


def _closing(folder: Path, found: Gathered, advice: list[Advice], pictures: Pictures) -> str:
    """Say where the page lies, what was left out, and what follows."""
    whole = found.whole
    lines = [f"{whole.images} images, {int(whole.objects.sum())} objects: {folder / 'index.html'}"]
    if whole.bad_count:
        problems = [f"{image_id}: {problem.splitlines()[0]}" for image_id, problem in whole.bad]
        extra = [""] * (whole.bad_count - len(problems))
        lines.append(f"{whole.bad_count} images cannot be used and were left out:")
        lines.append(listing([*problems, *extra], most=MOST_TOLD))
    lines.append("For a config:")
    lines += [f"  {line}" for line in joined(advice).splitlines()]
    return "\n".join(lines)
