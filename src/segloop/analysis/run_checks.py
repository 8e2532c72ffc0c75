"""Checks that the files of a RUN say what they should, before a number of a damaged one is believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from segloop.analysis.confusion_file import ConfusionFile
from segloop.utils.errors import FormatError, listing

if TYPE_CHECKING:
    import pandas as pd

META = ("format", "kind", "split", "finished", "files", "experiment", "data")
TYPES = {
    **dict.fromkeys(("experiment", "kind", "split", "finished"), (str, "a text")),
    **dict.fromkeys(("files", "classes", "command"), (list, "a list")),
    **dict.fromkeys(("data", "checkpoint"), (dict, "an object")),
}
IMAGES = ("image_id", "image", "truth", "height", "width", "sha256")
COUNTS = ("image_id", "class_index", "tp", "fp", "fn")
AGAIN = "test the checkpoint again"


def check_meta(meta: Any, path: Path) -> dict[str, Any]:
    """Return the record of a RUN, if it is one."""
    if not isinstance(meta, dict) or not {"format", "kind", "split", "finished", "files"} <= set(meta):
        raise FormatError("this is not the record of a RUN", file=path)
    lost = [name for name in META if name not in meta]
    if lost:
        raise FormatError(f"it lacks what a RUN must say, {', '.join(lost)}; {AGAIN}", file=path)
    for wrong in wrong_types(meta):
        raise FormatError(f"{wrong}; {AGAIN}", file=path)
    return meta


def wrong_types(meta: Mapping[str, Any]) -> Iterator[str]:
    """Say which values of a `meta.json` are of another type than those that tests write."""
    for name, (kind, words) in TYPES.items():
        value = meta.get(name)
        if name in meta and not isinstance(value, kind) and (value is not None or name in META):
            yield f"{name} is {type(value).__name__}, not {words}"


def check_scores(metrics: Any, path: Path) -> dict[str, Any]:
    """Return the content of `metrics.json`, if its scores are numbers or null."""
    if not isinstance(metrics, dict) or not isinstance(metrics.get("scores"), dict):
        raise FormatError(f"it holds no scores; {AGAIN}", file=path)
    wrong = [
        name
        for name, value in metrics["scores"].items()
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float))
    ]
    if wrong:
        raise FormatError(f"these scores are no numbers:\n{listing(wrong)}", file=path)
    return metrics


def check_images(table: pd.DataFrame, path: Path, *, tested: int | None) -> pd.DataFrame:
    """Return `images.csv`, if each image is there once, has a size, and all that were `tested` are there."""
    _require_columns(table, IMAGES, path)
    ids = table["image_id"]
    problems = [f"image {each!r} has more than one row" for each in sorted(set(ids[ids.duplicated()]))]
    problems += ["a row names no image"] if (ids == "").any() else []
    sizes = whole_numbers(table, ("height", "width"))
    unsized = np.flatnonzero((sizes <= 0).any(axis=1)).tolist()
    problems += [f"image {ids.iloc[place]!r} has no height and width" for place in unsized]
    if tested is not None and len(table) != tested:
        problems.append(f"{tested} images were tested, and {len(table)} are listed")
    if problems:
        raise FormatError(f"the table is damaged; {AGAIN}:\n{listing(problems)}", file=path)
    return table


def check_counts(table: pd.DataFrame, path: Path, *, confusion: ConfusionFile) -> pd.DataFrame:
    """Return `per_image.csv.gz` of a semantic RUN, if its counts are those of the confusion."""
    _require_columns(table, COUNTS, path)
    names = ("class_index", "tp", "fp", "fn")
    numbers = whole_numbers(table, names)
    wrong = np.flatnonzero((numbers < 0).any(axis=1) | (numbers[:, 0] >= confusion.num_classes))
    problems = [
        f"line {row + 2}: "
        + ", ".join(
            f"{name} {value}" for name, value in zip(names, table.iloc[row][list(names)], strict=True)
        )
        for row in wrong.tolist()
    ]
    if problems:
        raise FormatError(f"these are no counts of a class; {AGAIN}:\n{listing(problems)}", file=path)
    sums = np.zeros((3, confusion.num_classes), np.int64)
    np.add.at(sums.T, numbers[:, 0], numbers[:, 1:])
    total = confusion.total()
    right = total.diagonal()
    if not np.array_equal(sums, [right, total.sum(axis=0) - right, total.sum(axis=1) - right]) or (
        table.duplicated(["image_id", "class_index"]).any()
        or not set(table["image_id"]) <= set(confusion.image_ids)
    ):
        raise FormatError(f"its counts are not those of {confusion.path.name}; {AGAIN}", file=path)
    return table


def whole_numbers(table: pd.DataFrame, names: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Return columns as int64 [rows, columns]; what is no whole number from 0 to 2**53 becomes -1.

    >>> import pandas as pd
    >>> whole_numbers(pd.DataFrame({"tp": ["7", "nan", "1.5"]}), ("tp",)).ravel().tolist()
    [7, -1, -1]
    """
    import pandas as pd

    values = np.empty((len(table), len(names)), np.float64)
    for place, name in enumerate(names):
        values[:, place] = pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    with np.errstate(invalid="ignore"):
        good = (values >= 0) & (values <= 2**53) & (values == np.floor(values))
    return np.where(good, values, -1).astype(np.int64)


def _require_columns(table: pd.DataFrame, names: tuple[str, ...], path: Path) -> None:
    lost = [name for name in names if name not in table.columns]
    if lost:
        raise FormatError(f"it lacks the columns {', '.join(lost)}; {AGAIN}", file=path)
