"""The tool serves an exported model without torch until it is told to end, and leaves nothing behind."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segloop.utils.cli import run
from tools.serve import main

ROOT = Path(__file__).resolve().parents[2]


def test_an_exported_model_is_served_until_sigterm(
    tiny_onnx: Path, tiny_master: Path, tmp_path: Path
) -> None:
    httpx = pytest.importorskip("httpx", reason="needs: pip install -r requirements/dev.txt")
    for package in ("fastapi", "uvicorn"):
        pytest.importorskip(package, reason="needs: pip install -r requirements/dev.txt")
    code = (
        "import runpy, sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'mmengine', 'mmcv', 'mmseg', 'mmdet'):\n"
        "            raise ImportError('blocked: ' + name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
        f"sys.argv = ['serve.py', {str(tiny_onnx)!r}, '--port', '0', '--threads', '1']\n"
        f"runpy.run_path({str(ROOT / 'tools/serve.py')!r}, run_name='__main__')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = line.split("/predict")[0]
        assert address.startswith("http://127.0.0.1:"), process.communicate(timeout=60)[1]
        file = sorted((tiny_master / "img_dir" / "val").iterdir())[0]
        answer = httpx.post(f"{address}/predict", content=file.read_bytes(), timeout=60)
        assert np.array(Image.open(io.BytesIO(answer.content))).shape == (64, 64)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_command_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["serve.py", "a.onnx", "--batch", "0"])
    with pytest.raises(SystemExit) as end:
        run(main)
    assert end.value.code == 2
    assert "--batch 0: it must be more than 0" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["serve.py", "nowhere.onnx"])
    with pytest.raises(SystemExit) as end:
        run(main)
    assert end.value.code == 2
