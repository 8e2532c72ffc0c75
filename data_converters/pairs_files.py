"""Finds which picture is the mask of which image, however folders and files are called."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from data_converters.base import ReadOptions
from data_converters.mmseg_files import Pair
from data_converters.named_files import GIF, Key, Place, folder_role, picture_files, placed, without_shared
from data_converters.names import IMAGE_WORDS, MASK_WORDS, parted, role_of, words
from data_converters.pairs_lists import find_lists
from segloop.data.image_files import IMAGE_SUFFIXES
from segloop.data.layout import only_listed
from segloop.data.split_names import split_name
from segloop.utils.errors import DataError, listing

ROLES = ("image", "mask", None)
OF_OBJECTS = "segmentation_object"  # beside SegmentationClass: numbers of objects
HALF = 0.5  # of the images: so many masks of one kind are no stray files


class NothingFound(DataError):
    """There are no images, or no masks, that names would tell."""


class Matched(NamedTuple):
    """The pairs, and what there is to be said of how they were found."""

    pairs: list[Pair]
    told: list[str]


def find_pairs(source: Path, options: ReadOptions) -> Matched:
    """Return the pairs of a folder, by split and id; what cannot be told apart is one DataError."""
    images, masks, how = _sorted_out(source, options)
    masks, chosen = _of_one_kind(images, masks, source, options)
    images, masks = without_shared(images), without_shared(masks)
    key, level = _best_way(images, masks)
    told = [chosen or how, f"an image and its mask have {level}"]
    by_key: dict[Key, list[Place]] = defaultdict(list)
    for mask in masks:
        by_key[key(mask)].append(mask)
    pairs: list[Pair] = []
    taken: set[Path] = set()
    bare: list[Place] = []
    twice = Counter(map(_whole, images))
    for image in images:
        found = by_key.get(key(image), [])
        taken.update(mask.file for mask in found)
        if image.file.suffix.lower() == GIF:
            pairs.append(_pair(source, image, None, f"{image.file.name}: a GIF; save it as PNG"))
        elif not found:
            bare.append(image)
        elif len(found) > 1 or twice[_whole(image)] > 1:
            names = " and ".join(mask.file.name for mask in found[:2]) if len(found) > 1 else "another image"
            pairs.append(_pair(source, image, None, f"its mask may be {names}" if len(found) > 1 else _SAME))
        else:
            pairs.append(_pair(source, image, found[0]))
    homes = {(pair.split, str(Path(pair.images, pair.name).parent)) for pair in pairs}
    pairs += [
        _pair(source, image, None, f"{image.file.relative_to(image_root(source, options))}: it has no mask")
        for image in bare
        if (image.split, str(image.file.parent)) in homes
    ]
    told += _left(bare, homes, "image(s) of folders without any mask are left out")
    lone = [mask for mask in masks if mask.file not in taken]
    told += [f"{len(lone)} mask(s) have no image and are left out: {_some(lone)}"] if lone else []
    told += _twice(pairs)
    pairs = _wanted(_listed(source, pairs, told), options)
    return Matched(sorted(pairs, key=lambda pair: (pair.split or "", pair.image_id)), told)


_SAME = "another image has the same name and another suffix, so the mask may be of either"


def _twice(pairs: Sequence[Pair]) -> list[str]:
    """Say that two folders hold images of the same names in other formats: one would be enough."""
    names: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for pair in pairs:
        top, _, rest = pair.image_id.partition("/")
        names[top].add((rest, PurePosixPath(pair.name).suffix.lower()))
    stems = {top: {rest for rest, _ in found} for top, found in names.items() if len(found) > 1}
    return [
        f"{one} and {other} hold images of the same names in other formats; if they are the same, name one "
        "of the folders as SRC"
        for one, other in combinations(stems, 2)
        if stems[one] == stems[other] and not names[one] & names[other]
    ][:1]


def _listed(source: Path, pairs: list[Pair], told: list[str]) -> list[Pair]:
    """Return the pairs in the splits of the author's lists, where no folder tells their split."""
    lists, unused = (None, []) if any(pair.split for pair in pairs) else find_lists(source, pairs)
    told += unused
    if lists is None:
        return pairs
    told.append(f"splits are those of {', '.join(lists.files)}")
    if lists.rest is not None:
        return [pair._replace(split=lists.splits.get(at, lists.rest)) for at, pair in enumerate(pairs)]
    if left := len(pairs) - len(lists.splits):
        told.append(f"{left} image(s) that no list names are left out")
    return [pairs[at]._replace(split=split) for at, split in lists.splits.items()]


def image_root(source: Path, options: ReadOptions) -> Path:
    """Return the folder that images lie in, however deep."""
    return options.images or source


def _sorted_out(source: Path, options: ReadOptions) -> tuple[list[Place], list[Place], str]:
    """Return the images, the masks, and what told them apart."""
    pictures = placed(picture_files(source), source)
    if options.images is not None:
        images = placed(picture_files(options.images), options.images)
        return _some_of_both(images, pictures, source, f"images are those of {options.images}")
    roles = [folder_role(each.file, source) for each in pictures]
    by_role = {
        role: [each for each, own in zip(pictures, roles, strict=True) if own == role] for role in ROLES
    }
    if masks := by_role["mask"]:
        images = by_role["image"] or by_role[None]
        return _some_of_both(images, masks, source, f"masks are in {_folders(masks, source)}")
    masks = [each for each in pictures if MASK_WORDS & set(words(each.stem))]
    if masks and len(masks) < len(pictures):
        named = {each.file for each in masks}
        images = [each for each in pictures if each.file not in named]
        return images, masks, f"masks are told by their names, such as {masks[0].file.name}"
    kinds = {each.file.suffix.lower() in (".jpg", ".jpeg") for each in pictures}
    if len(kinds) == 2:
        masks = [each for each in pictures if each.file.suffix.lower() not in (".jpg", ".jpeg")]
        images = [each for each in pictures if each.file.suffix.lower() in (".jpg", ".jpeg")]
        return images, masks, "images are JPEGs, masks are not"
    return _some_of_both(pictures, [], source, "")


def _of_one_kind(
    images: list[Place], masks: list[Place], source: Path, options: ReadOptions
) -> tuple[list[Place], str]:
    """Return the masks of the folders that the user names, and how to say so; several kinds are refused."""
    kinds: dict[str, list[Place]] = defaultdict(list)
    for mask in masks:
        kinds[_kind(mask, source)].append(mask)
    if options.mask_folder is not None:
        wanted = _kind_of_name(options.mask_folder)
        if wanted not in kinds:
            names = sorted({_telling(mask, source) for mask in masks})
            raise DataError(
                f"No masks are in folders called {options.mask_folder!r}; there are:\n{listing(names)}"
            )
        return kinds[wanted], f"masks are in {_folders(kinds[wanted], source)}"
    if len(kinds) > 1:
        kinds.pop(OF_OBJECTS, None)
    many = {kind: found for kind, found in kinds.items() if len(found) >= HALF * len(images)}
    kept = [mask for found in kinds.values() for mask in found]
    if len(many) < 2 or sum(map(len, many.values())) <= len(images):
        return kept, f"masks are in {_folders(kept, source)}" if len(kept) < len(masks) else ""
    by_name = {_telling(found[0], source): found for found in many.values()}
    lines = [
        f"{name}: {len(found)}, such as {found[0].file.relative_to(source)}"
        for name, found in by_name.items()
    ]
    raise DataError(
        f"There are {len(many)} kinds of masks for {len(images)} images. Name the folders of one: "
        f"--mask-folder {min(by_name)!r}\n{listing(lines)}"
    )


def _kind(mask: Place, source: Path) -> str:
    """Return what the folder of a mask is called, without its split."""
    return _kind_of_name(_telling(mask, source))


def _telling(mask: Place, source: Path) -> str:
    """Return the innermost folder that says of a mask that it is one; empty where none does."""
    parts = mask.file.relative_to(source).parts[:-1]
    return next((part for part in reversed(parts) if role_of(part) == "mask"), "")


def _kind_of_name(folder: str) -> str:
    parts = [word for word in words(parted(folder)) if split_name(word) is None]
    return "_".join(
        word.removeprefix("train").removeprefix("val").removeprefix("test") or word for word in parts
    )


def _some_of_both(
    images: list[Place], masks: list[Place], source: Path, how: str
) -> tuple[list[Place], list[Place], str]:
    if images and masks:
        return images, masks, how
    inner = sorted(each.name + "/" * each.is_dir() for each in source.iterdir() if each.name[0] != ".")
    what = "masks" if images else "images" if masks else "pictures"
    raise NothingFound(
        f"No {what} were found in {source}. Folders (or files) of masks are known by words such as masks, "
        f"labels, gt, annotations in their names; --images DIR says where images are. Read are "
        f"{' '.join(IMAGE_SUFFIXES)} and masks as .gif. It holds:\n"
        f"{listing(inner) or '  nothing'}"
    )


def _whole(place: Place) -> tuple[str | None, ...]:
    return (place.split, *place.folders, place.stem)


def _plain(stem: str) -> Key:
    """Return what is left of a file's name without the words that tell its role."""
    found = words(stem)
    return tuple(word for word in found if word not in IMAGE_WORDS | MASK_WORDS) or tuple(found)


def _number(stem: str, place: int = -1) -> Key:
    found = [word for word in words(stem) if word.isdecimal()]
    return (str(int(found[place])),) if found else ("?", stem)


def _ways(images: Sequence[Place], masks: Sequence[Place]) -> Iterator[tuple[Callable[[Place], Key], str]]:
    """Yield ways to know a pair, the strictest first, each with how to say it."""
    yield lambda each: (each.split or "", *each.folders, each.stem), "the same name"
    yield (
        lambda each: (each.split or "", *each.folders, *_plain(each.stem)),
        "the same name but for some words",
    )
    yield lambda each: (each.split or "", each.stem), "the same name, in folders of other names"
    yield lambda each: (each.split or "", *_plain(each.stem)), "the same name but for some words and folders"
    yield lambda each: (*each.folders, each.stem), "the same name (masks have no splits)"
    yield lambda each: _plain(each.stem), "the same name but for some words (masks have no splits)"
    bare = {**_bare(images), **_bare(masks)}
    alike = "the same name but for how all begin and end"
    yield lambda each: (each.split or "", *each.folders, bare[each.file]), alike
    yield lambda each: (each.split or "", bare[each.file]), alike
    yield (
        lambda each: (each.split or "", *each.folders, *_number(each.stem)),
        "the same number in their names",
    )
    yield (
        lambda each: (each.split or "", *each.folders, *_number(each.stem, 0)),
        "the same first number in their names",
    )


def _bare(places: Sequence[Place]) -> dict[Path, str]:
    """Return what is left of each name without the beginning and the end that all have."""
    stems = [each.stem for each in places]
    head = _shared(stems) if len(stems) > 1 else 0
    tail = _shared([stem[head:][::-1] for stem in stems]) if len(stems) > 1 else 0
    return {each.file: each.stem[head : len(each.stem) - tail] for each in places}


def _shared(texts: Sequence[str]) -> int:
    """Return how many characters all texts begin with alike."""
    low, high = min(texts), max(texts)
    return next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))


def _best_way(images: Sequence[Place], masks: Sequence[Place]) -> tuple[Callable[[Place], Key], str]:
    """Return the way that pairs the most masks; the strictest of several such."""
    best, key, level = 0, None, ""
    for way, said in _ways(images, masks):
        ours, theirs = Counter(map(way, images)), Counter(map(way, masks))
        fits = sum(1 for each, count in theirs.items() if count == 1 and ours.get(each) == 1)
        if fits > best:
            best, key, level = fits, way, said
    if key is None:
        some = zip(images[:3], masks[:3], strict=False)
        names = listing([f"{_left_of(image)} and {_left_of(mask)}" for image, mask in some])
        count = Counter(mask.stem for mask in masks)
        several = sum(count[image.stem] > 1 for image in images)
        more = (
            f"\n{several} image(s) have several masks of their name. Draw those of an image into one, "
            "with a value for each class; objects have a layout of their own, see masks in docs/formats.md."
        )
        raise DataError(
            f"There are {len(images)} images and {len(masks)} masks, and no name of the ones fits any of the "
            f"others:\n{names}{more if several else ''}"
        )
    return key, level


def _left_of(place: Place) -> str:
    """Return the path that names are compared by."""
    return PurePosixPath(*place.folders, place.file.name).as_posix()


def _pair(source: Path, image: Place, mask: Place | None, trouble: str = "") -> Pair:
    name = PurePosixPath(*image.folders, image.file.name)
    top = image.file
    for _ in name.parts:  # folders that were left out of the id are somewhere above: the pair says where
        top = top.parent
    whole = (top / name) == image.file
    return Pair(
        image.split,
        name.with_suffix("").as_posix(),
        name.as_posix() if whole else image.file.name,
        str(top if whole else image.file.parent),
        "" if mask is None else str(mask.file),
        trouble,
    )


def _wanted(pairs: list[Pair], options: ReadOptions) -> list[Pair]:
    if options.list_file is not None:
        names = only_listed(options.list_file, (pair.image_id for pair in pairs))
        pairs = [pair for pair in pairs if pair.image_id in names]
    if options.split is None:
        return pairs
    known = sorted({pair.split for pair in pairs if pair.split})
    if not known:
        return [pair._replace(split=options.split) for pair in pairs]
    if options.split not in known:
        raise DataError(f"There is no split {options.split!r}; there are {', '.join(known)}.")
    return [pair for pair in pairs if pair.split == options.split]


def _left(bare: Sequence[Place], homes: set[tuple[str | None, str]], said: str) -> list[str]:
    left = [each for each in bare if (each.split, str(each.file.parent)) not in homes]
    return [f"{len(left)} {said}: {_some(left)}"] if left else []


def _some(places: Sequence[Place]) -> str:
    names = [each.file.name for each in places[:3]]
    return ", ".join(names) + (" …" if len(places) > 3 else "")


def _folders(masks: Sequence[Place], source: Path) -> str:
    found: Mapping[str, None] = dict.fromkeys(
        each.file.parent.relative_to(source).as_posix() for each in masks
    )
    return ", ".join(list(found)[:4]) + (" …" if len(found) > 4 else "")
