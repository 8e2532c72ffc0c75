"""The command that is told unpacks an archive."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

from data_converters.unpacking import unpack_command


def test_the_command_for_a_tar_makes_the_folder_that_it_unpacks_into(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("")
    with tarfile.open(tmp_path / "my set.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "a.jpg", "a.jpg")
    subprocess.run(unpack_command(tmp_path / "my set.tar.gz"), shell=True, check=True)
    assert (tmp_path / "my set/a.jpg").is_file()
    assert unpack_command(Path("set.7z")) == "7z x set.7z -oset"
    assert unpack_command(Path("set.rar")) == "unrar x set.rar set/"
