"""Takes any set of images and labels as a task of its own: tells its format and kind, and prepares it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np

from data_converters import airbus, sartorius
from data_converters.base import BadRecord, ReadOptions
from data_converters.detect import shared_masks, signs_of
from data_converters.formats import FORMATS, find_format
from data_converters.mmseg_files import MASK_SUFFIXES, Pair
from data_converters.named_files import folder_role
from data_converters.pairs_files import NothingFound, find_pairs
from data_converters.pairs_key import read_key
from data_converters.pairs_masks import codes_of, decode
from data_converters.places import check_read_options
from data_converters.prepare.base import Opened, Task
from data_converters.prepare.multiclass import find_place, look
from data_converters.unpacking import ARCHIVES, unpack_command
from segloop.data.annotations import Bitmap, ImageRecord, LabelledImages, Polygon, image_id_of
from segloop.data.image_files import IMAGE_SUFFIXES
from segloop.data.info import FILE_NAME
from segloop.data.layout import files_below
from segloop.utils.errors import DataError, UserError, listing

COMPETITIONS_LABELS = {"airbus": airbus.LABEL, "sartorius": sartorius.LABEL}
KINDS = ("semantic", "instances")
TARGETS = {"semantic": "mmseg", "instances": "coco"}
SOME = 200  # labelled records that are looked at to tell the kind
FEW_MASKS = 40  # pictures that are looked at to tell numbers of objects from classes
MOST_CLASSES = 12  # numbers of objects go further, in some image of many


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a source was taken for: the reader of its format, where it lies, the kind of task, and why.

    `notes` are what the user should know before anything is made of it; `opened` is the set, if it had to be
    opened.
    """

    form: str
    root: Path
    kind: str
    reason: str
    options: ReadOptions = field(default_factory=ReadOptions)
    notes: tuple[str, ...] = ()
    opened: Opened | None = None

    def task(self, name: str) -> Task:
        """Return the task that prepares it."""
        return Task(
            name=name,
            module="data_converters.prepare.multiclass",
            target=TARGETS[self.kind],
            summary="",
            demo="",
            read_options=FORMATS[self.form].read_options,
            any_format=True,
        )


def look_at(source: Path, *, options: ReadOptions, form: str | None = None, kind: str | None = None) -> Look:
    """Tell the format and the kind of a source; both may be given. What cannot be told is an error."""
    if not source.exists():
        raise UserError(f"{source} does not exist.")
    if form is None:
        form, root, reason = _format_of(source, options)
    else:
        find_format(form)
        root, reason = source, "as you say"
    if not FORMATS[form].reads:
        raise UserError(f"{form} is written, not read.")
    check_read_options(FORMATS[form], options)
    if form == "pairs":  # whose masks all have to be counted to open it: once is enough
        return Look(form=form, root=root, kind=kind or "semantic", reason=reason, options=options)
    images = FORMATS[form].read(root, options=options)
    if options.images is None and "images" in FORMATS[form].read_options:
        place = _images_elsewhere(images, _around(source, root), any_suffix=form in COMPETITIONS_LABELS)
        if place is not None:
            options = replace(options, images=place)
            images = FORMATS[form].read(root, options=options)
            reason += f"; images are in {place}"
    _require_images(form, images, options.images or _around(source, root))
    kind = kind or _kind_of(images, root)
    notes = _notes(form, images, options)
    opened = Opened(format=form, source=root, options=options, images=images)
    return Look(form=form, root=root, kind=kind, reason=reason, options=options, notes=notes, opened=opened)


def _notes(form: str, images: LabelledImages, options: ReadOptions) -> tuple[str, ...]:
    """Say that nobody named what the runs of a competition's CSV show."""
    usual = COMPETITIONS_LABELS.get(form)
    if options.labels or usual is None or images.labels.names != (usual,):
        return ()
    return (f"Nothing names what the runs show: the class is called {usual!r}. --labels NAME names it.",)


def _around(source: Path, root: Path) -> Path:
    """Return the folder that the user named, or that a named file lies in: `root` may be a folder in it."""
    return (
        source if source.is_dir() and root.is_relative_to(source) else root if root.is_dir() else root.parent
    )


def _require_images(form: str, images: LabelledImages, place: Path) -> None:
    """Refuse labels without any image: they are a download of their own, or somewhere else."""
    some = list(islice(_records(images), FEW_MASKS))
    if not some or any(record.file is not None for record in some):
        return
    more = ""
    if form == "cityscapes":
        more = " Cityscapes' own are a download beside gtFine: leftImg8bit_trainvaltest.zip."
    raise DataError(
        f"There are labels and no images: {some[0].name} and others are nowhere below {place}. --images DIR "
        f"says where they are.{more}"
    )


def _images_elsewhere(images: LabelledImages, root: Path, *, any_suffix: bool) -> Path | None:
    """Return the folder below which the image files lie, where the reader did not find them.

    Where images are in several folders, that is the one above all of them. One that lies in several of them
    is an error: masks are often called what their images are. With `any_suffix` a
    file fits a name whatever its suffix is.
    """
    called: Callable[[str], str] = image_id_of if any_suffix else str
    some = list(islice(_records(images), FEW_MASKS))
    if not some or any(record.file is not None or not record.name for record in some):
        return None
    names = [PurePosixPath(called(record.name)).parts for record in some]
    there: dict[str, list[Path]] = {parts[-1]: [] for parts in names}
    for file in files_below(root):
        if called(file.name) in there and file.suffix.lower() in IMAGE_SUFFIXES:
            there[called(file.name)].append(file)
    places: dict[Path, None] = {}
    for parts in names:
        fits = {
            file.resolve(): file.parents[len(parts) - 1]
            for file in there[parts[-1]]
            if PurePosixPath(called(file.as_posix())).parts[-len(parts) :] == parts and file.is_file()
        }
        if len(fits) > 1:
            raise DataError(
                f"{'/'.join(parts)} is in {len(fits)} folders below {root}:\n"
                f"{listing(list(map(str, fits.values())))}\n--images DIR says which holds the images."
            )
        images_in = [each for each in fits.values() if folder_role(each.joinpath(*parts), root) != "mask"]
        places.update(dict.fromkeys(images_in))
    if any_suffix and len(places) > 1:
        raise DataError(
            f"Rows name images without their folders, which are {len(places)} below {root}:\n"
            f"{listing(list(map(str, places)))}\nPut them, or links to them, into one folder."
        )
    return Path(os.path.commonpath(places)) if places else None


def _format_of(source: Path, options: ReadOptions) -> tuple[str, Path, str]:
    """Return the format, where the set lies, and what speaks for it."""
    undecided = _undecided(source)
    if undecided is not None:
        root, masks = undecided
        if read_key(masks.parent) is None and _pictures_of_numbers(sorted(files_below(masks))):
            return "masks", root, "its masks hold a number for each object"
        root = source if source in root.parents else root  # a file of classes may lie beside the folder
        return "pairs", root, find_pairs(root, options).told[0]
    try:
        root, form, reason = look(source)
    except UserError as error:
        if not source.is_dir() or len({sign.format for sign in signs_of(source)}) > 1:
            raise
        try:
            pairs, told = find_pairs(source, options)
        except NothingFound as other:
            if any(signs_of(place) for place in (source, *sorted(source.glob("*/")))):
                raise error from None
            packed = [file for file in sorted(source.iterdir()) if file.name.lower().endswith(ARCHIVES)]
            first = f"\nUnpack first:\n{listing(list(map(unpack_command, packed)))}" if packed else ""
            raise type(error)(
                f"{source} has the looks of no known format; --from F names it (--help lists them).\n"
                f"Read as pairs of images and masks: {other}{first}"
            ) from None
        _require_classes(pairs, source, options)
        return "pairs", source, told[0]
    if form == "mmseg" and not (root / FILE_NAME).is_file():
        _require_classes(find_pairs(root, options).pairs, root, options)
        return "pairs", root, reason  # it looks at what the values mean
    return form, root, reason


def _undecided(source: Path) -> tuple[Path, Path] | None:
    """Return where a set lies whose masks may be classes or numbers by all signs, and a folder of these."""
    try:
        root = find_place(source)
    except UserError:
        return None
    masks = shared_masks(root) if {sign.format for sign in signs_of(root)} == {"masks", "pairs"} else None
    return None if masks is None else (root, masks)


def _require_classes(pairs: Sequence[Pair], root: Path, options: ReadOptions) -> None:
    """Refuse masks that look like numbers of objects where neither folders nor the user say what they are."""
    masks = [Path(pair.mask) for pair in pairs if pair.mask]
    if options.labels or read_key(root) is not None or not _pictures_of_numbers(masks):
        return
    raise UserError(
        f"The masks of {root} look like numbers of objects: each value of {masks[0].relative_to(root)} and "
        "others is in one place.\nIf they are, call their folder 'instances', that of the images 'images', "
        "and name --from masks. If they are classes, name --from pairs."
    )


def _pictures_of_numbers(masks: Sequence[Path]) -> bool:
    """Tell whether masks are numbers of objects: many values, each of them one connected part."""
    files = [file for file in masks if file.suffix.lower() in MASK_SUFFIXES]
    if not files:
        return False
    step = max(1, len(files) // FEW_MASKS)
    found: list[tuple[Path, list[int]]] = []
    for file in files[::step][:FEW_MASKS]:
        codes = sorted(codes_of(file).counts)
        if codes and codes[-1] >= 1 << 16:  # a colour
            return False
        found.append((file, [code for code in codes if code]))
    if len({code for _, codes in found for code in codes}) <= MOST_CLASSES:
        return False
    whole = parts = 0
    for file, codes in found:
        mask = decode(file, colored=False) if codes else np.zeros((0, 0), np.uint8)
        for value in codes[:50]:
            whole += 1
            parts += _parts(mask == value)
    return parts < 1.1 * whole


def _parts(mask: np.ndarray) -> int:
    from scipy.ndimage import label

    return int(label(mask, structure=np.ones((3, 3)))[1])


def _kind_of(images: LabelledImages, root: Path) -> str:
    """Return `instances` where objects are drawn, `semantic` where pixels have classes."""
    shapes: Counter[str] = Counter()
    labelled = (each for each in _records(images) if each.instances or each.semantic is not None)
    for record in islice(labelled, SOME):
        if record.semantic is not None:
            return "semantic"
        shapes.update(type(each.shape).__name__ for each in record.instances)
        if shapes[Polygon.__name__] or shapes[Bitmap.__name__]:
            return "instances"
    if shapes:
        names = ", ".join(f"{count} {name}" for name, count in shapes.most_common())
        raise DataError(
            f"{root} has no outline and no mask ({names}): boxes and points do not say what a pixel is. "
            "Draw masks in the boxes first, in CVAT for one."
        )
    nothing = f"No label was found in the {len(images)} images of {root} that can be used."
    raise DataError(f"{nothing}{_first_fault(images)}")


def _first_fault(images: LabelledImages) -> str:
    """Return why the first of the images that cannot be used cannot be; nothing where all can."""
    for key in images.keys:
        try:
            images.load(key)
        except BadRecord as error:
            return f" What cannot be used begins with\n{error}"
    return ""


def _records(images: LabelledImages) -> Iterator[ImageRecord]:
    for key in images.keys:
        try:
            yield images.load(key)
        except BadRecord:
            continue
