"""The tool draws batches and says where they are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from segloop.utils.cli import run
from tools.browse import main


def browsed(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run the tool in this process and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["browse.py", *words])
    with pytest.raises(SystemExit) as end:
        run(main)
    return int(end.value.code or 0)


def test_batches_are_drawn_into_the_work_dir(
    tiny_config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert browsed(monkeypatch, str(tiny_config), "--count", "1", "--split", "val") == 0
    folder = tiny_config.parent / "work" / "browse" / "val"
    assert f"Look at {folder / 'index.html'}" in capsys.readouterr().out
    assert (folder / "000-00.png").is_file()


def test_a_wrong_command_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert browsed(monkeypatch, "configs/config_experiment_1.py", "--count", "0") == 2
    assert "at least 1 batch" in capsys.readouterr().err
    assert browsed(monkeypatch, "configs/config_experimnt_1.py") == 2
    assert "Did you mean" in capsys.readouterr().err


def test_the_images_of_a_list(
    tiny_config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "list.txt").write_text("# worst\nval_0001\ntrain_0000\n")
    files = "--list", str(tmp_path / "list.txt"), "--out", str(tmp_path / "o")
    words = str(tiny_config), "--split", "val", *files
    assert browsed(monkeypatch, *words) == 0
    assert [file.name for file in (tmp_path / "o").glob("*.png")] == ["000-00.png"]
    assert "1 image(s) of the LIST are not in split val, first train_0000" in capsys.readouterr().out
    (tmp_path / "list.txt").write_text("# nothing\n")
    assert browsed(monkeypatch, *words) == 2
    assert "names no image" in capsys.readouterr().err
