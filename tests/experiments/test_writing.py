"""A folder that takes no file, or a disk that is full, is told in words before or while a run writes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from segloop.experiments.launch import Options, evaluate
from segloop.experiments.writing import full_disks, require_writable
from segloop.utils.errors import ConfigError, UserError


def test_a_folder_that_takes_no_file_is_refused_by_the_flag_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"The work_dir .*inside cannot be written: Not a .* --work-dir"):
        require_writable(tmp_path / "file/inside")
    with pytest.raises(ConfigError, match=r"The folder .*inside cannot be written: Not a .* --out"):
        require_writable(tmp_path / "file/inside", flag="--out")


def test_nothing_is_left_of_an_attempt(tmp_path: Path) -> None:
    require_writable(tmp_path / "a/b", keep=False)
    assert not (tmp_path / "a").exists()
    require_writable(tmp_path / "a/b")
    assert (tmp_path / "a/b").is_dir()


def test_a_test_asks_for_its_place_before_it_begins(
    tiny_trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, work = tiny_trained
    (tmp_path / "file").touch()
    monkeypatch.setattr("segloop.experiments.launch.check_data", lambda *_, **__: pytest.fail("too late"))
    options = Options(config=str(config), work_dir=str(tmp_path / "run"))
    with pytest.raises(ConfigError, match=r"file/masks cannot be written: .*Choose another with --out"):
        evaluate(options, checkpoint=str(work), out=str(tmp_path / "file/masks"))


def test_only_a_full_disk_is_told() -> None:
    told = r"No space left on device\. Make room, then test again"
    with pytest.raises(UserError, match=told), full_disks("test again"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(PermissionError), full_disks("test again"):
        raise PermissionError
