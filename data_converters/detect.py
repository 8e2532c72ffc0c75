"""Tells which format a source has by cheap, certain signs; where they allow several, it never guesses.

No sign looks at pixels. Runs that go by rows and runs that go by columns look alike, and so the CSVs are told
apart by their headers alone, which differ.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from data_converters.names import role_of
from data_converters.pairs_key import read_key
from data_converters.unpacking import ARCHIVES, unpack_command
from segloop.data.image_files import IMAGE_SUFFIXES
from segloop.data.layout import files_below
from segloop.utils.errors import DataError, UserError, listing

HEAD = 1 << 16  # bytes that are looked at
# Headers of CSVs of runs; case does not count.
HEADERS = {
    ("imageid", "encodedpixels"): "airbus",
    ("id", "annotation"): "sartorius",
    ("id", "predicted"): "sartorius",
}
CVAT_MASKS = "SegmentationClass"
FOR_EACH = ("labelme",)  # formats with a JSON for each image
SOME_FOLDERS = 5  # of masks that are looked at
# How CVAT, and Datumaro that it writes with, begin a COCO file.
_CVAT_COCO = re.compile(r'"licenses":\s*\[\{"name":\s*"",\s*"id":\s*0,\s*"url":\s*""\}\]')
_BOTH_COCO = (
    "its JSON begins as CVAT's does. If it is an export of CVAT, take cvat-coco: there all masks are marked "
    "as crowds, which trainers pass over. Otherwise take coco"
)


@dataclass(frozen=True, slots=True)
class Sign:
    """A format that a source may have, and what speaks for it."""

    format: str
    reason: str


def detect(source: Path) -> tuple[str, str]:
    """Return the format of a source and the reason; where several are possible, or none, that is an error."""
    signs = signs_of(source)
    found = {sign.format: sign.reason for sign in reversed(signs)}
    if len(found) == 1:
        return next(iter(found.items()))
    if not found and source.name.lower().endswith(ARCHIVES):
        raise UserError(
            f"{source} is an archive of no format that is read packed; unpack it, and name the folder:\n"
            f"{listing([unpack_command(source)])}"
        )
    if not found:
        raise UserError(f"{source} looks like no format that is known; name it with --from (see --help).")
    lines = [f"{sign.format}: {sign.reason}" for sign in signs]
    raise UserError(f"{source} may be of {len(found)} formats; choose with --from:\n{listing(lines)}")


def signs_of(source: Path) -> list[Sign]:
    """Return all signs that a source has, of one format or of several; none if it is of no known one."""
    if not source.exists():
        raise UserError(f"{source} does not exist.")
    try:
        return list(_of_folder(source) if source.is_dir() else _of_file(source))
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror or error}") from error


def _of_folder(folder: Path) -> Iterator[Sign]:
    inner = {path.name for path in folder.iterdir()}
    if "annotations.xml" in inner:
        yield Sign("cvat", "there is annotations.xml")
    if {"labelmap.txt", CVAT_MASKS} <= inner:
        yield Sign("cvat-mask", "there are labelmap.txt and SegmentationClass")
    if "meta.json" in inner and any(file.match("ann/*.json") for file in files_below(folder)):
        yield Sign("supervisely", "there are meta.json and folders called ann")
    yaml = next((name for name in sorted(inner) if name.lower().endswith((".yaml", ".yml"))), None)
    if yaml and _has_texts(folder):
        yield Sign("yolo", f"there are {yaml} and texts in labels")
    if {"mask", "all_bbox.txt"} <= inner:
        yield Sign("spacecraft", "there are mask and all_bbox.txt")
    described = _described(folder / "dataset.json") if "dataset.json" in inner else None
    if described is not None:
        yield described
    elif inner & {"img_dir", "ann_dir"}:
        yield Sign("mmseg", f"there is {' and '.join(sorted(inner & {'img_dir', 'ann_dir'}))}")
    else:
        yield from list(_coco_in(folder)) or _json_for_each(folder)
    yield from (streets := list(_cityscapes(folder, inner)))
    tables = [folder / name for name in sorted(inner) if name.lower().endswith(".csv")]
    for table in tables:
        with table.open("rb") as file:
            yield from _of_table(file.readline(HEAD), table.name)
    if {"labels.csv", "objects.csv"} <= inner:
        yield Sign("masks", "there are labels.csv and objects.csv")
    elif (
        described is None
        and not streets  # whose labels.csv is our own
        and not inner & {"img_dir", "ann_dir", CVAT_MASKS}
        and (told := _classes_in(folder))
    ):
        yield Sign("pairs", told)
    elif described is None and _has_masks(folder):
        shared = shared_masks(folder)
        if shared is None:
            yield Sign("masks", "there are folders of masks")
        else:
            told = f"{shared.relative_to(folder)} has masks of several images, whose values may be"
            yield Sign("masks", f"{told} numbers of objects")
            yield Sign("pairs", f"{told} classes")


def _described(file: Path) -> Sign | None:
    """Return what a dataset.json says; it may be of no use."""
    try:
        told = json.loads(file.read_bytes())  # which may begin with a mark, as Windows writes it
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    if told.get("coco"):
        masks = "; its index masks too are read with --from mmseg" if told.get("masks") else ""
        return Sign("coco", f"dataset.json names COCO files{masks}")
    if told.get("masks"):
        return Sign("mmseg", "dataset.json names folders of index masks")
    return None


def _coco_in(folder: Path) -> Iterator[Sign]:
    for place in (
        folder / "annotations",
        folder,
        *(each for each in sorted(folder.iterdir()) if each.is_dir()),
    ):
        files = sorted(place.glob("*.json")) if place.is_dir() else []
        for file in files:
            with file.open("rb") as opened:
                signs = list(_of_json(opened.read(HEAD), str(file.relative_to(folder))))
            if signs:
                yield from signs
                return


def _has_texts(folder: Path) -> bool:
    """Tell whether there are texts in folders called labels, however deep."""
    texts = (file.relative_to(folder) for file in files_below(folder) if file.suffix == ".txt")
    return any("labels" in file.parts[:-1] for file in texts)


def _json_for_each(folder: Path) -> Iterator[Sign]:
    """Tell formats with a JSON for each image, however deep these lie."""
    file = next((each for each in files_below(folder) if each.suffix == ".json"), None)
    if file is not None:
        with file.open("rb") as opened:
            signs = _of_json(opened.read(HEAD), str(file.relative_to(folder)))
            yield from (sign for sign in signs if sign.format in FOR_EACH)


def _cityscapes(folder: Path, inner: set[str]) -> Iterator[Sign]:
    """Tell a tree with gtFine, however deep its zips were unpacked, and lists of predictions."""
    known = ("gtFine", "gtCoarse")
    found = [name for name in known if name == folder.name or name in inner or any(folder.glob(f"*/{name}/"))]
    if found:
        yield Sign("cityscapes", f"there is {found[0]}")
    elif any(any(folder.glob(f"{depth}*_pred.txt")) for depth in ("", "*/", "*/*/")):
        yield Sign("cityscapes", "there are lists of predictions, *_pred.txt; add --from-results")


def _classes_in(folder: Path) -> str:
    """Return that a file says what the values of masks mean; nothing where there is none, or no mask."""
    known = read_key(folder)
    if known is None or any(name.suffix.lower() in (".json", ".xml") for name in folder.iterdir()):
        return ""
    places = [
        each
        for depth in ("*/", "*/*/")
        for each in sorted(folder.glob(depth))[:20]
        if role_of(each.name) == "mask"
    ]
    found = [
        each for each in places if any(file.suffix.lower() in IMAGE_SUFFIXES for file in files_below(each))
    ]
    return f"there is {known.file.name}, and masks in {found[0].relative_to(folder)}" if found else ""


def _has_masks(folder: Path) -> bool:
    """Tell whether there are `masks` or `instances` in the folder, or in the first folders below it."""
    places = [folder, *sorted(folder.glob("*/"))[:20], *sorted(folder.glob("*/*/"))[:20]]
    names = ("masks", "instances")
    return any((place / name).is_dir() for place in places for name in names if place.name not in names)


def shared_masks(folder: Path) -> Path | None:
    """Return a folder of masks that are called like images, or of several of these.

    None where each image has a folder with a mask for each of its objects.
    """
    for depth in ("", "*/", "*/*/"):
        for masks in sorted(each for each in folder.glob(f"{depth}masks") if each.is_dir())[:SOME_FOLDERS]:
            beside = (each for each in masks.parent.iterdir() if each.is_dir() and each != masks)
            images = [file for each in beside for file in islice(_pictures(each), 2)]
            named = {mask.stem for mask in _pictures(masks)} if len(images) == 1 else set()
            if len(images) > 1 or named & {image.stem for image in images}:
                return masks
    return None


def _pictures(folder: Path) -> Iterator[Path]:
    return (file for file in files_below(folder) if file.suffix.lower() in IMAGE_SUFFIXES)


def _of_file(file: Path) -> Iterator[Sign]:
    with file.open("rb") as opened:
        head = opened.read(HEAD)
    if head.startswith(b"PK"):
        yield from _of_archive(file)
    elif head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        yield from _of_json(head, "it")
    elif b"<annotations" in head:
        yield Sign("cvat", "its XML is of <annotations>")
    else:
        yield from _of_table(head.partition(b"\n")[0], "it")


def _of_json(head: bytes, name: str) -> Iterator[Sign]:
    text = head.decode("utf-8-sig", errors="replace").lstrip()
    if text.startswith("["):
        if '"image_id"' in text and '"category_id"' in text:
            yield Sign("coco", f"{name} is a list of results")
    elif re.search(r'"shapes"\s*:\s*\[', text) and re.search(r'"(version|flags|imagePath)"\s*:', text):
        yield Sign("labelme", f"{name} has shapes as LabelMe has")
    elif _CVAT_COCO.search(text):
        yield Sign("coco", _BOTH_COCO)
        yield Sign("cvat-coco", _BOTH_COCO)
    elif re.search(r'"(images|annotations|categories)"\s*:\s*\[', text):
        yield Sign("coco", f"{name} has images, annotations or categories as COCO has")


def _of_table(head: bytes, name: str) -> Iterator[Sign]:
    columns = re.split(r"[,;\t]", head.decode("utf-8-sig", errors="replace").strip())
    folded = {column.strip().strip('"').casefold() for column in columns}
    for header, form in HEADERS.items():
        if folded >= set(header):
            yield Sign(form, f"{name} has the columns {' and '.join(header)}")


def _of_archive(file: Path) -> Iterator[Sign]:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            tables = [name for name in names if name.lower().endswith(".csv")]
            if any(re.fullmatch(r"(.*/)?annotations/[^/]+\.json", name) for name in names):
                yield Sign("cvat-coco", "it is a zip with annotations/*.json")
            if any(name.lower().endswith(".xml") for name in names):
                yield Sign("cvat", "it is a zip with an XML")
            if _ends_with(names, "labelmap.txt") and any("SegmentationClass/" in name for name in names):
                yield Sign("cvat-mask", "it is a zip with labelmap.txt and SegmentationClass")
            for name in tables[:20]:
                with archive.open(name) as table:
                    yield from _of_table(table.readline(HEAD), name)
    except Exception as error:  # zipfile raises whatever it comes across in damaged bytes
        raise DataError(f"{file} is no zip that can be read: {error}") from error


def _ends_with(names: Sequence[str], tail: str) -> bool:
    return any(name == tail or name.endswith(f"/{tail}") for name in names)
