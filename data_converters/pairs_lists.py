"""Finds the lists in which authors name the images of each split: Pascal VOC's ImageSets and their like."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from data_converters.mmseg_files import Pair
from data_converters.names import words
from segloop.data.layout import files_below
from segloop.data.split_names import split_name
from segloop.utils.errors import DataError, listing

MOST_FILES = 200  # that are looked at
MOST_BYTES = 1 << 26  # of a list
WHOLE = ("trainval", "trainvaltest", "all")  # lists that join others
KNOWN = 0.9  # share of a list's lines that must be images that are there
SUITED = "segmentation"  # the folder of VOC's lists for this, beside those for other tasks


@dataclass(frozen=True)
class Lists:
    """The split that each image is listed in, by the image's place, and the files that say so."""

    splits: dict[int, str]
    files: tuple[str, ...]
    rest: str | None  # the split of images that no list names; None if they belong to none


def find_lists(source: Path, pairs: Sequence[Pair]) -> tuple[Lists | None, list[str]]:
    """Return what the lists of one folder say of images, None where there are none, and which are not used.

    Lists are text files called after a split, with a name or a path of an image at the start of each line.
    Where only val or test is listed, all other images are train's; with a list of train's, they are nobody's.
    """
    names: dict[str, list[int]] = defaultdict(list)
    for place, pair in enumerate(pairs):
        names[PurePosixPath(pair.image_id).name].append(place)
    groups: dict[Path, dict[str, tuple[Path, list[int]]]] = defaultdict(dict)
    unused: dict[Path, list[str]] = defaultdict(list)
    for file, split in _candidates(source):
        found, fault = _places(file, pairs, names)
        if found:
            groups[file.parent][split] = (file, found)
        elif fault:
            unused[file.parent].append(f"{file.relative_to(source).as_posix()} is passed over: {fault}")
    chosen = [folder for folder in sorted(groups, key=_rank) if len({*groups[folder]} - {*WHOLE})]
    told = unused[chosen[0]] if chosen else [each for found in unused.values() for each in found]
    return _lists(source, pairs, groups[chosen[0]]) if chosen else None, told


def _lists(source: Path, pairs: Sequence[Pair], found: dict[str, tuple[Path, list[int]]]) -> Lists | None:
    whole = found.pop("trainval", None)
    for name in WHOLE[1:]:
        found.pop(name, None)
    if "train" not in found and whole is not None:
        taken = {place for split in found for place in found[split][1]}
        found["train"] = (whole[0], [place for place in whole[1] if place not in taken])
    splits: dict[int, str] = {}
    twice = []
    for split, (_, places) in found.items():
        for place in places:
            if splits.setdefault(place, split) != split:
                twice.append(f"{pairs[place].image_id}: {splits[place]} and {split}")
    files = tuple(file.relative_to(source).as_posix() for file, _ in found.values())
    if twice:
        raise DataError(
            f"The lists {', '.join(files)} of {source} have {len(twice)} image(s) in two splits; mend "
            f"them or move them away:\n{listing(twice)}"
        )
    return Lists(splits, files, None if "train" in found else "train")


def _candidates(source: Path) -> Iterator[tuple[Path, str]]:
    texts = (file for file in files_below(source) if file.suffix == ".txt" and file.name[0] != "_")
    files = sorted(file for file in texts if file.is_file())
    for file in files[:MOST_FILES]:
        parts = words(file.stem)
        split = file.stem.casefold() if file.stem.casefold() in WHOLE else split_name(file.stem)
        if split is None and len(parts) == 2:  # train_list, val_images
            known = [name for each in parts if (name := split_name(each))]
            split = known[0] if len(known) == 1 and {"list", "images", "split", "set"} & set(parts) else None
        if split is not None and file.stat().st_size <= MOST_BYTES:
            yield file, split


def _places(file: Path, pairs: Sequence[Pair], names: dict[str, list[int]]) -> tuple[list[int], str]:
    """Return the images that a list names, and why it names none, if it is one of images at all."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return [], "it is no UTF-8 text"
    except OSError as error:
        return [], error.strerror or str(error)
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and line[0] != "#"]
    found = [place for line in lines if (place := _place(line, pairs, names)) is not None]
    if found and len(found) >= KNOWN * len(lines):
        return list(dict.fromkeys(found)), ""
    return [], f"only {len(found)} of its {len(lines)} lines name images that are here" if found else ""


def _place(line: str, pairs: Sequence[Pair], names: dict[str, list[int]]) -> int | None:
    """Return the image that a line names: whole, by its first word, with a path or a suffix or without."""
    for text in dict.fromkeys((line, line.split()[0], line.split(",")[0])):
        path = PurePosixPath(text.strip("\"'").replace("\\", "/"))
        stems = (path.name, path.stem) if path.suffix else (path.name,)
        for stem in stems:
            places = names.get(stem, [])
            if len(places) > 1:  # the same name in several folders: the path has to tell
                whole = f"/{path.with_name(stem).as_posix()}"
                fits = [place for place in places if whole.endswith(f"/{pairs[place].image_id}")]
                places = sorted(fits, key=lambda place: len(pairs[place].image_id))[-1:]
            if len(places) == 1:
                return places[0]
    return None


def _rank(folder: Path) -> tuple[bool, int, str]:
    return folder.name.casefold() != SUITED, len(folder.parts), str(folder)
