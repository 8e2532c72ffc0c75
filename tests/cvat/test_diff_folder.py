"""A comparison replaces an earlier one, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.cvat.diff_folder import write_diff
from segloop.utils.errors import UserError
from tests.cvat.labels_made import compared


def test_writes_again_and_spares_what_is_not_its_own(tmp_path: Path) -> None:
    found = compared(tmp_path)
    page = write_diff(found, tmp_path / "out")
    first = page.read_bytes()
    assert write_diff(found, tmp_path / "out").read_bytes() == first
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="something else"):
        write_diff(found, tmp_path / "mine")
    with pytest.raises(UserError, match="is a file"):
        write_diff(found, tmp_path / "mine/notes.txt")
