"""One process at a time; whoever comes second is told so, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.utils.errors import UserError
from segloop.utils.locks import alone_in


def test_a_second_one_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "loop"
    with alone_in(folder, "busy"), pytest.raises(UserError, match="busy"), alone_in(folder, "busy"):
        pass
    with alone_in(folder, "busy"):
        (folder / "kept").touch()
    assert (folder / "kept").exists()


def test_a_folder_that_stays_empty_is_removed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"), alone_in(tmp_path / "a" / "loop", "busy"):
        raise ValueError("broken")
    assert not (tmp_path / "a").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "loop"):
        with pytest.raises(UserError, match="cannot be made"), alone_in(folder, "busy"):
            pass
