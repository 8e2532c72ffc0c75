"""Serves the app for a while: for pictures of it, and for the test that goes through it in a browser."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0


@contextmanager
def served(work_dirs: Path, data: Path) -> Iterator[str]:
    """Give the address of the app on these folders; it ends after the block."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    folders = {"SEGLOOP_WORK_DIRS": str(work_dirs.resolve()), "SEGLOOP_DATA": str(data.resolve())}
    command = [sys.executable, "-m", "streamlit", "run", "supplementary/app/app.py", f"--server.port={port}"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | folders,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address, end = f"http://localhost:{port}", time.monotonic() + PATIENCE_S
    try:
        while True:
            with suppress(OSError), urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                break
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the app does not start: streamlit run supplementary/app/app.py says why")
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(20)
