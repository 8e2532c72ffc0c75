"""The merged config, printed or saved."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import print_config

REPOSITORY = Path(__file__).resolve().parents[2]


def test_prints_what_a_config_comes_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    config = str(REPOSITORY / "configs/config_experiment_1.py")
    words = ["print_config.py", config, "--cfg-options", "train_cfg.max_iters=123"]
    monkeypatch.setattr("sys.argv", words)
    assert print_config.main() == 0
    assert "max_iters=123" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", [*words, "--save-path", str(tmp_path / "flat.py")])
    assert print_config.main() == 0
    assert "max_iters=123" in (tmp_path / "flat.py").read_text()


def test_overrides_add_up(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    config = str(REPOSITORY / "configs/config_experiment_1.py")
    words = ["--cfg-options", "train_cfg.max_iters=123", "--cfg-options", "train_cfg.val_interval=45"]
    monkeypatch.setattr("sys.argv", ["print_config.py", config, *words])
    assert print_config.main() == 0
    printed = capsys.readouterr().out
    assert "max_iters=123" in printed
    assert "val_interval=45" in printed
