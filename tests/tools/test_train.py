"""The training tool from the command line: the whole way once, and mistakes that cost one message."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def tool(name: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a tool as a user does."""
    command = [sys.executable, str(REPOSITORY / "tools" / f"{name}.py"), *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=280, check=False)


def test_trains_and_tests_and_says_where_things_are(tiny_config: Path, tmp_path: Path) -> None:
    trained = tool("train", "--resume", str(tiny_config), "--device", "cpu", "--seed", "3", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert "Nothing to resume" in trained.stderr
    assert "Next: python tools/test.py" in trained.stdout
    assert "Iter(train) [1/2]" in trained.stdout
    for noise in ("Warning", "OneDL", "Config:", "System environment", "mmengine - INFO"):
        assert noise not in trained.stdout + trained.stderr
    tested = tool("test", str(tiny_config), cwd=tmp_path)
    assert tested.returncode == 0, tested.stderr
    assert "mDice" in tested.stdout
    assert "The RUN is in " in tested.stdout
    assert (tmp_path / "work/test/test-best_mDice_fg_iter_2/meta.json").is_file()


def test_a_dry_run_leaves_nothing_and_tells_what_the_run_takes(tiny_config: Path, tmp_path: Path) -> None:
    tried = tool("train", str(tiny_config), "--dry-run", cwd=tmp_path)
    assert tried.returncode == 0, tried.stderr
    assert tried.stdout.endswith("Ready: this training will start and reach its first validation.\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "tiny_experiment.py"]
    told = re.search(r"^✓ memory +([\d.]+) ([MG])B", tried.stdout, re.MULTILINE)
    assert told
    assert tool("train", str(tiny_config), cwd=tmp_path).returncode == 0
    taken = json.loads((tmp_path / "work/train.json").read_text())["peak_memory"]["process_bytes"]
    assert 0.7 < float(told[1]) * {"M": 1e6, "G": 1e9}[told[2]] / taken < 1.5, (told[1], taken)


def test_a_dry_run_of_a_mistake_ends_as_the_run_would(tiny_config: Path, tmp_path: Path) -> None:
    words = ("train", str(tiny_config), "--cfg-options", "model.backbone.chanels=[4,8]")
    tried, real = tool(*words, "--dry-run", cwd=tmp_path), tool(*words, cwd=tmp_path)
    assert tried.returncode == real.returncode == 2
    assert tried.stderr == real.stderr
    assert "Did you mean 'channels'?" in real.stderr


def test_mistakes_cost_one_message_and_exit_code_2(tmp_path: Path) -> None:
    for words, message in (
        (["configs/config_experment_1.py"], "Did you mean"),
        (["configs/config_experiment_1.py", "--resmue"], "Did you mean '--resume'?"),
        ([], "name a config"),
        (["configs/config_experiment_1.py", "--dryrun"], "Did you mean '--dry-run'?"),
        (["configs/config_experiment_1.py", "--dry-run", "--launcher", "pytorch"], "leave out --launcher"),
        (["configs/config_experiment_1.py", "--launcher", "pytorch"], "torchrun --nproc_per_node=2 "),
    ):
        done = tool("train", *words, cwd=REPOSITORY)
        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr
