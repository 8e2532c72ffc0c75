"""A dry run has a process of its own: it may be killed, and is told of all the same."""

from __future__ import annotations

import signal
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from segloop.experiments.dry_run.command import dry_run, killed_row
from segloop.utils.errors import ConfigError
from tests.conftest import REPOSITORY

KILLER = """
import os, signal
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

@HOOKS.register_module()
class Killer(Hook):
    def before_train_iter(self, *args, **kwargs):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_one_process_is_tried() -> None:
    with pytest.raises(ConfigError, match="leave out --launcher"):
        dry_run("train", Namespace(launcher="pytorch"))


def test_a_fault_in_compiled_code_is_no_matter_of_memory() -> None:
    row = killed_row(signal.SIGSEGV, "validation")
    assert (row.name, "SIGSEGV" in row.text) == ("validation", True)


def test_the_process_that_waits_loads_nothing_heavy() -> None:
    module = "segloop.experiments.dry_run.command"
    code = f"import sys, {module}; sys.exit(len({{'torch', 'numpy', 'mmengine'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


def test_a_trial_that_the_system_kills_is_told_of(
    tiny_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "killer_hook.py").write_text(KILLER)
    tiny_config.write_text(
        tiny_config.read_text()
        + "custom_imports = dict(imports=['segloop.experiments.components', 'killer_hook'])\n"
        + "custom_hooks = [dict(type='Killer')]\n"
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    command = [sys.executable, str(REPOSITORY / "tools/train.py"), str(tiny_config), "--dry-run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 1, done.stderr
    assert "✓ classes" in done.stdout
    assert "✗ memory      the system killed the trial in training" in done.stdout
    assert "a smaller batch_size" in done.stdout
    assert "Not ready" in done.stdout or "would not get through" in done.stdout
    assert not list(temporary.iterdir())
    assert not (tmp_path / "work").exists()
