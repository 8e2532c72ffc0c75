"""The tool converts a real set from end to end and says what was lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def convert(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "convert.py"), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)


def test_a_mistake_costs_one_line_and_the_code_two(tmp_path: Path) -> None:
    done = convert(str(tmp_path / "none"), str(tmp_path / "out"), "--to", "coco")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {tmp_path / 'none'} does not exist.\n"
