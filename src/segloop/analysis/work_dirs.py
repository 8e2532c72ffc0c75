"""Lists the trainings below a folder: state, progress, score, time, commit, and how to go on."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from segloop.utils.atomic import read_record
from segloop.utils.checkpoint_files import last_checkpoint
from segloop.utils.errors import UserError, nearest
from segloop.utils.flags import CONFIGS, without_resume
from segloop.utils.processes import is_alive, machine

DEEPEST = 4  # levels below the folder that is asked for
QUIET_S = 900  # a training of another machine that has been silent for so long is taken for dead
ENDS = {"killed": "was killed", "interrupted": "was interrupted", "failed": "failed"}
UNFINISHED = tuple(ENDS)
# What is used of a record; what is of another kind there, by a slip of a hand or a disk, counts as missing.
_NUMBER = (int, float)
KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("state", "started", "updated", "error", "best_checkpoint", "machine"), str),
    **dict.fromkeys(("process", "processes", "last_iter", "max_iters"), int),
    **dict.fromkeys(("best_score", "duration_s"), _NUMBER),
    "command": list,
    "earlier": list,
    "code": dict,
    "config": dict,
}


@dataclass(frozen=True, kw_only=True)
class Training:
    """What is known of one work_dir.

    `state` is `running`, `done`, `interrupted` (Ctrl-C), `failed`, `killed` (it says that it runs, and does
    not), or `unknown` where there is no `train.json`. `score` and `test_score` are percent, of `metric`;
    `test_split` is the split that the latter is of.
    """

    folder: Path
    state: str
    iteration: int | None = None
    max_iters: int | None = None
    metric: str | None = None
    score: float | None = None
    test_score: float | None = None
    test_split: str | None = None
    tests: int = 0
    duration_s: float | None = None
    updated: str | None = None
    commit: str | None = None
    error: str | None = None
    resume: str | None = None


def list_trainings(folders: Sequence[Path]) -> list[Training]:
    """Return the trainings at or below the folders, by path."""
    found: dict[Path, Training] = {}
    for folder in folders:
        if not folder.is_dir():
            there = [path.name for path in folder.parent.glob("*") if path.is_dir()]
            raise UserError(f"There is no folder {str(folder)!r}.{nearest(folder.name, there)}")
        for work_dir in _work_dirs(folder, depth=0):
            found.setdefault(work_dir.resolve(), read_training(work_dir))
    return sorted(found.values(), key=lambda training: training.folder.parts)


def read_training(folder: Path) -> Training:
    """Return what a work_dir says of its training; damaged records count as none."""
    record = _usable(read_record(folder / "train.json"))
    metas = [path for path in (folder / "test").glob("[!.]*/meta.json") if path.is_file()]
    runs = sorted(metas, key=lambda path: path.stat().st_mtime)
    common: dict[str, Any] = {"folder": folder, "tests": len(runs)}
    if record is None:
        return Training(state="unknown", **common)
    state = _state(record, folder)
    code = record.get("code") or {}
    commit = code.get("commit") if isinstance(code.get("commit"), str) else None
    metric = re.fullmatch(r"best_(.+)_(?:iter|epoch)_\d+\.pth", record.get("best_checkpoint") or "")
    sessions = [_usable(session) or {} for session in record.get("earlier") or ()]
    earlier = [session.get("duration_s") or 0.0 for session in sessions]
    test_score, test_split = _test_score(runs, metric[1] if metric else None)
    updated = _seconds(record.get("updated"))
    # by the files alone: those of a copy are all younger than what the record says
    since = _last_sign(folder) - (folder / "train.json").stat().st_mtime
    unrecorded = since if state in ("running", "killed") and updated else 0.0
    return Training(
        state=state,
        iteration=_last_iter(record, folder),
        max_iters=record.get("max_iters"),
        metric=metric[1] if metric else None,
        score=record.get("best_score"),
        test_score=test_score,
        test_split=test_split,
        duration_s=round(sum(earlier, record.get("duration_s") or 0.0) + unrecorded, 3),
        updated=_utc(updated + unrecorded) if updated else None,
        commit=commit[:7] + ("+" if code.get("dirty") else "") if commit else None,
        error=record.get("error"),
        resume=resume_command(record, folder) if state in UNFINISHED else None,
        **common,
    )


def resume_command(record: dict[str, Any], folder: Path) -> str:
    """Return the command that goes on with a training; one that left no checkpoint starts again.

    It is the command that started it. Where that was no tool of ours, or its config is not here any more,
    the config that lies in the work_dir takes its place.
    """
    words = without_resume([_expand(word) for word in record.get("command") or () if isinstance(word, str)])
    config = next((word for word in words[1:] if word.endswith(CONFIGS) and "=" not in word), None)
    if not words or Path(words[0]).name != "train.py" or config is None or not Path(config).is_file():
        recorded = (record.get("config") or {}).get("file")  # another training may have left its own
        own = [folder / recorded] if isinstance(recorded, str) else sorted(folder.glob("*.py"))
        words, config = ["tools/train.py", str(own[0] if own else "CONFIG")], None
    given = {word.partition("=")[0] for word in words}
    if "--work-dir" not in given and (
        config is None or folder.resolve() != Path("work_dirs", Path(config).stem).resolve()
    ):
        words += ["--work-dir", str(folder)]
    if last_checkpoint(folder):
        words.append("--resume")
    several = "--launcher" in given and (record.get("processes") or 1) > 1
    start = ["torchrun", f"--nproc_per_node={record['processes']}"] if several else ["python"]
    return shlex.join([*start, *words])


def table(trainings: Sequence[Training]) -> str:
    """Return the trainings as aligned columns, and below it how to go on with those that are not done."""
    head = ("run", "state", "iteration", "score", "test", "tests", "time", "last seen (UTC)", "commit")
    rows = [head, *(_row(training) for training in trainings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    for training in trainings:
        if training.resume:
            first = (training.error or "").partition("\n")[0]
            reason = f" ({first if len(first) <= 100 else first[:99] + '…'})" if first else ""
            lines += [
                "",
                f"{_shown(training.folder)} {ENDS[training.state]}{reason}. To go on:",
                f"  {training.resume}",
            ]
    return "\n".join(lines)


def _row(training: Training) -> tuple[str, ...]:
    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.2f}"

    progress = "–"
    if training.iteration is not None:
        progress = (
            f"{training.iteration}/{training.max_iters}" if training.max_iters else str(training.iteration)
        )
    minutes, seconds = divmod(round(training.duration_s or 0), 60)
    return (
        _shown(training.folder),
        training.state,
        progress,
        f"{training.metric} {number(training.score)}" if training.metric else number(training.score),
        number(training.test_score)
        + ("" if training.test_split in (None, "test") else f" ({training.test_split})"),
        str(training.tests),
        "–" if training.duration_s is None else f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}",
        (training.updated or "–").replace("T", " ").rstrip("Z"),
        training.commit or "–",
    )


def _usable(record: Any) -> dict[str, Any] | None:
    """Return a record without values of another kind than theirs; None for what is no record."""
    if not isinstance(record, dict):
        return None
    return {key: value for key, value in record.items() if key not in KINDS or _is(value, KINDS[key])}


def _is(value: Any, kind: type | tuple[type, ...]) -> bool:
    if kind in (int, _NUMBER):
        return isinstance(value, kind) and not isinstance(value, bool) and abs(value) < 1e15
    return isinstance(value, kind)


def _shown(folder: Path) -> str:
    return folder.as_posix() if folder.as_posix().isprintable() else repr(folder.as_posix())


def _work_dirs(folder: Path, *, depth: int) -> Iterator[Path]:
    try:
        names = {entry.name: entry for entry in os.scandir(folder)}
    except OSError:  # a folder that may not be looked into, or was removed just now
        return
    if "train.json" in names or "last_checkpoint" in names:
        yield folder  # what lies below are logs and tests
    elif depth < DEEPEST:
        for name in sorted(names):
            if names[name].is_dir() and not name.startswith("."):
                yield from _work_dirs(folder / name, depth=depth + 1)


def _state(record: dict[str, Any], folder: Path) -> str:
    state = str(record.get("state") or "unknown")
    if state != "running":
        return state
    if record.get("machine") in (None, machine()):
        process = record.get("process")
        alive = isinstance(process, int) and is_alive(process, noted=_seconds(record.get("started")))
    else:  # another machine, or this one before it was started anew: its files tell
        alive = time.time() - _last_sign(folder) < QUIET_S
    return "running" if alive else "killed"


def _last_sign(folder: Path) -> float:
    """Return when a training last wrote to its record or its log (seconds, epoch)."""
    return max(path.stat().st_mtime for path in (folder / "train.json", *_scalars(folder)))


def _last_iter(record: dict[str, Any], folder: Path) -> int | None:
    """Return how far the training came: the record knows the last validation, the log the last line."""
    noted = [record.get("last_iter")]
    for path in _scalars(folder)[-1:] if record.get("state") != "done" else ():
        noted += [line.get("iter") for line in _last_lines(path)]
    return max((value for value in noted if isinstance(value, int)), default=None)


def _last_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 8192))
        text = file.read().decode("utf-8", "replace")
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:  # the first line is cut off, the last one may be
            continue
        if isinstance(value, dict):
            yield value


def _scalars(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*/vis_data/scalars.json") if path.is_file())


def _test_score(metas: Sequence[Path], metric: str | None) -> tuple[float | None, str | None]:
    """Return the score of the newest test and its split; those of the test split come before others."""
    newest = [(_split(meta), meta) for meta in reversed(metas)]
    for split, meta in sorted(newest, key=lambda each: each[0] != "test"):
        scores = (read_record(meta.with_name("metrics.json")) or {}).get("scores")
        for name, value in scores.items() if isinstance(scores, dict) else ():
            # the name of a checkpoint has no slash: best_ships_Dice_iter_500.pth
            if name.replace("/", "_") == metric and isinstance(value, int | float):
                return 100 * value, split
    return None, None


def _split(meta: Path) -> str | None:
    split = (read_record(meta) or {}).get("split")
    return split if isinstance(split, str) else None


def _expand(word: str) -> str:
    option, equals, value = word.rpartition("=")
    home = Path(value).expanduser() if value.startswith("~/") else value  # quoted, a shell would not do it
    return f"{option}{equals}{home}"


def _seconds(text: str | None) -> float | None:
    try:
        noted = datetime.strptime(text or "", "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None
    return noted.replace(tzinfo=timezone.utc).timestamp()


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
