"""The newest checkpoint is found by its note, and where the note is of no use, by its file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from segloop.utils.checkpoint_files import last_checkpoint, noted_checkpoint


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    """A run of two checkpoints beside one of an earlier, longer run."""
    for age, name in enumerate(("iter_900", "iter_2", "iter_4", "best_mIoU_iter_4")):
        path = tmp_path / f"{name}.pth"
        path.touch()
        os.utime(path, (1000 + age, 1000 + age))
    return tmp_path


def test_the_note_counts_also_after_a_move(work_dir: Path, tmp_path: Path) -> None:
    (work_dir / "last_checkpoint").write_text("/elsewhere/iter_2.pth\n")
    assert last_checkpoint(work_dir) == work_dir / "iter_2.pth"
    (tmp_path / "other").mkdir()
    (tmp_path / "other/last_checkpoint").write_text(str(work_dir / "iter_2.pth"))
    assert last_checkpoint(tmp_path / "other") == work_dir / "iter_2.pth"


@pytest.mark.parametrize("note", [None, b"", b"iter_7.pth", b"\xff\xfe", b"a\0b", b"x" * 5000])
def test_without_a_usable_note_the_newest_file_counts(note: bytes | None, work_dir: Path) -> None:
    if note is not None:
        (work_dir / "last_checkpoint").write_bytes(note)
    assert noted_checkpoint(work_dir) is None
    assert last_checkpoint(work_dir) == work_dir / "iter_4.pth"
    assert last_checkpoint(work_dir / "none") is None
