"""What a prepared data set says of itself: its `dataset.json`, read, checked and written."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segloop.data.digests import file_digests
from segloop.utils.atomic import read_json, write_json
from segloop.utils.errors import DataError, FormatError, listing, nearest

FILE_NAME = "dataset.json"
VERSIONS = "versions"  # the folder of a set that later versions of its labels lie in
OF_VERSIONS = ("version.json", "provenance.csv")  # what a version of the labels says of itself
FORMAT = 1
RGB = tuple[int, int, int]
_OF_COCO = re.compile(rb'"(images|annotations|categories)"\s*:\s*\[')


@dataclass(frozen=True)
class ClassInfo:
    """One class: its name and the RGB colour it is drawn in. Its index is its place in the list."""

    name: str
    color: RGB


@dataclass(frozen=True)
class Files:
    """Where one kind of file lies: a folder, in which `{split}` stands for the split, and a suffix."""

    folder: str
    suffix: str

    def directory(self, split: str) -> Path:
        """Return the folder of a split, relative to the root of the data set."""
        return Path(self.folder.replace("{split}", split))


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """The contents of `dataset.json`; all paths in it are relative to the folder it lies in."""

    name: str
    task: str
    classes: tuple[ClassInfo, ...]
    splits: Mapping[str, int]
    images: Files
    masks: Files | None = None
    coco: Mapping[str, str] = field(default_factory=dict)
    ignore_index: int = 255
    background: int | None = None
    cut: str | None = None
    source: str | None = None
    licence: str | None = None
    generator: str | None = None
    seed: int | None = None
    content_hash: str | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The class names, in the order of their indices."""
        return tuple(item.name for item in self.classes)

    @property
    def palette(self) -> list[list[int]]:
        """One `[r, g, b]` per class, as mmseg's `metainfo` wants it."""
        return [list(item.color) for item in self.classes]

    @property
    def num_classes(self) -> int:
        """How many classes there are, the background among them if it is one."""
        return len(self.classes)

    @property
    def foreground(self) -> tuple[ClassInfo, ...]:
        """The classes that objects are of: all but the background."""
        return tuple(item for index, item in enumerate(self.classes) if index != self.background)

    @property
    def object_metainfo(self) -> dict[str, Any]:
        """Names and colours of the classes that objects are of, as mmdet's `metainfo` wants them."""
        return {
            "classes": tuple(item.name for item in self.foreground),
            "palette": [item.color for item in self.foreground],
        }

    def image_dir(self, split: str) -> Path:
        """Return the folder with a split's images, relative to the root of the data set."""
        return self.images.directory(self._known(split))

    def mask_dir(self, split: str) -> Path:
        """Return the folder with a split's index masks, relative to the root of the data set."""
        if self.masks is None:
            raise DataError(f"The data set {self.name!r} has no index masks; its annotations are COCO files.")
        return self.masks.directory(self._known(split))

    def coco_arguments(self, split: str) -> dict[str, Any]:
        """Return what mmdet's `CocoDataset` needs beside the root: annotations, images, classes."""
        if self._known(split) not in self.coco:
            raise DataError(f"The data set {self.name!r} has no COCO file of its split {split!r}.")
        return {
            "ann_file": self.coco[split],
            "data_prefix": {"img": f"{self.image_dir(split).as_posix()}/"},
            "metainfo": self.object_metainfo,
        }

    def _known(self, split: str) -> str:
        if split not in self.splits:
            names = ", ".join(self.splits) or "none"
            hint = nearest(split, self.splits)
            raise DataError(f"The data set {self.name!r} has no split {split!r} (it has: {names}).{hint}")
        return split

    @classmethod
    def read(cls, root: Path | str) -> DatasetInfo:
        """Read `root/dataset.json`; all that is wrong with it is told in one FormatError."""
        file = Path(root) / FILE_NAME
        try:
            raw = read_json(file)
        except FileNotFoundError:
            raise DataError(
                f"{file} is missing: {Path(root)} is not a prepared data set. "
                "Prepare it first, e.g. python tools/prepare.py multiclass SRC, or --demo for a drawn one"
            ) from None
        problems = list(_problems(raw))
        if problems:
            raise FormatError(f"{len(problems)} problem(s)\n{listing(problems)}", file=file)
        return cls(
            name=raw["name"],
            task=raw["task"],
            classes=tuple(ClassInfo(c["name"], tuple(c["color"])) for c in raw["classes"]),
            splits=dict(raw["splits"]),
            images=Files(**raw["images"]),
            masks=Files(**raw["masks"]) if raw.get("masks") else None,
            coco=dict(raw.get("coco") or {}),
            **{key: raw.get(key) for key in _OPTIONAL if key != "ignore_index"},
            ignore_index=255 if raw.get("ignore_index") is None else raw["ignore_index"],
        )

    def write(self, root: Path | str) -> Path:
        """Write `root/dataset.json` atomically and return its path."""
        value: dict[str, Any] = {
            "format": FORMAT,
            "name": self.name,
            "task": self.task,
            "classes": [{"name": c.name, "color": list(c.color)} for c in self.classes],
            "splits": dict(self.splits),
            "images": vars(self.images),
            "masks": vars(self.masks) if self.masks else None,
            "coco": dict(self.coco),
            **{key: getattr(self, key) for key in _OPTIONAL},
        }
        problems = list(_problems(value))
        file = Path(root) / FILE_NAME
        if problems:
            raise FormatError(f"not written, {len(problems)} problem(s)\n{listing(problems)}", file=file)
        write_json(file, value)
        return file


_OPTIONAL: dict[str, type] = {
    "ignore_index": int,
    "background": int,
    "cut": str,
    "source": str,
    "licence": str,
    "generator": str,
    "seed": int,
    "content_hash": str,
}
_KEYS = ("format", "name", "task", "classes", "splits", "images", "masks", "coco", *_OPTIONAL)


def _problems(raw: Any) -> Iterator[str]:
    """Yield everything that keeps a decoded `dataset.json` from being used."""
    if not isinstance(raw, dict):
        yield f"the file must hold an object, not {type(raw).__name__}"
        return
    if raw.get("format", FORMAT) != FORMAT:
        yield f"format is {raw['format']!r}; this version of SegLoop reads {FORMAT}"
        return
    for key in raw:
        if key not in _KEYS:
            yield f"unknown key {key!r}.{nearest(key, _KEYS)}"
    for key in ("name", "task", "classes", "splits", "images"):
        if key not in raw:
            yield f"key {key!r} is missing"
    for key in ("name", "task"):
        if key in raw and not (isinstance(raw[key], str) and raw[key]):
            yield f"{key} must be a text that is not empty, not {raw[key]!r}"
    for key, kind in _OPTIONAL.items():
        value = raw.get(key)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            yield f"{key} must be {'a text' if kind is str else 'a whole number'} or null, not {value!r}"
    yield from _class_problems(raw.get("classes", []), background=raw.get("background"))
    yield from _count_problems(raw.get("splits", {}))
    yield from _place_problems(raw)


def _class_problems(classes: Any, *, background: Any) -> Iterator[str]:
    if not isinstance(classes, list):
        yield f"classes must be a list, not {type(classes).__name__}"
        return
    names = []
    for index, item in enumerate(classes):
        if not isinstance(item, dict) or set(item) != {"name", "color"}:
            yield f"classes[{index}] must hold name and color, not {item!r}"
            continue
        if not isinstance(item["name"], str) or not item["name"]:
            yield f"classes[{index}].name must be a text that is not empty, not {item['name']!r}"
        if not _is_rgb(item["color"]):
            yield f"classes[{index}].color must be three whole numbers in 0..255, not {item['color']!r}"
        names.append(item["name"])
    for name in sorted({str(name) for name in names if names.count(name) > 1}):
        yield f"class {name!r} is named twice"
    if isinstance(background, int) and not 0 <= background < len(classes):
        yield f"background is {background}, but the classes are numbered 0 to {len(classes) - 1}"


def _is_rgb(color: Any) -> bool:
    return (
        isinstance(color, list)
        and len(color) == 3
        and all(type(value) is int and 0 <= value <= 255 for value in color)
    )


def _count_problems(splits: Any) -> Iterator[str]:
    if not isinstance(splits, dict):
        yield f"splits must be an object of name and count, not {type(splits).__name__}"
        return
    for name, count in splits.items():
        if type(count) is not int or count < 0:
            yield f"splits.{name} must be a count, not {count!r}"


def _place_problems(raw: dict[str, Any]) -> Iterator[str]:
    for key in ("images", "masks"):
        value = raw.get(key)
        if value is None and (key == "masks" or key not in raw):
            continue
        if not isinstance(value, dict) or set(value) != {"folder", "suffix"}:
            yield f"{key} must hold folder and suffix, not {value!r}"
        elif not all(isinstance(text, str) for text in value.values()):
            yield f"{key}.folder and {key}.suffix must be texts, not {value!r}"
        elif Path(value["folder"]).is_absolute() or ".." in Path(value["folder"]).parts:
            yield f"{key}.folder must stay inside the data set, not {value['folder']!r}"
    coco = raw.get("coco") or {}
    if not isinstance(coco, dict) or not all(isinstance(file, str) for file in coco.values()):
        yield f"coco must be an object of split and file, not {coco!r}"


def is_described(root: Path) -> bool:
    """Tell whether `root` has a `dataset.json` of ours; labelme2coco calls its COCO file so."""
    file = root / FILE_NAME
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return _OF_COCO.search(opened.read(1 << 16)) is None


def home_of(root: Path) -> Path:
    """Return the data set that a version belongs to, or the set itself.

    >>> home_of(Path("data/ships/versions/3")).as_posix()
    'data/ships'
    """
    return root.parent.parent if root.parent.name == VERSIONS and root.name.isdecimal() else root


def set_name(source: Path) -> str:
    """Return what a set is called after its folder or file; a version has the set's name, too.

    >>> set_name(Path("data/ships")), set_name(Path("data/ships/versions/3"))
    ('ships', 'ships-3')
    """
    name = source.stem if source.is_file() else source.name
    home = home_of(source)
    return name if home == source else f"{home.name}-{name}"


def eda_name(source: Path) -> str:
    """Return what the folder of a set's EDA is called: `--cfg-options` would take a blank for an end.

    >>> eda_name(Path("my data/my ships"))
    'my_ships'
    """
    return "_".join(set_name(source.resolve()).split())


def content_hash(
    root: Path | str, *, cached: bool = False, progress: Callable[[int, int], None] | None = None
) -> str:
    """Return `sha256:…` over all files of a data set: their relative paths and bytes, in sorted order.

    Left out: `dataset.json` itself (it holds the hash), hidden files and folders (caches), `versions/` (later
    versions of the labels are data sets of their own), and what such a version says of where it came from.
    With `cached`, files that have not changed since they were last looked at are not read again
    (`segloop.data.digests`).
    """
    root = Path(root)
    files = list(_content_files(root))
    found: dict[str, bytes] = {}
    for file, digest in zip(
        files, file_digests(files, cache=root if cached else None, progress=progress), strict=True
    ):
        if digest is None:
            raise DataError(f"{file} cannot be read.")
        found[file.relative_to(root).as_posix()] = digest
    return join_digests(found)


def join_digests(digests: Mapping[str, bytes]) -> str:
    """Return the content hash of a data set from the SHA-256 of each file, by path relative to the root."""
    total = hashlib.sha256()
    for name in sorted(digests):
        total.update(name.encode(errors="surrogateescape") + b"\0" + digests[name] + b"\n")
    return f"sha256:{total.hexdigest()}"


def _content_files(root: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(root, followlinks=True):  # a split may be a link to another disk
        folder, top = Path(place), Path(place) == root
        own = (FILE_NAME, *OF_VERSIONS) if top else ()
        folders[:] = sorted(
            name
            for name in folders
            if name[0] != "." and not (top and name == "versions") and not _leads_back(folder / name)
        )
        for name in names:
            if name[0] != "." and name not in own and (folder / name).is_file():
                yield folder / name


def _leads_back(folder: Path) -> bool:
    """Return whether a folder is a link to one that it lies in."""
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())
