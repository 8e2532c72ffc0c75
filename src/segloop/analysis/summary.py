"""Tells an analysis in a few lines, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segloop.analysis.scores import rule_line

KINDS: Mapping[str, str] = {
    "class": "wrong class",
    "edge": "outline off",
    "missed": "missed",
    "invented": "invented",
}
OBJECT_KINDS: Mapping[str, str] = {
    "class": "wrong class",
    "place": "wrong place",
    "both": "wrong class and place",
    "double": "found twice",
    "invented": "invented",
    "missed": "missed",
    "outline": "outline off",
}
MOST = 20  # classes


def summary(numbers: Mapping[str, Any]) -> str:
    """Return scores with intervals, mistakes with what mending them would gain, and suspects, as text."""
    parts = _of_objects(numbers) if numbers["kind"] == "instance" else _of_pixels(numbers)
    suspects = [
        f"  {each['image_id']}: {each['kind']} (labelled {each['labelled'] or 'nothing'}, "
        f"predicted {each['predicted'] or 'nothing'})"
        for each in numbers["suspects"][:5]
    ]
    if suspects:
        parts.append("\n".join(["Labels to look at first:", *suspects]))
    parts += [f"Note: {text}" for text in numbers["notes"]]
    return "\n\n".join(parts)


def _of_objects(numbers: Mapping[str, Any]) -> list[str]:
    names = numbers["class_names"]
    keys = [key for key in numbers["scores"] if not any(f".{name}" in key for name in names)]
    told = numbers["mistakes"]
    lines = [
        f"{key:32}{_told(numbers['scores'][key]):>24}"
        for key in keys
        if numbers["scores"][key][0] is not None
    ]
    quality = "–" if told["quality"] is None else f"{100 * told['quality']:.1f}"
    mistakes = [
        f"  {OBJECT_KINDS[each['kind']]:24}{each['objects']:7,}"
        + ("" if each["gain"] is None else f"  quality {100 * each['gain']:+.1f} if mended")
        for each in told["kinds"]
    ]
    head = f"{told['right']:,} of {told['true']:,} objects found; quality {quality}"
    return ["\n".join(lines), "\n".join([f"{head}. Mistakes:", *mistakes])]


def _of_pixels(numbers: Mapping[str, Any]) -> list[str]:
    found = numbers["scores"]
    lines = [
        _line(name, found["set"][name], found["image"][name]) for name in ("mDice_fg", "mIoU_fg", "mBF_fg")
    ]
    head = f"{'':20}{'over the set':>24}{'mean of images':>24}"
    classes = [each for each in found["classes"] if each["set"]["dice"][0] is not None]
    classes.sort(key=lambda each: each["set"]["dice"][0])
    lines += [
        _line(f"Dice.{each['name']}", each["set"]["dice"], each["image"]["dice"]) for each in classes[:MOST]
    ]
    more = [f"  … and {len(classes) - MOST} better classes"] if len(classes) > MOST else []
    mistakes = [
        f"  {KINDS[each['kind']]:14}{100 * each['of_wrong']:5.1f} % of wrong pixels"
        + ("" if each["gain"] is None else f", mDice_fg +{100 * each['gain']:.1f} if mended")
        for each in numbers["mistakes"]["kinds"]
    ]
    return ["\n".join([head, *lines, *more]), rule_line(), "\n".join(["Mistakes:", *mistakes])]


def _line(name: str, of_set: list[float | None], of_images: list[float | None]) -> str:
    short = name if len(name) < 20 else f"{name[:18]}…"
    return f"{short:20}{_told(of_set):>24}{_told(of_images):>24}"


def _told(triple: list[float | None]) -> str:
    value, low, high = triple
    if value is None:
        return "–"
    if low is None or high is None:
        return f"{100 * value:.1f}"
    return f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
