"""Finds the newest checkpoint of a work_dir: the one that is noted, else the one that was written last."""

from __future__ import annotations

import re
from pathlib import Path

NOTE = "last_checkpoint"  # OpenMMLab's file with the path of the newest checkpoint


def last_checkpoint(work_dir: Path | str) -> Path | None:
    """Return the newest checkpoint of a run, or None where there is none."""
    return noted_checkpoint(work_dir) or newest_checkpoint(work_dir)


def noted_checkpoint(work_dir: Path | str) -> Path | None:
    """Return the checkpoint that `last_checkpoint` names, if both are there."""
    try:
        noted = Path((Path(work_dir) / NOTE).read_text(encoding="utf-8").strip())
        here = Path(work_dir) / noted.name  # the folder may have moved since
        return here if here.is_file() else noted if noted.is_file() else None
    except (OSError, ValueError):  # ValueError: bytes that are no text, or no path
        return None


def newest_checkpoint(work_dir: Path | str) -> Path | None:
    """Return the file of an iteration or epoch that was written last; an former run may have come further."""
    found = [(path.stat().st_mtime, reached(path)[1], path) for path in numbered_checkpoints(work_dir)]
    return max(found)[-1] if found else None


def numbered_checkpoints(work_dir: Path | str) -> list[Path]:
    """Return the files that are named after an iteration or an epoch."""
    folder = Path(work_dir)
    return [path for path in folder.glob("*.pth") if reached(path)[0] and path.is_file()]


def reached(path: Path) -> tuple[str, int]:
    """Return `iter` or `epoch` and the number in a checkpoint's name; nothing and 0 for another name.

    >>> reached(Path("iter_500.pth")), reached(Path("best_mIoU_iter_500.pth"))
    (('iter', 500), ('', 0))
    """
    match = re.fullmatch(r"(iter|epoch)_(\d+)\.pth", path.name)
    return (match[1], int(match[2])) if match else ("", 0)
