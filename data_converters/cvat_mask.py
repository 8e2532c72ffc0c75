"""CVAT's Segmentation mask 1.1, read: PNGs of class and object colours. What the format has lost is told."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from PIL import Image

from data_converters.archives import Member, Shelf
from data_converters.base import BadRecord, ReadOptions
from data_converters.cvat_labelmap import LabelMap, read_labelmap
from data_converters.cvat_mask_files import (
    CLASSES,
    LABELMAP,
    OBJECTS,
    image_files,
    listed_images,
    open_tree,
    read_place,
)
from segloop.data.annotations import (
    Bitmap,
    ImageRecord,
    Instance,
    LabelledImages,
    Remark,
    SizeHW,
    image_id_of,
)
from segloop.data.image_files import MOST_PIXELS, image_size, structure_damage
from segloop.data.layout import only_listed
from segloop.data.masks import Runs, areas, encode_labels, paint
from segloop.utils.errors import FormatError, UserError, listing

MOST_OBJECTS = (
    255  # that have colours of their own in an image; the next gets none, those after it begin anew
)


class Place(NamedTuple):
    """An image to be read: its two masks, and its own file."""

    image_id: str
    name: str
    split: str | None
    classes: Path | Member | None
    objects: Path | Member | None
    image: Path | Member | None


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Open a folder or a zip: labelmap.txt, lists of images, and masks.

    With SegmentationObject, each colour in it is an object, of the label that SegmentationClass shows there.
    Without, the images have index maps. A mask of one channel holds line numbers of labelmap.txt, from 0.
    """
    tree = open_tree(source)
    if LABELMAP not in tree.files:
        raise FormatError(f"it has no {LABELMAP}, which says what the colours mean", file=source)
    labelmap, problems, told = read_labelmap(tree.text(LABELMAP))
    if problems:
        raise FormatError(f"{len(problems)} problem(s)\n{listing(problems)}", file=source, where=LABELMAP)
    listed = listed_images(tree, options, told)
    with_objects = any(name.startswith(OBJECTS) for name in tree.files)
    if not with_objects:
        told.append(f"There is no {OBJECTS}: images have index maps, and no objects.")
    if options.list_file is not None:
        wanted = only_listed(options.list_file, (image_id_of(name) for name, _ in listed))
        listed = [(name, split) for name, split in listed if image_id_of(name) in wanted]
    images = image_files(tree, options)
    places = []
    for name, split in listed:
        file = images.find(name, split)
        suffix = "" if file is None else PurePosixPath(file).suffix
        masks = [tree.find(f"{top}{name}.png", f"{top}{image_id_of(name)}.png") for top in (CLASSES, OBJECTS)]
        image_id = image_id_of(name)
        image = None if file is None else images.by_name[file]
        places.append(Place(image_id, image_id + suffix, split, masks[0], masks[1], image))
    demands_images = options.images is not None or any(place.image for place in places)
    load = ReadMasks(
        source=source,
        labelmap=labelmap,
        shelf=tree.shelf if options.images is None else None,
        with_objects=with_objects,
        images=images.root if demands_images else None,
    )
    return LabelledImages(labels=labelmap.labels, keys=places, load=load, told=tuple(told))


@dataclass(frozen=True)
class ReadMasks:
    """Reads the masks of an image."""

    source: Path
    labelmap: LabelMap
    shelf: Shelf | None
    with_objects: bool
    images: str | None  # where image files are, if they must be there

    def __call__(self, place: Place) -> ImageRecord:
        """Return the image's record; all that is wrong with it is one BadRecord."""
        problems: list[str] = []
        classes = self._mask(place.classes, f"{CLASSES}{place.image_id}.png", problems)
        objects = None
        if self.with_objects:
            objects = self._mask(place.objects, f"{OBJECTS}{place.image_id}.png", problems)
            if classes is not None and objects is not None and classes.values.shape != objects.values.shape:
                problems.append(
                    f"its masks are of {_size(classes.values)} and {_size(objects.values)} pixels"
                )
        file = self._image(place, None if classes is None else classes.values, problems)
        if problems or classes is None:
            raise BadRecord(place.image_id, problems)
        size_hw = classes.values.shape[0], classes.values.shape[1]
        remarks: list[Remark] = []
        pairs = _pairs(classes, objects)
        known = self._labels_of(classes, pairs, size_hw, place, problems)
        semantic = None
        instances: tuple[Instance, ...] = ()
        if objects is None:
            semantic = self._index_map(pairs, known, size_hw)
        else:
            instances = self._objects(pairs, known, size_hw, place.image_id, remarks)
        return ImageRecord(
            image_id=place.image_id,
            name=place.name,
            file=file,
            size_hw=size_hw,
            split=place.split,
            instances=instances,
            semantic=semantic,
            remarks=tuple(remarks),
        )

    def _mask(self, place: Path | Member | None, name: str, problems: list[str]) -> Mask | None:
        if place is None:
            problems.append(f"{name} is missing")
            return None
        try:
            return decode_mask(read_place(self.source, place))
        except FormatError as error:
            problems.append(str(error))
        except (ValueError, OSError) as error:
            problems.append(f"{name}: {error}")
        return None

    def _image(self, place: Place, mask: np.ndarray | None, problems: list[str]) -> Path | None:
        """Return the image's file; its size must be the masks'."""
        if place.image is None:
            if self.images is not None:
                problems.append(f"the image is not in {self.images}")
            return None
        try:
            file = (
                self.shelf.file(place.image)
                if isinstance(place.image, Member) and self.shelf
                else place.image
            )
            assert isinstance(file, Path)
            seen = image_size(file)
        except UserError as error:
            problems.append(str(error))
            return None
        if mask is not None and seen != mask.shape:
            problems.append(f"its masks are of {_size(mask)} pixels, and {place.name} of {seen[1]}x{seen[0]}")
        return file

    def _labels_of(
        self,
        classes: Mask,
        pairs: dict[tuple[int, int], Runs],
        size_hw: SizeHW,
        place: Place,
        problems: list[str],
    ) -> dict[int, int]:
        """Return the label of each value of the class mask; a value that nobody declared is a problem."""
        count = len(self.labelmap.labels)
        known: dict[int, int] = {}
        undeclared: dict[int, int] = {}
        for (value, _), runs in pairs.items():
            label = self.labelmap.place(value) if classes.has_colors else value if value < count else None
            if label is None:
                undeclared[value] = undeclared.get(value, 0) + areas([runs])[0]
            else:
                known[value] = label
        for value, pixels in sorted(undeclared.items()):
            if classes.has_colors:
                what = f"the colour {value >> 16},{value >> 8 & 255},{value & 255}"
            else:
                what = f"the value {value}, and there are {count} labels"
            problems.append(f"{CLASSES}{place.image_id}.png: {pixels} pixel(s) of {what}: not in {LABELMAP}")
        if problems:
            raise BadRecord(place.image_id, problems)
        return known

    def _index_map(
        self, pairs: dict[tuple[int, int], Runs], known: dict[int, int], size_hw: SizeHW
    ) -> np.ndarray:
        labels = self.labelmap.labels
        ground = labels.ignore_index if labels.background is None else labels.background
        canvas = np.full(size_hw, ground, np.uint8 if labels.ignore_index < 256 else np.uint16)
        values = [known[value] for value, _ in pairs]
        drawn = [(runs, value) for runs, value in zip(pairs.values(), values, strict=True) if value >= 0]
        paint([runs for runs, _ in drawn], [value for _, value in drawn], canvas)
        return canvas

    def _objects(
        self,
        pairs: dict[tuple[int, int], Runs],
        known: dict[int, int],
        size_hw: SizeHW,
        image_id: str,
        remarks: list[Remark],
    ) -> tuple[Instance, ...]:
        """Return the objects by number, and say where the colours of an image were too few for them."""
        found: list[tuple[int, int, Runs]] = []
        strays = 0
        for (value, number), runs in pairs.items():
            label = known[value]
            if not self.labelmap.nothing(label):
                found.append((number, label, runs))
            elif number:
                strays += areas([runs])[0]
        found.sort(key=lambda each: each[:2])
        numbers = [number for number, _, _ in found]
        if strays:
            remarks.append(Remark("pixel(s) of objects that have no label", strays, image_id))
        if 0 in numbers or max(numbers, default=0) >= MOST_OBJECTS:
            kind = "image(s) with more objects than the format has colours"
            told = f"{image_id}: {len(found)} were told apart, those of one colour and label were not"
            remarks.append(Remark(kind, 1, told))
        shared = len(numbers) - len(set(numbers))
        if shared:
            kind = "object(s) that share their colour with one of another label"
            remarks.append(Remark(kind, shared, image_id))
        names = self.labelmap.labels.names
        return tuple(Instance(label=names[label], shape=Bitmap(size_hw, runs)) for _, label, runs in found)


class Mask(NamedTuple):
    """A decoded mask, HxW: colours as one number, or values of one channel."""

    values: np.ndarray
    has_colors: bool


def decode_mask(data: bytes) -> Mask:
    """Decode a PNG; what is wrong with it is a ValueError."""
    if damage := structure_damage(data):
        raise ValueError(damage)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise ValueError(f"{width}x{height} pixels; the limit is {MOST_PIXELS} in all")
            if image.mode in ("RGB", "RGBA", "P"):
                pixels = np.asarray(image.convert("RGB")).astype(np.int64)
                return Mask(pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2], has_colors=True)
            pixels = np.asarray(image)
            if image.mode == "L" and data[25] == 0:  # grey, which Pillow spreads over 0 to 255
                pixels = pixels // {2: 85, 4: 17}.get(data[24], 1)
    except ValueError:
        raise
    except Exception as error:  # Pillow's plug-ins raise whatever they come across
        raise ValueError(f"it cannot be decoded ({error})") from None
    if pixels.ndim != 2:
        raise ValueError(f"it is of the kind {image.mode}; colours, a palette or one channel are read")
    if pixels.min(initial=0) < 0 or pixels.max(initial=0) >= 1 << 24:
        raise ValueError(f"it holds the value {pixels.max()}; at most {(1 << 24) - 1} is believed")
    return Mask(pixels.astype(np.int64), has_colors=False)


def _pairs(classes: Mask, objects: Mask | None) -> dict[tuple[int, int], Runs]:
    """Return the pixels of each pair of a class value and an object's number, 0 for none."""
    if objects is None:
        return {(value, 0): runs for value, runs in encode_labels(classes.values).items()}
    found = encode_labels(classes.values << 24 | objects.values)
    pairs = {}
    for value, runs in found.items():
        number = value & 0xFFFFFF
        pairs[value >> 24, object_number(number) if objects.has_colors else number] = runs
    return pairs


def object_number(color: int) -> int:
    """Return the place of a packed colour in VOC's colour map, where each object has the next one.

    The map spreads the bits of a number over the channels, three at a time, from the highest bit down.

    >>> [object_number(color) for color in (0x000000, 0x800000, 0x008000, 0x808000)]
    [0, 1, 2, 3]
    """
    number = 0
    for bit in range(8):
        for channel, shift in enumerate((16, 8, 0)):
            number |= (color >> shift >> (7 - bit) & 1) << (3 * bit + channel)
    return number


def _size(mask: np.ndarray) -> str:
    return f"{mask.shape[1]}x{mask.shape[0]}"
