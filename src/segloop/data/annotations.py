"""What every label format meets in: classes, images, and what is drawn on them. Plain data, numpy only.

Nothing here draws, decodes a file or forgets. What a format has and we do not draw (points, tracks, cuboids)
is carried as `Opaque`, so that a converter can count it, and a format that can hold it gets it back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from segloop.data.masks import Runs
from segloop.utils.errors import DataError, listing

RGB: TypeAlias = tuple[int, int, int]
SizeHW: TypeAlias = tuple[int, int]
Value: TypeAlias = str | int | float | bool | None
_SUFFIXES = frozenset(
    ["png", "jpg", "jpeg", "jfif", "tif", "tiff", "bmp", "webp", "gif", "jp2", "pbm", "pgm", "ppm", "pnm"]
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """A property that objects of a label may have, as CVAT declares it.

    `kind` is `text`, `number`, `select`, `radio` or `checkbox`; `values` are the choices, or minimum, maximum
    and step of a number.
    """

    name: str
    kind: str = "text"
    values: tuple[str, ...] = ()
    default: str = ""
    mutable: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """A class: its name, its colour where the source has one, and which attributes its objects declare.

    `shape` is the kind that CVAT asks for (`mask`, `polygon`, `any` …), `group` COCO's supercategory.
    """

    name: str
    color: RGB | None = None
    attributes: tuple[Attribute, ...] = ()
    shape: str = "any"
    group: str | None = None


@dataclass(frozen=True)
class LabelSet:
    """The classes of a set, in order. A label is known by its name; names that differ by case are two labels.

    `background` is the index of the class that means nothing, `ignore_index` the value of index masks that is
    never scored.
    """

    labels: tuple[Label, ...] = ()
    background: int | None = None
    ignore_index: int = 255

    def __post_init__(self) -> None:
        names = self.names
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise DataError(f"{len(twice)} label(s) are declared more than once:\n{listing(twice)}")

    def __len__(self) -> int:
        return len(self.labels)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(label.name for label in self.labels)

    def index(self, name: str) -> int:
        """Return the place of a label; a name that is not there is a KeyError."""
        try:
            return self.names.index(name)
        except ValueError:
            raise KeyError(name) from None

    @property
    def foreground(self) -> tuple[Label, ...]:
        """The labels that something is drawn of: all but the background."""
        return tuple(label for place, label in enumerate(self.labels) if place != self.background)


@dataclass(frozen=True, slots=True, eq=False)
class Polygon:
    """An outline in pixels: x to the right, y down, the first pixel from 0 to 1.

    `rings` are Nx2 float64 arrays, the parts of one object. A ring has no hole: a second ring inside a first
    one is filled, as COCO does.
    """

    rings: tuple[np.ndarray, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Bitmap:
    """Exact pixels of an image of `size_hw`, kept as run lengths (`segloop.data.masks`)."""

    size_hw: SizeHW
    runs: Runs


@dataclass(frozen=True, slots=True)
class Box:
    """An upright box with nothing drawn inside: left, top, right, bottom, in pixels."""

    box_xyxy: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Opaque:
    """What we carry and do not draw.

    `kind` is `rotated-box`, `ellipse`, `polyline`, `points`, `cuboid`, `skeleton` or the format's own word;
    `payload` holds plain values only (text, numbers, lists and dicts of them), under names that the format
    which wrote it knows.
    """

    kind: str
    payload: Mapping[str, Any]


Shape: TypeAlias = Polygon | Bitmap | Box | Opaque


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One object of an image.

    `group` joins instances that are one thing, `z_order` says what lies over what (higher is nearer),
    `crowd` marks a region of many objects that nobody counted, `source` says who drew it (`manual`, `auto`,
    `file`), `uid` is an identity that survives every road.
    """

    label: str
    shape: Shape
    attributes: Mapping[str, Value] = field(default_factory=dict)
    group: int | None = None
    z_order: int = 0
    score: float | None = None
    crowd: bool = False
    occluded: bool = False
    source: str | None = None
    uid: str | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """A label of a whole image."""

    label: str
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Remark:
    """What a reader noticed in an image and left as it is, or mended: how often, and where for example.

    It is no loss and no fault; `convert` adds remarks of one `kind` up and shows them with the first example.
    """

    kind: str
    count: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageRecord:
    """One image and all that is known of it.

    `image_id` is its path relative to the image root, POSIX, without suffix. `name` is that path with the
    suffix, `file` where the pixels lie on this machine, or None where only labels came. `size_hw` is what a
    viewer sees, after the EXIF orientation; None where neither file nor labels tell. `semantic` is an HxW
    index map (uint8 or uint16) whose values are places in the set's labels, or its `ignore_index`. `ignore`
    covers pixels that nobody scores. `remarks` are for the user to see.
    """

    image_id: str
    name: str
    file: Path | None = None
    size_hw: SizeHW | None = None
    split: str | None = None
    tags: tuple[Tag, ...] = ()
    instances: tuple[Instance, ...] = ()
    semantic: np.ndarray | None = None
    ignore: Bitmap | None = None
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledImages:
    """A set: what holds for all of it, and a way to each image.

    `keys` are small things that can be sent to another process; `load(key)` reads one image's record and
    holds on to nothing, so a set of any size converts in the memory of a few images. Both must be picklable
    (`load` a module-level function, a `functools.partial` of one, or a frozen dataclass with `__call__`).
    `facts` are what a format knows of the set and has no other place for (`name`, `task`, `source`,
    `licence`, `splits` …); no licence is ever made up. `told` are remarks of the reader about the whole set,
    for the user to see: what was shifted, merged, taken for what.
    """

    labels: LabelSet
    keys: Sequence[Any]
    load: Callable[[Any], ImageRecord]
    facts: Mapping[str, Any] = field(default_factory=dict)
    told: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[ImageRecord]:
        return map(self.load, self.keys)


def image_id_of(name: str) -> str:
    r"""Return the id of an image by its path: POSIX, relative, without an image's suffix.

    >>> image_id_of("train\\a.b/img 1.PNG")
    'train/a.b/img 1'
    """
    path = name.replace("\\", "/")
    while path.startswith("./"):
        path = path[2:]
    stem, _, suffix = path.rpartition(".")
    return stem if suffix.lower() in _SUFFIXES and stem and stem[-1] != "/" else path
