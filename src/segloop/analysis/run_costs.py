"""What a tested model costs: size, FLOPs, memory, training time, time to each score, inference time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segloop.analysis.comparison_notes import with_tta
from segloop.analysis.run_checks import wrong_types
from segloop.analysis.runs import Run, list_runs
from segloop.utils.atomic import read_record
from segloop.utils.errors import DataError
from segloop.viz.curves import read_scalars

RULES: dict[str, str] = {
    "flops": (
        "FLOPs of the inference pass for one input of the size given; a multiplication and its addition are "
        "two. Operators that were not counted are named in model.json."
    ),
    "time to score": (
        "Minutes of training, validations not counted, until a validation first reached the score; a score "
        "is reached between two validations, so it is as fine as they are frequent."
    ),
    "inference": (
        "Seconds an image from a loaded batch to masks of the picture's own size, warm-up left out, out of "
        "timing.json of this test and of other tests of the same checkpoint, those with --tta apart."
    ),
}
Curve = list[list[float]]  # step, minutes of training, value


def costs(run: Run) -> dict[str, Any]:
    """Return what is recorded of a RUN's costs, None where nothing is; times in seconds, sizes in bytes."""
    work_dir = run.training
    model = read_record(work_dir / "model.json") or {}
    training = read_record(work_dir / "train.json") or {}
    test_memory = run.meta.get("peak_memory") or {}
    memory = training.get("peak_memory") or {}
    checkpoint = run.work_dir / str((run.meta.get("checkpoint") or {}).get("file") or "?")
    return {
        "parameters": model.get("parameters"),
        "trainable": model.get("trainable"),
        "model_bytes": model.get("bytes"),
        "checkpoint_bytes": checkpoint.stat().st_size if checkpoint.is_file() else None,
        "exported_bytes": _size(checkpoint.with_suffix(".onnx")),
        "flops": model.get("flops"),
        "input_chw": model.get("input_chw"),
        "flops_not_counted": sorted(model.get("not_counted") or ()),
        "train_memory": {name: memory.get(name) for name in ("process_bytes", "gpu_bytes")},
        "test_memory": {name: test_memory.get(name) for name in ("process_bytes", "gpu_bytes")},
        "train_s": seconds(training, "train_s"),
        "val_s": seconds(training, "val_s"),
        "iterations": training.get("last_iter"),
        "batch_size": training.get("batch_size"),
        "train_images": training.get("images"),
        "seed": training.get("seed"),
        "train_hardware": hardware(training.get("hardware")),
        "test_hardware": hardware(run.meta.get("hardware")),
        "inference": inference(run),
    }


def inference(run: Run) -> dict[str, Any]:
    """Return the times of this test, of batches of one, and of the fastest batch, where they are recorded."""
    own = _timing(run.folder)
    digest = (run.meta.get("checkpoint") or {}).get("sha256")
    told = {"this": own, "one": None, "best": None}
    others = [own] if own else []
    for folder in list_runs(run.work_dir) if digest else ():
        meta = read_record(folder / "meta.json") or {}
        if any(wrong_types(meta)):
            continue
        same = (meta.get("checkpoint") or {}).get("sha256") == digest
        same = same and with_tta(Run(folder, meta)) == with_tta(run)  # each view takes its time
        timing = _timing(folder) if same and folder.resolve() != run.folder.resolve() else None
        if timing and own and timing["under"] == own["under"]:
            others.append(timing)
    singles = [each for each in others if each["batch_size"] == 1]
    told["one"] = singles[0] if singles else None
    if len({each["batch_size"] for each in others}) > 1:
        told["best"] = min(others, key=lambda each: each["median"])
    return told


def curves(run: Run) -> dict[str, Curve]:
    """Return losses and scores (percent, as logged) by step and minutes of training; empty without a log."""
    try:
        lines = read_scalars(run.training)
    except DataError:
        return {}
    found: dict[str, Curve] = {}
    minutes, last = 0.0, 0
    for line in lines:
        step = line["step"]
        if "lr" in line and "loss" in line:
            minutes += float(line.get("time") or 0) * (step - last) / 60
            last = step
            found.setdefault("loss", []).append([step, minutes, line["loss"]])
            continue
        for key, value in line.items():
            if isinstance(value, int | float) and key not in ("step", "time", "data_time", "memory"):
                found.setdefault(key, []).append([step, minutes, value])
    return found


def score_levels(curves_of: Sequence[Curve], *, most: int = 6) -> list[float]:
    """Return scores in percent to ask the time of: round ones that some run reached, the highest of them.

    >>> score_levels([[[100, 1.0, 41.0], [200, 2.0, 67.0]]])
    [30.0, 40.0, 50.0, 60.0]
    """
    best = max((point[2] for curve in curves_of for point in curve), default=0.0)
    steps = [10.0 * level for level in range(1, 10)] + [92.0, 94.0, 96.0, 98.0]
    reached = [level for level in steps if level <= best]
    first = min((curve[0][2] for curve in curves_of if curve), default=0.0)
    worth = [level for level in reached if level > first / 2] or reached
    return worth[-most:]


def minutes_to(curve: Curve, level: float) -> float | None:
    """Return the minutes of training until a score was first reached, None if it never was.

    >>> minutes_to([[100, 1.0, 41.0], [200, 2.0, 67.0]], 60)
    2.0
    """
    return next((minutes for _, minutes, value in curve if value >= level), None)


def hardware(record: Any) -> str | None:
    """Return a machine in a few words; None where nothing is recorded."""
    if not isinstance(record, dict):
        return None
    parts = [str(record.get("gpu") or record.get("cpu") or "unknown processor")]
    if not record.get("gpu"):
        parts += [_counted(record.get(f"{what}s"), what) for what in ("thread", "core")]
    return ", ".join(parts)


def _counted(number: Any, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _timing(folder: Path) -> dict[str, Any] | None:
    record = read_record(folder / "timing.json") or {}
    seconds = record.get("seconds_per_image")
    if not isinstance(seconds, dict) or not seconds.get("median"):
        return None
    processes = record.get("processes")
    parts = (
        _counted(record.get("threads"), "thread"),
        f"{processes} process{'' if processes == 1 else 'es'}",
    )
    return {
        "median": seconds["median"],
        "p95": seconds.get("p95"),
        "batch_size": record.get("batch_size"),
        "images": record.get("images"),
        "under": ", ".join([str(record.get("device")), *parts]),
    }


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def seconds(training: Mapping[str, Any], key: str) -> float | None:
    """Return `train_s` or `val_s` of all starts of a training, resumed ones too; None if one is not known.

    One that was killed wrote its time down at its last sign of life, which may be long before its end.
    """
    earlier = [each for each in training.get("earlier") or () if isinstance(each, dict)]
    if any(each.get("state") == "running" for each in earlier):
        return None
    starts = [training, *earlier]
    known = [each[key] for each in starts if isinstance(each.get(key), int | float)]
    return float(sum(known)) if len(known) == len(starts) else None
