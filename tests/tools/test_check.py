"""The tool looks a set over from end to end, for a person and for CI."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from segloop.data.inspection import KINDS
from segloop.utils.cli import run
from tools.check import KINDS as TOLD
from tools.check import main


@dataclass(frozen=True)
class Done:
    """What a run of the tool left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Return what runs the tool in this process."""

    def run_tool(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["check.py", *words])
        with pytest.raises(SystemExit) as end:
            run(main)
        told = capsys.readouterr()
        return Done(int(end.value.code or 0), told.out, told.err)

    return run_tool


@pytest.fixture
def copied(tiny_root: Path, tmp_path: Path) -> Path:
    """Return a copy of a tiny demo set, to break."""
    return Path(shutil.copytree(tiny_root, tmp_path / "sea"))


def test_files_of_the_set_are_not_written_over(check, copied: Path, tmp_path: Path) -> None:
    file = copied / "dataset.json"
    before = file.read_bytes()
    for flag in ("--json", "--html", "--write-list"):
        done = check(str(copied), flag, str(file))
        assert done.returncode == 2
        assert f"{file} is a file of the set {copied}, which is only read" in done.stderr
    assert file.read_bytes() == before
    done = check(str(copied), "--json", str(tmp_path / "x"), "--html", str(tmp_path / "x"))
    assert "named for two things" in done.stderr
    done = check(str(copied), "--json", str(copied))
    assert "is a folder; name a file to write" in done.stderr


def test_findings_are_told_written_and_end_with_1(check, copied: Path, tmp_path: Path) -> None:
    image = next((copied / "img_dir" / "train").iterdir())
    shutil.copy(image, copied / "img_dir" / "val" / image.name)
    mask = image.with_suffix(".png").name
    shutil.copy(copied / "ann_dir" / "train" / mask, copied / "ann_dir" / "val" / mask)
    written = [str(tmp_path / name) for name in ("check.json", "check.html", "check.txt")]
    done = check(str(copied), "--json", written[0], "--html", written[1], "--write-list", written[2])
    assert done.returncode == 1, done.stderr
    assert "1 x pictures that are in several splits" in done.stdout
    told = json.loads(Path(written[0]).read_text())
    assert told["counts"]["leak"] == 1
    assert "data:image/jpeg" in Path(written[1]).read_text()
    assert image.stem in Path(written[2]).read_text().splitlines()


def test_kinds_may_be_skipped_and_a_set_without_findings_ends_with_0(check, copied: Path) -> None:
    doubts = ["blank", "unlabelled", "edges", "specks", "slivers", "holes", "copies"]
    done = check(str(copied), "--skip", *doubts[:3], "--skip", *doubts[3:])
    assert done.returncode == 0, done.stdout
    assert "Nothing was found. Not looked at: blank, unlabelled" in done.stdout


def test_a_set_that_cannot_be_opened_is_a_finding_and_a_wrong_command_a_mistake(check, copied: Path) -> None:
    (copied / "dataset.json").write_text('{"masks": 1}')
    done = check(str(copied), "--from", "mmseg")
    assert done.returncode == 1
    assert "dataset.json" in done.stdout
    done = check(str(copied), "--skip", "speks")
    assert done.returncode == 2
    assert "Did you mean 'specks'" in done.stderr
    done = check(str(copied), "--workers", "-1")
    assert done.returncode == 2
    assert "no fewer than 0" in done.stderr
    assert check("nowhere").returncode == 2
    assert check(str(copied), "--from", "mmseg", "--split", "nope").returncode == 2


def test_what_cannot_be_written_is_a_mistake(check, copied: Path, tmp_path: Path) -> None:
    done = check(str(copied), "--html", str(tmp_path))
    assert done.returncode == 2
    assert "is a folder; name a file" in done.stderr
    (tmp_path / "file").touch()
    done = check(str(copied), "--json", str(tmp_path / "file" / "found.json"))
    assert done.returncode == 2
    assert "What was found cannot be written" in done.stderr


def test_the_kinds_of_the_help_are_those_that_there_are() -> None:

    assert set(TOLD) == set(KINDS)
