"""Which checkpoint a run goes on from: the newest that is whole."""

from __future__ import annotations

import shlex
import zipfile
from collections.abc import Sequence
from pathlib import Path

from segloop.experiments.checkpoints import read_checkpoint
from segloop.experiments.records import TRAIN_FILE
from segloop.utils.atomic import read_record
from segloop.utils.checkpoint_files import (
    NOTE,
    last_checkpoint,
    noted_checkpoint,
    numbered_checkpoints,
    reached,
)
from segloop.utils.errors import ConfigError, listing
from segloop.utils.flags import without_resume


def newest_whole(work_dir: Path | str) -> tuple[Path | None, list[str]]:
    """Return the newest whole checkpoint of a run, and a line about each thing that is damaged.

    None if the run saved nothing; if all that it saved is damaged, that is an error.
    """
    newest, noted = last_checkpoint(work_dir), noted_checkpoint(work_dir)
    if newest is None:
        return None, []
    damaged: list[str] = []
    for path in [newest, *_before(newest)]:
        fault = damage(path)
        if fault is not None:
            damaged.append(f"{path} is damaged: {fault}.")
        elif path == noted or _is_of_this_run(path, Path(work_dir)):
            if noted is None:
                damaged.insert(0, f"{Path(work_dir) / NOTE} names no checkpoint that is there.")
            return path, damaged
    if not damaged:  # what is there was left by an earlier training, and this one has saved nothing yet
        return None, []
    raise ConfigError(f"No checkpoint in {work_dir} is whole:\n{listing(damaged)}")


def require_whole(path: Path) -> Path:
    """Return a checkpoint's path; refuse a damaged one and name the one before it."""
    with path.open("rb") as file:
        checked = file.read(4) == b"PK\x03\x04"  # torch's old format has no checksums
    fault = damage(path) if checked else None
    if fault is None:
        return path
    whole = next((other for other in _before(path) if damage(other) is None), None)
    hint = f" {whole} is whole." if whole else ""
    raise ConfigError(f"{path} is damaged: {fault}.{hint}")


def damage(path: Path) -> str | None:
    """Return what is wrong with a checkpoint file, or None if it is whole.

    torch writes a zip archive with a checksum for each tensor, but does not look at it when it loads.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except zipfile.BadZipFile as error:
        if "not a zip file" in str(error):
            return "its end is missing"
        return str(error)
    except Exception as error:  # zipfile answers a flipped bit with almost anything
        return f"it cannot be read ({type(error).__name__})"
    return f"the checksum of {broken} is wrong" if broken else None


def resume_command(command: Sequence[str], *, processes: int | None = None) -> str:
    """Return the command line that goes on with a training, in so many `processes` if torchrun started it.

    >>> resume_command(["tools/train.py", "--resume", "a.pth", "a config.py"])
    "python tools/train.py 'a config.py' --resume"
    """
    start = "python" if processes is None else f"torchrun --nproc_per_node={processes}"
    return f"{start} {shlex.join(without_resume(command))} --resume"


def _is_of_this_run(path: Path, work_dir: Path) -> bool:
    """Return whether a checkpoint was written in a session that the folder's record tells of.

    A training that was started anew in the folder of another must not go on from what that one left.
    """
    record = read_record(work_dir / TRAIN_FILE) or {}
    sessions = [str(each["log"]) for each in [*(record.get("earlier") or ()), record] if each.get("log")]
    try:
        meta = read_checkpoint(path).get("meta") or {}
    except ConfigError:  # whoever loads it will say why
        return True
    name = str(meta.get("experiment_name") or "")  # ends in the time at which the session was started
    return not sessions or not name or name.endswith(tuple(sessions))


def _before(path: Path) -> list[Path]:
    """Return the other checkpoints of the run, newest first, without those of an earlier, longer run."""
    kind, limit = reached(path)
    others = []
    for other in numbered_checkpoints(path.parent):
        its_kind, number = reached(other)
        if other != path and not (its_kind == kind and number > limit):
            others.append((other.stat().st_mtime, number, other))
    return [other for _, _, other in sorted(others, reverse=True)]
