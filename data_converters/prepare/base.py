"""What a task finds in a download, and how what it found is to be cut: the contract of `tools/prepare.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from data_converters.base import ReadOptions, WriteOptions

if TYPE_CHECKING:  # numpy comes with it, and `--help` has no use for that
    from segloop.data.annotations import LabelledImages, LabelSet, SizeHW

TARGETS = ("mmseg", "coco", "mmseg+coco")
SPLITS = ("train", "val", "test")
SHARES: Mapping[str, float] = {"train": 0.7, "val": 0.15, "test": 0.15}
NEAR_DUPLICATES = "near-duplicates"
CLIPS = "clips"  # videos and patients, as names tell them
Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """One image before the cut: what a grouping rule may go by. `counts` are its objects by label."""

    image_id: str
    file: Path | None
    size_hw: SizeHW | None
    counts: Mapping[str, int]


class GroupRule(Protocol):
    """Names each image's group, in the order of the images: two of one group come into one split."""

    def __call__(
        self, seen: Sequence[Seen], *, workers: int | None = None, progress: Progress | None = None
    ) -> Sequence[str]:
        """Return one group a image; an image that belongs to no other one is a group of its own."""
        ...


# A rule; `dict(folder=1)`, `dict(regex=…)`, `dict(table=…, column=…)` as in `segloop.data.groups`; or the
# word NEAR_DUPLICATES, which goes by perceptual hashes of the image files, or CLIPS, which goes by names.
Group: TypeAlias = GroupRule | Mapping[str, Any] | str


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of a download that the reader called `format` opens, with a source and options of its own.

    `split` is the split that all of its images belong to, as the author or the competition says. Where the
    format itself tells splits (folders of mmseg, files of COCO, subsets of CVAT), `splits` says what each
    is called here; None, or a name that is not there, has to be cut. With neither, all of the part is cut by
    `Found.shares`. `prefix` goes in front of every image_id (`fine/`), where two parts would clash.
    """

    format: str
    source: Path
    options: ReadOptions = field(default_factory=ReadOptions)
    split: str | None = None
    splits: Mapping[str, str | None] = field(default_factory=dict)
    prefix: str = ""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A set that was opened to see what it is, so that a large file of labels is not read through again."""

    format: str
    source: Path
    options: ReadOptions
    images: LabelledImages

    def serves(self, part: Part) -> bool:
        """Tell whether a part is just this set."""
        return (part.format, part.source, part.options) == (self.format, self.source, self.options)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a task saw in a download.

    `root` is where it lies, which may be a folder above or below the one that was named. `shares` cut what
    has no split of its own, evenly in the images and objects of each label; images that any of `groups` puts
    together stay together, and `grouped_by` says in words what they share (`scene`). `labels` are the classes
    of the target, in order; objects of other labels are left out and counted, and pixels of other labels are
    ignored. None takes the labels of all parts in the order in which they come. `options` are those of the
    writer, its `media` aside. `facts` go into dataset.json: `name`, `source` (no licence: only the user gives
    one). `notes` are shown to the user.
    """

    parts: tuple[Part, ...]
    root: Path
    shares: Mapping[str, float] = field(default_factory=lambda: dict(SHARES))
    groups: tuple[Group, ...] = ()
    grouped_by: str = ""
    labels: LabelSet | None = None
    options: WriteOptions = field(default_factory=WriteOptions)
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Task:
    """An entry of the TASKS table. Its modules are imported when they are used: `--help` costs nothing.

    `module` has `find(source, *, options) -> Found`: it looks at names, never at pixels, and tells in one
    DataError what it looked for and what is there (`data_converters.prepare.roots`). `read_options` are those
    of the user's that it heeds; others are refused before it is called. `demo` is a generator: it has
    `EDITION`, `COUNTS`, `SIZE` and `draw_native(root, *, seed, counts, size, workers, progress, replace)`,
    which writes what `find` reads. `target` says what is made: index masks, COCO, or both in one root.
    """

    name: str
    module: str
    target: str
    summary: str
    demo: str
    read_options: tuple[str, ...] = ("images",)
    any_format: bool = False  # the user may name the download's format: `find` has a `from_format` too

    def find(self, source: Path, *, options: ReadOptions, **extra: Any) -> Found:
        """Look a download over."""
        found: Found = import_module(self.module).find(source, options=options, **extra)
        return found

    def generator(self) -> Any:
        """Return the module that draws this task's download."""
        return import_module(self.demo)
