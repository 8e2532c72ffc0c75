"""`tools/doctor.py` works when most of the installation is missing, and leaves a machine-readable answer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def doctor(*args: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    """Run the tool from the checkout."""
    command = [python, "tools/doctor.py", *args]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)


def test_in_an_empty_environment_every_layer_is_told_and_one_command_mends_it(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False, symlinks=os.name != "nt")
    python = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = doctor(python=str(python))
    assert done.returncode == 1
    assert done.stderr == ""
    assert "✗ torch " in done.stdout
    assert re.search(r"^– mmdet +needs ops, pycocotools, scipy$", done.stdout, re.MULTILINE)
    assert done.stdout.count("pip install -r requirements.txt") == 1
    assert done.stdout.count("To mend ") == 1
    assert done.stdout.endswith("not healthy\n")


def test_a_remedy_that_fails_is_told_in_words(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False, symlinks=os.name != "nt")
    python = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = doctor("--fix", "--only", "python", python=str(python))
    assert done.returncode == 2
    assert "error: This failed, and cv2 is not mended:" in done.stderr
    assert "-m pip wheel" in done.stderr, "nothing was removed yet"
    assert "Traceback" not in done.stderr


def test_json_holds_the_findings() -> None:
    done = doctor("--json", "--only", "python", "--only", "numpy")
    answer = json.loads(done.stdout)
    assert done.returncode == 0
    assert answer["healthy"] is True
    assert [finding["layer"] for finding in answer["findings"]] == ["python", "numpy"]
    assert answer["findings"][1]["version"]


def test_quiet_says_nothing_when_all_is_well() -> None:
    done = doctor("--quiet", "--only", "python")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_unknown_layer_is_refused() -> None:
    done = doctor("--only", "mmdett")
    assert done.returncode == 2
    assert "mmdett" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_this_environment_is_healthy() -> None:
    done = doctor("--json")
    faults = [finding for finding in json.loads(done.stdout)["findings"] if finding["state"] == "fault"]
    assert faults == []
    assert done.returncode == 0
