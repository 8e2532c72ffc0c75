"""tools/collect.py from outside."""

import sys
from pathlib import Path

import pytest

from segloop.utils.errors import UserError
from tools import collect


def test_it_wants_to_know_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["collect.py", "run"])
    with pytest.raises(UserError, match="name a folder OUT"):
        collect.parse_args()


def test_a_place_that_takes_no_file_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "run/1/vis_data/scalars.json"
    log.parent.mkdir(parents=True)
    log.write_text('{"loss": 1.0, "lr": 0.1, "step": 1}\n')
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "argv", ["collect.py", str(tmp_path / "run"), str(tmp_path / "numbers")])
    with pytest.raises(UserError, match=r"run is no work_dir of a training: there is no whole train\.json"):
        collect.main()
    (tmp_path / "run/train.json").write_text("{}")
    for words in (["--copy", "file/in"], ["file"]):
        monkeypatch.setattr(sys, "argv", ["collect.py", "run", *words])
        monkeypatch.chdir(tmp_path)
        with pytest.raises(UserError, match=f"{words[-1]} cannot be written"):
            collect.main()
