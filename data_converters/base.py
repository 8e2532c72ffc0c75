"""What a format is: how it is read and written, what it keeps, and how it tells what it lost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from segloop.utils.errors import DataError, listing, nearest

if TYPE_CHECKING:  # numpy comes with it, and `--help` has no use for that
    from segloop.data.annotations import ImageRecord, LabelledImages

# What a set may hold beside the bare pixels of its classes. A format names those that it keeps, and `convert`
# tells the user of each one that the source has and the target does not keep: how often, and where first.
FEATURES: Mapping[str, str] = {
    "instances": "objects of one label as objects of their own",
    "overlaps": "pixels that belong to several objects",
    "polygons": "outlines as they were drawn (become pixels)",
    "subpixel": "outlines with more than two decimals",
    "boxes": "boxes with nothing drawn inside",
    "opaque": "shapes that are carried and not drawn",
    "empty-masks": "objects without a pixel",
    "attributes": "attributes of objects",
    "declarations": "which attributes a label has, and their choices",
    "groups": "which objects belong together",
    "z-order": "which object lies over which",
    "scores": "confidences of predictions",
    "crowds": "the mark of a crowd",
    "occluded": "the mark of an occluded object",
    "sources": "who drew an object",
    "uids": "identities of objects",
    "tags": "labels of whole images",
    "tag-attributes": "attributes of labels of whole images",
    "ignore": "pixels that nobody scores",
    "colors": "colours of labels",
    "unused-labels": "labels that no object has",
    "supercategories": "groups of labels",
    "background": "which class is the background",
    "splits": "which split an image belongs to",
    "empty-images": "images without any object",
    "sizes": "heights and widths of images",
}


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """What a user may say about the source; a format takes what concerns it.

    `images` is where the image files are, if not where the format puts them. `split` names the split of a
    format that has none, or picks one of a format that has several. `labels` gives names where a format has
    only numbers, or one class. `size_hw` is the size of all images where neither labels nor files tell.
    """

    images: Path | None = None
    split: str | None = None
    labels: tuple[str, ...] = ()
    size_hw: tuple[int, int] | None = None
    reduce_zero_label: bool = False
    list_file: Path | None = None
    keep_crowds: bool = False  # CVAT's COCO marks every mask as a crowd; True believes it
    # CVAT: the shapes of one label that share a group are the parts of one object; spacecraft: whole craft
    join_groups: bool = False
    min_area: int | None = None  # spacecraft: objects of fewer pixels are left out
    color_tolerance: int | None = None  # spacecraft: by how much a channel may be off its colour's
    repair: bool = False  # fill holes and close broken outlines where the format is known for them
    results: bool = False  # the source holds predictions
    mask_folder: str | None = None  # pairs: which of several kinds of masks, by the name of their folders
    semantic: bool = False  # Cityscapes: index maps of its classes, in place of objects
    progress: Callable[[int, int], None] | None = None  # is told how far a reading is that looks at all files


@dataclass(frozen=True, kw_only=True)
class WriteOptions:
    """What a user may say about the target; a format takes what concerns it.

    `masks` is `rle`, `exact-polygon` or `polygon:TOL` (the farthest that an outline may be off, in pixels).
    `overlap` says who gets a pixel that several objects claim: `z-order`, `area` (the smaller) or `score`.
    `instances` turns index maps into objects: `components` (connected parts) or `classes` (one a class).
    `media` is what happens to image files: `copy`, `hardlink`, `link` or `none`; None is the format's own
    habit. `draw` turns boxes, turned boxes and ellipses into outlines, whose insides are pixels, before
    anything else.
    """

    masks: str = "rle"
    overlap: str = "z-order"
    instances: str = "components"
    numbers: bool = False  # masks: one picture of object numbers an image, in place of one an object
    connectivity: int = 8
    media: str | None = None
    draw: bool = False
    results: bool = False  # write predictions in the format's form for them


@dataclass(frozen=True, slots=True)
class Loss:
    """What did not reach the target: a key of FEATURES, or the writer's own kind; how often, where first."""

    kind: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """One image as the target will hold it; made in any process, written down by `Writer.add` in order.

    `payload` is picklable and the writer's own affair. `instances` and `pixels` are what the target keeps of
    the image; `losses` what it changes beyond the FEATURES that it does not keep.
    """

    image_id: str
    payload: Any
    instances: int
    pixels: int
    losses: tuple[Loss, ...] = ()


class Writer(Protocol):
    """Writes one set. It must be picklable before `open`: workers get a copy of it to call `render` on.

    `told` are remarks about the whole set for the user to see, complete after `close`; a writer may lack it.
    """

    keeps: frozenset[str]

    def render(self, record: ImageRecord) -> Rendered:
        """Turn an image into what will be written; no side effects."""
        ...

    def open(self, target: Path) -> None:
        """Begin at `target`, a file or folder to make; it is renamed to its real place when all is well.

        Its name is the real one, its folder exists and holds nothing of another's.
        """
        ...

    def add(self, rendered: Rendered) -> None:
        """Write one image down; called in the order of the source."""
        ...

    def close(self) -> None:
        """Write what comes last, flush and close; the target is complete after it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Format:
    """An entry of the FORMATS table. Its module is imported when it is used, so that `--help` costs nothing.

    The module has `read(source, *, options) -> LabelledImages`, or `writer(labels, *, facts, options)`, which
    returns a `Writer`, or both. `target` says what a writer makes: a `folder`, or a file with one of
    these suffixes. `read_options` and `write_options` are those that it heeds; others are refused, for a user
    who gives one expects something of it. `whole_images` says that reading looks image files over to their
    ends, and not at their headers alone, `packs_images` that images may lie in the archive that is read.
    """

    name: str
    module: str
    summary: str
    reads: bool = True
    writes: bool = True
    target: tuple[str, ...] = ("folder",)
    read_options: tuple[str, ...] = ()
    write_options: tuple[str, ...] = ()
    whole_images: bool = False
    packs_images: bool = False

    def read(self, source: Path, *, options: ReadOptions) -> LabelledImages:
        """Open a source; what is wrong with it as a whole is told in one error."""
        return import_module(self.module).read(source, options=options)

    def writer(self, source: LabelledImages, *, options: WriteOptions) -> Writer:
        """Return what writes a set of these labels and facts."""
        make: Callable[..., Writer] = import_module(self.module).writer
        return make(source.labels, facts=source.facts, options=options)


class BadRecord(DataError):
    """An image whose labels cannot be used; `problems` are all that is wrong with it, each with its place."""

    def __init__(self, image_id: str, problems: list[str]) -> None:
        super().__init__(f"{image_id}: {len(problems)} problem(s)\n{listing(problems)}", image_id=image_id)
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[Any, ...]:
        return BadRecord, (self.image_id, list(self.problems))  # it comes back from worker processes


def require_split(source: Path, wanted: str, known: Collection[str]) -> None:
    """Refuse a split that a source does not have; say which it has, and which may be meant."""
    if wanted not in known:
        hint = nearest(wanted, known)
        raise DataError(f"{source} has no split {wanted!r} (it has: {', '.join(known)}).{hint}")
