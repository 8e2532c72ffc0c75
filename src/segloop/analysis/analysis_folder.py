"""Writes an analysis into `RUN/analysis`: numbers, tables, LIST files, pictures, and the page."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segloop.analysis.analyze import Analysis, plain
from segloop.analysis.cases import open_case, suspect_box
from segloop.analysis.instance_suspects import MEANING as MEANING_OF_OBJECTS
from segloop.analysis.ranking import order
from segloop.analysis.suspects import MEANING, Suspect, as_rows
from segloop.utils.atomic import write_json, write_text
from segloop.utils.errors import UserError
from segloop.utils.lists import list_line
from segloop.utils.staging import staged
from segloop.viz.analysis_page import analysis_page
from segloop.viz.error_pictures import contact_sheet, panel, strip, suspect_picture
from segloop.viz.page import write_page

ON_PAGE = 12  # pictures of a ranking
ON_SHEET = 200  # pictures of a ranking
IN_GROUP = 4  # pictures of a class or of a size of object
MOST_GROUPS = 24
MOST_SUSPECTS = 2000  # rows of suspects.csv
STRIP_SIDE, SHEET_SIDE = 220, 150  # pixels of a tile on the page, on a sheet
MOST_BOXES = 200  # of objects; each is looked up in its image
LONGEST = 200  # bytes of a name within a file's; disks take 255 of the whole
SCORES = {"semantic": "mDice_fg", "instance": "quality"}  # what images are ranked by
CLASS_SCORES = {"mDice_fg": "Dice", "quality": "quality"}
FILES: tuple[tuple[str, str], ...] = (
    ("analysis.json", "all numbers of this page, fractions"),
    ("images.csv", "every image: scores, cost, surprise, suspicion, looks; the worst first"),
    ("suspects.csv", "regions whose labels are suspect, ranked, with boxes"),
    ("lists/worst.txt", "LIST of the worst images"),
    ("lists/costly.txt", "LIST of the images that cost most"),
    ("lists/suspects.txt", "LIST of the images with suspect labels"),
    ("worst.jpg", "the worst images on one sheet"),
    ("best.jpg", "the best images on one sheet"),
)


def write_analysis(
    analysis: Analysis, *, topk: int = 20, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Write the folder, whole or not at all; return the page. `topk` is how many pictures a ranking gets."""
    target = analysis.run.folder / "analysis"
    try:
        with staged(target, replace=True) as folder:
            _write(folder, analysis, topk=topk, progress=progress)
    except OSError as error:
        raise UserError(f"{target} cannot be written: {error.strerror or error}.") from error
    return target / "index.html"


def _write(
    folder: Path, analysis: Analysis, *, topk: int, progress: Callable[[int, int], None] | None
) -> None:
    folder.mkdir()
    numbers = analysis.numbers
    write_json(folder / "analysis.json", numbers)
    write_text(folder / "images.csv", image_table(analysis))
    write_text(folder / "suspects.csv", suspect_table(analysis))
    for name, text in lists(analysis, topk=topk):
        write_text(folder / "lists" / f"{name}.txt", text)
    pictures = _draw(folder, analysis, topk=topk, progress=progress)
    files = [(name, told) for name, told in FILES if (folder / name).is_file()]
    write_page(folder / "index.html", analysis_page(numbers, pictures, files=files))


def image_table(analysis: Analysis) -> str:
    """Return `images.csv`: a row per image, the worst first, those without a score last."""
    columns = analysis.images
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    score = SCORES[analysis.run.kind]
    rows.sort(key=lambda row: (row[score] != row[score], row[score], row["image_id"]))
    return _table(
        [{"rank": rank, **plain(row)} for rank, row in enumerate(rows, start=1)], columns=["rank", *columns]
    )


def suspect_table(analysis: Analysis) -> str:
    """Return `suspects.csv`; the boxes of objects are looked up for the first ones alone."""
    rows = as_rows(analysis.suspects[:MOST_SUSPECTS], analysis.run.class_names)
    if analysis.run.kind == "instance":
        for place, row in enumerate(rows):
            box: Sequence[Any] = ("",) * 4
            if place < MOST_BOXES:
                box = suspect_box(analysis, analysis.suspects[place])
            row |= dict(zip(("left", "top", "right", "bottom"), box, strict=True))
    return _table(rows)


def told_of(suspect: Suspect, analysis: Analysis) -> str:
    """Say in words what is suspected of a region or an object."""
    texts = MEANING_OF_OBJECTS if analysis.run.kind == "instance" else MEANING
    names = analysis.run.class_names
    text = next(text for name, text in texts.values() if name == suspect.meaning)
    return text.format(
        truth=names[suspect.truth] if suspect.truth >= 0 else "nothing",
        pred=names[suspect.pred] if suspect.pred >= 0 else "nothing",
    )


def lists(analysis: Analysis, *, topk: int) -> Iterator[tuple[str, str]]:
    """Yield the LIST files: name and text; rankings of `topk` images, suspects once per image.

    Classes whose names are one as files, `c++` and `c#`, are told apart by a number.
    """
    run = analysis.run.name
    taken: set[str] = set()
    for key, found in analysis.numbers["rankings"].items():
        plain_name = re.sub(r"[^\w.-]+", "_", key.replace(":", "-"))
        plain_name = plain_name.encode()[:LONGEST].decode(errors="ignore")
        name, number = plain_name, 1
        while name.casefold() in taken:  # disks that ignore case are thought of
            number += 1
            name = f"{plain_name}-{number}"
        taken.add(name.casefold())
        ids = [each["image_id"] for each in found]
        if ids:
            yield name, _list_file(f"{run}: {key}, the first {len(ids)}", ids)
    ids = most_suspect(analysis)[:topk]
    if ids:
        yield "suspects", _list_file(f"{run}: labels to look at, the first {len(ids)} images", ids)


def most_suspect(analysis: Analysis) -> list[str]:
    """Return the images with suspect labels, the most suspect first."""
    ids = analysis.images["image_id"]
    values = np.array(analysis.images["suspicion"], np.float64)
    places = order(np.where(values > 0, values, np.nan), ids, descending=True)
    return [ids[place] for place in places.tolist()]


def _list_file(title: str, ids: Sequence[str]) -> str:
    first = " ".join(title.split())  # what is below it is read as an image
    return "".join(f"{line}\n" for line in (f"# {first}", *map(list_line, ids)))


def _table(rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str] = ()) -> str:
    text = io.StringIO()
    names = list(rows[0]) if rows else list(columns)
    table = csv.DictWriter(text, names, lineterminator="\n")
    table.writeheader()
    table.writerows({name: "" if value is None else value for name, value in row.items()} for row in rows)
    return text.getvalue()


def _draw(
    folder: Path, analysis: Analysis, *, topk: int, progress: Callable[[int, int], None] | None
) -> dict[str, list[tuple[np.ndarray, str]]]:
    """Draw the pictures that are shown, and no other; return those of the page, by ranking."""
    rankings = analysis.numbers["rankings"]
    wanted = {key: rankings[key][: topk if ":" not in key else IN_GROUP] for key in _shown(rankings)}
    marked = _one_each(analysis.suspects, topk)
    total, done = sum(map(len, wanted.values())) + len(marked), 0
    told = {row: dict(zip(analysis.images, values, strict=True)) for row, values in _by_id(analysis)}
    pictures: dict[str, list[tuple[np.ndarray, str]]] = {}
    for key, found in wanted.items():
        pictures[key], sheet = [], []
        for rank, each in enumerate(found, start=1):
            case = open_case(analysis, each["image_id"])
            text = _caption(key, rank, each, told[each["image_id"]])
            if ":" not in key:
                file = folder / key / f"{rank:03d}_{_file_name(each['image_id'])}.jpg"
                _save(file, panel(case, title=text))
                if rank <= ON_SHEET:
                    sheet.append(panel(case, title=text, side=SHEET_SIDE))
            if rank <= ON_PAGE:
                pictures[key].append((strip(case, side=STRIP_SIDE), text))
            done += 1
            if progress is not None:
                progress(done, total)
        if sheet:
            _save(folder / f"{key}.jpg", contact_sheet(sheet))
    pictures["suspects"] = []
    for rank, suspect in enumerate(marked, start=1):
        drawn = suspect_picture(open_case(analysis, suspect.image_id), suspect_box(analysis, suspect))
        text = f"{rank}. {suspect.image_id}, {suspect.meaning}: {told_of(suspect, analysis)}"
        _save(folder / "suspects" / f"{rank:03d}_{_file_name(suspect.image_id)}.jpg", drawn)
        if rank <= ON_PAGE:
            pictures["suspects"].append((drawn, text))
        done += 1
        if progress is not None:
            progress(done, total)
    return pictures


def _shown(rankings: Mapping[str, Any]) -> list[str]:
    """Return the rankings that are drawn: all of the set, and the first of classes and sizes."""
    groups = [key for key in rankings if ":" in key]
    return [key for key in rankings if ":" not in key] + groups[:MOST_GROUPS]


def _one_each(suspects: Sequence[Suspect], most: int) -> list[Suspect]:
    """Return the most suspect region of each image, the first so many."""
    firsts: dict[str, Suspect] = {}
    for each in suspects:
        firsts.setdefault(each.image_id, each)
        if len(firsts) == most:
            break
    return list(firsts.values())


def _caption(key: str, rank: int, each: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    def told(value: float) -> str:
        return "–" if value != value else f"{100 * value:.1f}"

    score = next(name for name in SCORES.values() if name in row)
    parts = [f"{rank}. {each['image_id']}", f"{score} {told(row[score])}"]
    kind, _, name = key.partition(":")
    if kind == "class":
        parts.append(f"{CLASS_SCORES[score]} of {name} {told(each['value'])}")
    elif kind == "size":
        parts.append(f"{told(each['value'])} % of {name} objects found")
    if row["cost"] == row["cost"]:
        parts.append(f"costs {100 * row['cost']:.2f}")
    if row["surprise"] == row["surprise"]:
        parts.append(f"surprise {100 * row['surprise']:.2f}")
    return ", ".join(parts)


def _by_id(analysis: Analysis) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for values in zip(*analysis.images.values(), strict=True):
        yield values[0], values


def _file_name(image_id: str) -> str:
    """Return an id as part of a file's name; of a long one, as of many folders, the end."""
    return image_id.replace("/", "_").encode()[-LONGEST:].decode(errors="ignore")


def _save(file: Path, image: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # the colours of errors are thin, and would run without full colour
    how = [
        cv2.IMWRITE_JPEG_QUALITY,
        90,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), how)
    if not done:  # no user can cause it
        raise ValueError(f"a picture of {image.shape} could not be encoded")
    file.write_bytes(data.tobytes())
