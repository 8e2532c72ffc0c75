"""The page of an analysed RUN: where it is wrong, why, and which images to look at next."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from segloop.viz import analysis_sections as sections
from segloop.viz import instance_sections
from segloop.viz.analysis_sections import Numbers, Pictures, percent
from segloop.viz.page import Content, facts, join, note, page, words


def analysis_page(numbers: Numbers, pictures: Pictures, *, files: Sequence[tuple[str, str]]) -> str:
    """Return the page, from the numbers of `analysis.json`, its pictures, and the files beside it."""
    objects = numbers["kind"] == "instance"
    own: ModuleType = instance_sections if objects else sections
    parts = [
        own.scores(numbers),
        own.mistakes(numbers),
        *sections.cases(numbers, pictures),
        sections.suspects(numbers, pictures),
        sections.reasons(numbers),
        own.calibration(numbers),
        sections.how(numbers, files),
    ]
    data = f" of {numbers['data']}" if numbers["data"] else ""
    data += f" in {numbers['groups']:,} groups" if numbers.get("groups") else ""
    classes = len(numbers["class_names"])
    lead = f"{numbers['images']:,} images{data}, split {numbers['split']}, {classes} classes."
    return page(
        numbers["run"],
        [part for part in parts if part is not None],
        eyebrow="Analysis of a test",
        lead=lead,
        top=[
            instance_sections.tiles(numbers) if objects else _tiles(numbers),
            *(note(text, level="warn") for text in numbers["notes"]),
        ],
        footer=join(
            [
                "Made by ",
                words("tools/analyze.py"),
                ". The same numbers stand in ",
                words("analysis.json"),
                ".",
            ]
        ),
    )


def _tiles(numbers: Numbers) -> Content:
    found = numbers["scores"]["set"]
    low, high = found["mDice_fg"][1:]
    spread = "" if low is None else f" ({percent(low)} – {percent(high)})"
    tiles: list[tuple[Content, Content]] = [
        (percent(found["mDice_fg"][0]), f"mDice_fg{spread}"),
        (percent(found["mIoU_fg"][0]), "mIoU_fg"),
        (percent(found["mBF_fg"][0]), "boundary F"),
    ]
    scored = [each for each in numbers["scores"]["classes"] if each["set"]["dice"][0] is not None]
    objects = [each for each in scored if not each["background"]]
    if len(objects) > 1:
        weakest = min(objects, key=lambda each: each["set"]["dice"][0])
        tiles.append((percent(weakest["set"]["dice"][0]), f"{weakest['name']}, the weakest class"))
    gains = [each for each in numbers["mistakes"]["kinds"] if each["gain"]]
    if gains:
        most = max(gains, key=lambda each: each["gain"])
        tiles.append((f"+{percent(most['gain'])}", f"if “{sections.KINDS[most['kind']][0]}” were mended"))
    if numbers["calibration"] is not None:
        tiles.append((f"{percent(numbers['calibration']['ece'])} %", "calibration error"))
    return facts(tiles)
