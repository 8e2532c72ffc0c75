"""What authors call their folders and files of images and of masks, and what these tell of splits."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from segloop.data.split_names import split_name

_OF_IMAGES = (
    "img imgs image images jpegimages picture pictures photo photos input inputs raw rgb orig original "
    "originals src frame frames"
)
_OF_MASKS = (
    "mask masks label labels labeled labelled gt gts groundtruth truth ground seg segs segm segmentation "
    "segmentations segmentationclass annotation annotations annot annots ann anno annos target targets manual"
)
_OF_NOTHING = "dir dirs data dataset set folder stage part png jpg v"
IMAGE_WORDS, MASK_WORDS = frozenset(_OF_IMAGES.split()), frozenset(_OF_MASKS.split())
NOISE_WORDS = frozenset(_OF_NOTHING.split())  # tell nothing
_WORD = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def words(text: str) -> list[str]:
    """Return the words and numbers of a name, in lower case.

    >>> words("IMG_0017-mask.v2")
    ['img', '0017', 'mask', 'v', '2']
    """
    return _WORD.findall(text.casefold())


def parted(name: str) -> str:
    """Return a name with its capitals set apart: `GroundTruth` is two words to a reader.

    >>> parted("TrainImages"), parted("JPEGImages")
    ('Train Images', 'JPEGImages')
    """
    return _CAMEL.sub(" ", name)


def split_of(folder: str) -> str | None:
    """Return the split that a folder's name tells, beside words of its role; None for another name.

    >>> split_of("train_masks"), split_of("valannot"), split_of("train_station")
    ('train', 'val', None)
    """
    if (whole := split_name(folder)) is not None:
        return whole
    parts = words(parted(folder))
    found = [split_name(word.removesuffix("annot") or word) for word in parts]
    others = [word for word, split in zip(parts, found, strict=True) if split is None]
    known = [split for split in found if split is not None]
    return known[0] if len(set(known)) == 1 and not name_of(others) else None


def split_families(folders: Iterable[str]) -> dict[str, str]:
    """Return the splits of folders that lie side by side and differ by the word of a split alone.

    >>> split_families(["Task1_Training_Input", "Task1_Test_Input", "train_station"])
    {'Task1_Training_Input': 'train', 'Task1_Test_Input': 'test'}
    """
    families: dict[tuple[str | None, ...], dict[str, str]] = defaultdict(dict)
    for folder in dict.fromkeys(folders):
        parts = words(parted(folder))
        found = [split_name(word) for word in parts]
        if len(known := [split for split in found if split]) == 1:
            rest = tuple(None if split else word for word, split in zip(parts, found, strict=True))
            families[rest][folder] = known[0]
    several = (family for family in families.values() if len(set(family.values())) > 1)
    return {folder: split for family in several for folder, split in family.items()}


def role_of(name: str) -> str | None:
    """Return what the words of a name say that its files are: `mask`, `image`, or nothing.

    >>> role_of("defect_labels"), role_of("JPEGImages"), role_of("valannot"), role_of("berlin")
    ('mask', 'image', 'mask', None)
    """
    found = {*words(name), *words(parted(name))}
    if found & MASK_WORDS or any(word.endswith("annot") for word in found):
        return "mask"
    return "image" if found & IMAGE_WORDS else None


def name_of(found: Sequence[str]) -> tuple[str, ...]:
    """Return the words that tell one thing from another: roles, numbers and words without meaning are out."""
    return tuple(
        word for word in found if word not in IMAGE_WORDS | MASK_WORDS | NOISE_WORDS and not word.isdecimal()
    )
