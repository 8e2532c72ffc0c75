"""Holds a submission to its sample: the same images, in its order, and masks that the competition takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from data_converters.airbus import COLUMNS as SHIPS
from data_converters.run_csv import split_row
from data_converters.run_writer import field
from segloop.data import masks
from segloop.data.annotations import ImageRecord, SizeHW
from segloop.utils.errors import DataError, FormatError, UserError, listing


@dataclass(frozen=True)
class Competition:
    """The columns of a competition's CSV, whether images are named with their suffix, and how runs go."""

    columns: tuple[str, str]
    suffixed: bool
    order: masks.Order


COMPETITIONS = {
    "airbus": Competition(SHIPS, suffixed=True, order="columns"),
    "sartorius": Competition(("id", "predicted"), suffixed=False, order="rows"),
}


def name_in(form: str, image: ImageRecord) -> str:
    """Return how a competition's CSV names an image."""
    return image.name if COMPETITIONS[form].suffixed else image.image_id.rpartition("/")[2]


def read_sample(file: Path, *, form: str) -> list[str]:
    """Return the names of a sample submission's images, each once, in its order."""
    if form not in COMPETITIONS:
        raise UserError(f"--sample-submission goes with --to {' or '.join(COMPETITIONS)}, not with {form}.")
    column = COMPETITIONS[form].columns[0]
    names = dict.fromkeys(name for name, _ in _rows(file, form, named_only=True))
    if not names:
        raise FormatError(f"there is no image in its column {column}", file=file)
    return list(names)


def in_order(images: Sequence[ImageRecord], names: Sequence[str], *, form: str) -> list[ImageRecord]:
    """Return the images that a sample names, in its order; images that are missing are told together.

    Images that the sample does not name have no place in a submission and are left out.
    """
    known = _by_name(images, form=form)
    missing = [name for name in names if name not in known]
    if missing:
        raise DataError(
            f"{len(missing)} of the {len(names)} images of the sample submission are not among the inputs:\n"
            f"{listing(missing)}"
        )
    return [known[name] for name in names]


def check_names(images: Sequence[ImageRecord], *, form: str) -> None:
    """Refuse images that are one by their names in a competition's CSV, and names that no row can hold."""
    for name in _by_name(images, form=form):
        field(name)


def _by_name(images: Sequence[ImageRecord], *, form: str) -> dict[str, ImageRecord]:
    known: dict[str, ImageRecord] = {}
    for image in images:
        other = known.setdefault(name_in(form, image), image)
        if other is not image:
            raise DataError(f"{other.file} and {image.file} would be one image in the CSV of {form}.")
    return known


def check_submission(
    file: Path, names: Sequence[str], *, form: str, sizes: Mapping[str, SizeHW | None]
) -> None:
    """Read a finished CSV as the competition does, and refuse what it would refuse, all of it together.

    Each image has to be there, in order and in one block; runs lie inside the image, in order, and no pixel
    is set twice in an image. `sizes` are those of the images by name.
    """
    faults: list[str] = []
    found = []
    for name, rows in groupby(_rows(file, form), key=lambda row: row[0]):
        found.append(name)
        faults += [f"{name}: {fault}" for fault in _faults([text for _, text in rows], sizes.get(name), form)]
    if found != list(names):
        lost, extra = sorted({*names} - {*found}), sorted({*found} - {*names})
        faults += [f"{each}: is not there" for each in lost] + [f"{each}: is not asked for" for each in extra]
        if not lost and not extra:
            faults.append("the images are not in the order of the sample, or one of them has several blocks")
    if faults:
        raise FormatError(
            f"{len(faults)} fault(s), so it is no submission\n{listing(faults)}", file=file.name
        )


def _faults(texts: Sequence[str], size_hw: SizeHW | None, form: str) -> Iterator[str]:
    filled = [text for text in texts if text.strip()]
    if len(filled) < len(texts) and len(texts) > 1:
        yield "an empty row beside others"
    if not filled:
        return
    if size_hw is None:
        yield "has runs, and its size is not known"
        return
    total = size_hw[0] * size_hw[1]
    taken: list[np.ndarray] = []
    for text in filled:
        try:
            numbers = np.array(text.split(), np.int64)
        except (ValueError, OverflowError):
            yield f"runs are numbers, not {text[:30]!r}"
            return
        starts, lengths = numbers[0::2], numbers[1::2]
        if len(numbers) % 2 or (lengths < 1).any() or (starts < 1).any():
            yield "runs are pairs of a start from 1 and a length from 1"
            return
        ends = starts + lengths - 1
        if (starts[1:] <= ends[:-1]).any():
            yield "the runs of a row are not in order, or share pixels"
        if ends.max() > total:
            yield f"a run ends at pixel {int(ends.max())} of {total}"
        taken.append(np.stack([starts, ends]))
    every = np.concatenate(taken, axis=1)
    every = every[:, np.argsort(every[0], kind="stable")]
    if (every[0, 1:] <= every[1, :-1]).any():
        yield "two of its objects share pixels"


def _rows(file: Path, form: str, *, named_only: bool = False) -> Iterator[tuple[str, str]]:
    """Yield names and runs, row by row; with `named_only` there need be no runs."""
    columns = COMPETITIONS[form].columns
    try:
        with file.open(encoding="utf-8-sig") as opened:
            header = _fields(next(opened, "")) or []
            needed = columns[:1] if named_only else columns
            if lacking := [column for column in needed if column not in header]:
                raise FormatError(f"there is no column {' or '.join(lacking)}", file=file, where="line 1")
            for number, line in enumerate(opened, 2):
                if not line.strip():
                    continue
                if (fields := _fields(line)) is None:
                    raise FormatError("a quoted field does not end", file=file, where=f"line {number}")
                row = dict(zip(header, fields, strict=False))
                yield row.get(columns[0], ""), row.get(columns[1], "")
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(
            f"cannot be read: {getattr(error, 'strerror', None) or error}", file=file
        ) from error


def _fields(line: str) -> list[str] | None:
    fields = split_row(line.encode(), b",")
    return None if fields is None else [field.decode() for field in fields]
