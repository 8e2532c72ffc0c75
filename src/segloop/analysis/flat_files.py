"""The numbers of a training and its test as flat files, for what reads JSON and CSV: DVC, a spreadsheet."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segloop.analysis.runs import Run, list_runs, read_run
from segloop.utils.atomic import read_record, write_json, write_text
from segloop.utils.errors import UserError
from segloop.viz.curves import read_scalars

WEIGHTS = "*.pth"
ROWS = 1000  # of a class, in confusion.csv


def copy_run(source: Path, target: Path) -> None:
    """Copy a work_dir without its checkpoints: records, config, logs, and the RUNs of tests."""
    if not (source / "train.json").is_file():
        raise UserError(f"{source} is no work_dir of a training: there is no train.json in it.")
    if target.resolve().is_relative_to(source.resolve()):
        raise UserError(f"--copy {target} lies in {source} itself: name a folder outside of it.")
    shutil.copytree(
        source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(WEIGHTS, "last_checkpoint")
    )


def write_numbers(work_dir: Path, folder: Path) -> list[str]:
    """Write what there is of metrics.json, curves.csv, classes.csv and confusion.csv; return their names.

    `metrics.json` holds the scores of the newest RUN, fractions, and what the training took; `curves.csv` a
    row a logged step; `classes.csv` a row a class; `confusion.csv` a row for each of 1000 pixels of each true
    class with the class it was taken for: plots of a confusion count rows.
    """
    written = ["curves.csv"]
    lines = read_scalars(work_dir)
    record = read_record(work_dir / "train.json")
    if record is None:
        raise UserError(f"{work_dir} is no work_dir of a training: there is no whole train.json in it.")
    write_text(folder / "curves.csv", _table(_curves(lines)))
    numbers: dict[str, Any] = {
        "training": {
            "iterations": record.get("last_iter"),
            "memory_bytes": (record.get("peak_memory") or {}).get("process_bytes"),
            "images": record.get("images"),
        }
    }
    if list_runs(work_dir):
        run = read_run(work_dir)
        numbers[str(run.meta.get("split") or "test")] = plain_scores(run)
        write_text(folder / "classes.csv", _table(_classes(run)))
        written.append("classes.csv")
        write_text(folder / "confusion.csv", _table(_confusion(run)))
        written.append("confusion.csv")
    write_json(folder / "metrics.json", numbers)
    return ["metrics.json", *written]


def plain_scores(run: Run) -> dict[str, float]:
    """Return the scores of a RUN over the set that are numbers, in the order of their names."""
    return {
        name: round(float(run.scores[name]), 6)
        for name in sorted(run.scores)
        if np.isfinite(run.scores[name])
    }


def _curves(lines: Sequence[Mapping[str, Any]]) -> Iterable[Sequence[Any]]:
    """Yield a header and a row a step: the loss, the rate, and of validations the scores that are means."""
    scores = sorted({key for line in lines for key in line if _is_mean(key, line) and "lr" not in line})
    yield ["step", "loss", "lr", "val_loss", *scores]
    for line in lines:
        training = "lr" in line and "loss" in line
        own = [line.get("loss") if training else None, line.get("lr") if training else None]
        rest = [None if training else line.get(key) for key in ("val_loss", *scores)]
        yield [line["step"], *own, *rest]


def _is_mean(key: str, line: Mapping[str, Any]) -> bool:
    usual = key[:1].islower() or "/" in key
    return (
        usual and "." not in key and "loss" not in key and "time" not in key and isinstance(line[key], float)
    )


def _classes(run: Run) -> Iterable[Sequence[Any]]:
    """Yield a header and a row a class: every score that the RUN has of classes."""
    scores = run.scores
    # the name of a class may have dots, that of a score has none
    kinds = sorted({name.partition(".")[0] for name in scores if name.partition(".")[2] in run.class_names})
    yield ["class", *kinds]
    for name in run.class_names:
        values = [scores.get(f"{kind}.{name}", np.nan) for kind in kinds]
        yield [name, *(round(float(value), 6) if np.isfinite(value) else None for value in values)]


def _confusion(run: Run) -> Iterable[Sequence[Any]]:
    """Yield a header and rows of true and predicted names, as many as the thousandths of a class's pixels."""
    yield ["actual", "predicted"]
    if run.kind != "semantic":  # objects that are missed or made up are of no row
        return
    for truth, row in enumerate(run.confusion.total()):
        for pred, pixels in enumerate(row):
            for _ in range(round(ROWS * pixels / max(1, row.sum()))):
                yield [run.class_names[truth], run.class_names[pred]]


def _table(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
