"""A prepared data set as the app shows it: facts, splits, and what an EDA has found."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segloop.data.annotations import LabelledImages
from segloop.data.info import FILE_NAME, DatasetInfo, eda_name
from segloop.utils.atomic import read_record
from segloop.utils.errors import DataError, UserError

MASKS, OBJECTS = "mmseg", "coco"  # the format that each kind of labels is read as


@dataclass(frozen=True)
class Eda:
    """The numbers of an EDA and its page."""

    numbers: dict[str, Any]
    page: Path


def facts_of(info: DatasetInfo) -> list[tuple[str, str]]:
    """Return what dataset.json says, for a table: what, and the value."""
    told = [
        ("task", info.task),
        ("classes", ", ".join(info.class_names)),
        ("source", info.source),
        ("licence", info.licence or "none given"),
        ("cut into splits", info.cut),
        ("drawn by", None if info.generator is None else f"{info.generator}, seed {info.seed}"),
        ("content", None if info.content_hash is None else info.content_hash[:23]),
    ]
    return [(what, value) for what, value in told if value]


def label_kinds(info: DatasetInfo) -> list[str]:
    """Return as what the labels of a set can be read: index masks, objects, or both."""
    kinds = [kind for kind, there in ((OBJECTS, bool(info.coco)), (MASKS, info.masks is not None)) if there]
    if not kinds:
        raise DataError(f"{FILE_NAME} of {info.name} names neither masks nor COCO files, so it has no labels")
    return kinds


def changed(root: Path, info: DatasetInfo, split: str) -> tuple[float, ...]:
    """Return when the labels of a split were changed (seconds, epoch): what was read before is of no use."""
    files = [root / FILE_NAME, root / info.coco[split] if split in info.coco else None]
    files.append(None if info.masks is None else root / info.mask_dir(split))  # written anew, files change it
    return tuple(file.stat().st_mtime for file in files if file is not None and file.exists())


def eda_folder(work_dirs: Path, root: Path) -> Path:
    """Return where the EDA of a data set lies."""
    return work_dirs / "eda" / eda_name(root)


def eda_command(work_dirs: Path, root: Path) -> str:
    """Return the line that writes the EDA of a data set to where `find_eda` looks for it."""
    return shlex.join(["python", "tools/eda.py", str(root), "--out", str(eda_folder(work_dirs, root))])


def find_eda(work_dirs: Path, root: Path) -> Eda | None:
    """Return the EDA of a data set, as `tools/eda.py` writes it; None where there is none yet."""
    folder = eda_folder(work_dirs, root)
    numbers = read_record(folder / "eda.json")
    page = folder / "index.html"
    return None if numbers is None or not page.is_file() else Eda(numbers, page)


def class_rows(numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the classes of an EDA's numbers as rows, with those columns that all have."""
    rows = [each for each in numbers.get("classes") or () if isinstance(each, dict)]
    plain = [
        {name: value for name, value in each.items() if isinstance(value, str | int | float)} for each in rows
    ]
    shared = [name for name in (plain[0] if plain else {}) if all(name in each for each in plain)]
    return [{name: each[name] for name in shared} for each in plain]


def ids_of(images: LabelledImages) -> dict[str, int]:
    """Return the place of each image by its id, in the order of the ids; one that cannot be read has none."""
    found: dict[str, int] = {}
    for place, key in enumerate(images.keys):
        image_id = getattr(key, "image_id", None)  # where keys know it, nothing has to be read
        if image_id is None:
            with contextlib.suppress(UserError):
                image_id = images.load(key).image_id
        if image_id is not None:
            found[image_id] = place
    return dict(sorted(found.items()))


def pick(names: Sequence[str], text: str) -> list[str]:
    """Return the names that contain a text, whatever the case.

    >>> pick(["A1", "b1"], "a")
    ['A1']
    """
    return [name for name in names if text.casefold() in name.casefold()]
