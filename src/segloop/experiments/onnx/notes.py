"""What an exported model says of itself in its file's metadata: classes, colours, sizes, thresholds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from segloop.data.annotations import Label, LabelSet
from segloop.utils.errors import FormatError, listing

FORMAT = 1
PREFIX = "segloop."
ACTIVATIONS = ("softmax", "sigmoid")


@dataclass(frozen=True)
class Resizing:
    """How the test pipeline brings an image to the network: mmcv's `Resize`, (width, height)."""

    scale_wh: tuple[int, int]
    keep_ratio: bool = False


@dataclass(frozen=True)
class Windows:
    """The windows that a large image is cut into, heights before widths, as in mmseg's `slide` mode."""

    size_hw: tuple[int, int]
    stride_hw: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class ModelNotes:
    """All that a runner needs beside the graph, whose input is RGB and holds the normalisation.

    `mean`, `std` and `channel_order` tell what the graph does inside; a runner need not do it. `activation`
    turns its logits into probabilities: `softmax` over the classes, or `sigmoid` of a single map, where a
    pixel is of the second class above `threshold`. `align_corners` says how the logits of a resized image are
    brought to its own size. `thresholds` is the content of a `thresholds.json`.
    """

    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    background: int | None = None
    ignore_index: int = 255
    activation: str = "softmax"
    threshold: float | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    channel_order: str = "rgb"
    size_divisor: int = 1
    resizing: Resizing | None = None
    align_corners: bool = False
    windows: Windows | None = None
    thresholds: Mapping[str, Any] | None = None
    precision: str = "float32"
    source: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label_set(self) -> LabelSet:
        """The classes in the form that formats are written with."""
        labels = tuple(
            Label(name, color=color) for name, color in zip(self.classes, self.palette, strict=True)
        )
        return LabelSet(labels, background=self.background, ignore_index=self.ignore_index)

    def metadata(self) -> dict[str, str]:
        """Return the notes as ONNX keeps them: texts by name, each value as JSON."""
        told = {"format": FORMAT, "task": "semantic segmentation", **asdict(self)}
        return {
            f"{PREFIX}{key}": json.dumps(value, ensure_ascii=False, sort_keys=True)
            for key, value in told.items()
        }

    @classmethod
    def of(cls, metadata: Mapping[str, str], *, file: Path | str) -> ModelNotes:
        """Read the notes; a FormatError tells all that is wrong with them."""
        raw, problems = _decoded(metadata)
        if not raw and not problems:
            raise FormatError("the file has no notes of SegLoop's; tools/export.py writes them", file=file)
        if raw.get("format") != FORMAT:
            raise FormatError(
                f"its notes are of format {raw.get('format')!r}; this version of SegLoop reads {FORMAT}",
                file=file,
            )
        problems += _problems(raw)
        if problems:
            raise FormatError(f"{len(problems)} problem(s) in its notes\n{listing(problems)}", file=file)
        known = {each.name for each in fields(cls)}
        given = {key: value for key, value in raw.items() if key in known}
        resizing, windows = given.pop("resizing", None), given.pop("windows", None)
        return cls(
            **{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
            | {"palette": tuple((color[0], color[1], color[2]) for color in given["palette"])},
            resizing=Resizing(_pair(resizing["scale_wh"]), resizing["keep_ratio"]) if resizing else None,
            windows=Windows(_pair(windows["size_hw"]), _pair(windows["stride_hw"])) if windows else None,
        )


def _pair(value: Any) -> tuple[int, int]:
    first, second = value
    return int(first), int(second)


def _decoded(metadata: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    raw, problems = {}, []
    for name, text in metadata.items():
        if not name.startswith(PREFIX):
            continue
        try:
            raw[name.removeprefix(PREFIX)] = json.loads(text)
        except ValueError:
            problems.append(f"{name} is not JSON: {text[:40]!r}")
    return raw, problems


def _problems(raw: Mapping[str, Any]) -> list[str]:
    """Return everything that keeps decoded notes from being used."""
    return [*_class_problems(raw), *_graph_problems(raw)]


def _class_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    classes, palette = raw.get("classes"), raw.get("palette")
    if not isinstance(classes, list) or not classes or not all(isinstance(each, str) for each in classes):
        yield f"classes must be a list of names, not {classes!r}"
        return
    if len(set(classes)) != len(classes):
        yield f"classes must be different names, not {classes!r}"
    if not isinstance(palette, list) or len(palette) != len(classes) or not all(map(_is_rgb, palette)):
        yield f"palette must hold one [r, g, b] a class, not {palette!r}"
    background = raw.get("background")
    if background is not None and (type(background) is not int or not 0 <= background < len(classes)):
        yield f"background must be the place of a class or null, not {background!r}"


def _graph_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(raw.get("align_corners", False), bool):
        yield f"align_corners must be true or false, not {raw['align_corners']!r}"
    if raw.get("activation", "softmax") not in ACTIVATIONS:
        yield f"activation must be {' or '.join(ACTIVATIONS)}, not {raw['activation']!r}"
    if raw.get("activation") == "sigmoid" and not isinstance(raw.get("threshold"), float):
        yield f"threshold must be a number where the activation is sigmoid, not {raw.get('threshold')!r}"
    for key, parts in (("resizing", ("scale_wh", "keep_ratio")), ("windows", ("size_hw", "stride_hw"))):
        value = raw.get(key)
        if value is None:
            continue
        if not isinstance(value, dict) or set(value) != set(parts):
            yield f"{key} must hold {' and '.join(parts)}, not {value!r}"
            continue
        for part in parts:
            if part != "keep_ratio" and not _is_size(value[part]):
                yield f"{key}.{part} must be two numbers of pixels, not {value[part]!r}"


def _is_rgb(color: Any) -> bool:
    return (
        isinstance(color, list)
        and len(color) == 3
        and all(type(value) is int and 0 <= value <= 255 for value in color)
    )


def _is_size(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and all(type(each) is int and each > 0 for each in value)
    )
