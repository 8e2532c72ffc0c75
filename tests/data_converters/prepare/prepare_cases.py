"""Small downloads, and tasks that find them, for the tests of preparing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from data_converters.base import ReadOptions
from data_converters.prepare.base import Found, Part, Task
from segloop.data.png import encode_indices, encode_rgb
from tests.data_converters.coco_cases import annotation, image, write_coco

SIZE = (6, 8)
PALETTE = [(0, 0, 0), (200, 0, 0), (0, 200, 0)]


def picture(number: int) -> bytes:
    """Return a PNG that looks like no other one."""
    return encode_rgb(np.random.default_rng(number).integers(0, 256, (*SIZE, 3), np.uint8))


def mask(number: int, classes: int = 3) -> bytes:
    """Return an index mask; each third shows nothing but class 0."""
    values = np.arange(48, dtype=np.uint8).reshape(SIZE) % classes if number % 3 else np.zeros(SIZE, np.uint8)
    return encode_indices(values, palette=PALETTE)


def write_pairs(images: Path, masks: Path, numbers: range, *, tail: str = ".png") -> None:
    """Write images and their index masks."""
    images.mkdir(parents=True)
    masks.mkdir(parents=True)
    for number in numbers:
        (images / f"{number}.png").write_bytes(picture(number))
        (masks / f"{number}{tail}").write_bytes(mask(number))


def write_objects(root: Path, numbers: range, *, empty: int = 4) -> Path:
    """Write a COCO file with its images; each `empty`th image has no object, and the others have two."""
    (root / "images").mkdir(parents=True)
    annotations: list[Any] = []
    for number in numbers:
        (root / f"images/{number}.png").write_bytes(picture(number))
        for label in () if number % empty == 0 else (0, 7):
            annotations.append(annotation(len(annotations) + 1, image_id=number, category_id=label))
    write_coco(root / "all.json", annotations, images=[image(number) for number in numbers])
    return root


def coco_found(root: Path, **more: Any) -> Found:
    """Return a download that is one COCO file."""
    return Found(parts=(Part(format="coco", source=root),), root=root, **more)


def fake_task(
    monkeypatch: pytest.MonkeyPatch,
    find: Callable[[Path], Found],
    *,
    target: str = "coco",
    draw: Callable[[Path, int, Mapping[str, int], int], None] | None = None,
) -> Task:
    """Return a task that finds, and perhaps draws, as it is told."""
    task = Task(name="fake", module="a_fake_task", target=target, summary="", demo="a_fake_demo")
    module, demo = ModuleType(task.module), ModuleType(task.demo)

    def finds(source: Path, *, options: ReadOptions) -> Found:
        return find(source)

    def draws(root: Path, *, seed: int, counts: Mapping[str, int], size: int, **_: Any) -> None:
        assert draw is not None
        draw(root, seed, counts, size)

    module.__dict__.update(find=finds)
    demo.__dict__.update(EDITION=3, COUNTS={"all": 12}, SIZE=8, draw_native=draws)
    monkeypatch.setitem(sys.modules, task.module, module)
    monkeypatch.setitem(sys.modules, task.demo, demo)
    return task
