"""The list of runs, as a person and as a program read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from segloop.utils.cli import run
from tools import runs as tool


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run the tool in this process and return its exit code."""
    monkeypatch.setattr("sys.argv", ["tools/runs.py", *words])
    with pytest.raises(SystemExit) as caught:
        run(tool.main)
    return caught.value.code


def test_lists_filters_and_speaks_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, state in (("a", "done"), ("b", "interrupted")):
        Path("work_dirs", name).mkdir(parents=True)
        Path("work_dirs", name, "train.json").write_text(json.dumps({"state": state}))
    assert call(monkeypatch) == 0
    text = capsys.readouterr().out
    assert "work_dirs/a" in text
    assert "work_dirs/b was interrupted. To go on:" in text
    assert call(monkeypatch, "--unfinished", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["folder"], row["state"]) == ("work_dirs/b", "interrupted")
    assert call(monkeypatch, "work_dirs/a", "--unfinished") == 0
    assert capsys.readouterr().out == "There are no such trainings.\n"
    assert call(monkeypatch, "nowhere") == 2
    assert "There is no folder 'nowhere'" in capsys.readouterr().err
