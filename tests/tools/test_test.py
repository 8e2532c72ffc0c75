"""The testing tool: what it refuses before anything heavy happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.utils.cli import run
from tools import test as tool

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["configs/config_experiment_1.py", "--work-dir", "{tmp}"], "Train first"),
        (["configs/config_experiment_1.py", "{tmp}/none.pth"], "There is no checkpoint"),
        (["configs/config_experiment_1.py", "--splt", "val"], "Did you mean '--split'?"),
        (["configs/config_experiment_1.py", "--dry-run", "--launcher", "pytorch"], "leave out --launcher"),
    ],
)
def test_mistakes(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setattr("sys.argv", ["tools/test.py", *(word.format(tmp=tmp_path) for word in words)])
    with pytest.raises(SystemExit) as caught:
        run(tool.main)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
