"""Looks over an installation, layer by layer, and knows the one command that mends each fault."""

from __future__ import annotations

import concurrent.futures
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segloop.utils import probes
from segloop.utils.memory import available_memory
from segloop.utils.workers import cpu_count

CHECKOUT = Path(__file__).resolve().parents[3]
PYTHON_FROM, PYTHON_BELOW = (3, 10), (3, 14)
SIGNS = {"ok": "✓", "fault": "✗", "warning": "!", "waits": "–"}
REINSTALL = "{here}{pip} install -r requirements.txt"
TIMEOUT_S = 180

# A layer that fails while one of these fails too is not ill itself: it waits.
NEEDS = {
    "torchvision": ("torch",),
    "mmengine": ("numpy", "torch", "cv2", "matplotlib"),
    "mmcv": ("mmengine",),
    "ops": ("mmcv",),
    "mmseg": ("ops", "scipy"),
    "pycocotools": ("numpy",),
    "mmdet": ("ops", "pycocotools", "scipy"),
    "pandas": ("numpy",),
    "scipy": ("numpy",),
    "matplotlib": ("numpy",),
    "cv2": ("numpy",),
    "tensorboard": ("torch",),
}

# What an import says, and the command that mends it; {pin:x} is the tested `x==version`.
REPLACE = "{pip} install --force-reinstall --no-deps "
KNOWN = (
    # a package compiled against another numpy
    (
        r"numpy\.dtype size changed|compiled using NumPy 1|_ARRAY_API|multiarray",
        REPLACE + "{pin:numpy} {pin:LAYER}",
    ),
    (r"Numpy is not available", REPLACE + "{pin:numpy} {pin:torch}"),
    # the ranges that mmseg and mmdet assert when they are imported
    (r"MM(CV|Engine)==\S+ is used but incompatible", REINSTALL),
    (r"undefined symbol|DLL load failed", REPLACE + "{pin:torch} {pin:LAYER}"),
)
DISTRIBUTIONS = {
    "mmengine": "onedl-mmengine",
    "mmcv": "onedl-mmcv",
    "mmseg": "onedl-mmsegmentation",
    "mmdet": "onedl-mmdetection",
    "cv2": "opencv-python-headless",
    "cvat_sdk": "cvat-sdk",
}


@dataclass(frozen=True)
class Finding:
    """What one layer answered; `state` is ok, warning, fault or waits; `mend` is a command or empty."""

    layer: str
    state: str
    version: str = ""
    detail: str = ""
    mend: str = ""


def diagnose(only: Sequence[str] = ()) -> Iterator[Finding]:
    """Yield one finding per layer, in order, each as soon as it and those it needs are known."""
    faulty: set[str] = set()
    with concurrent.futures.ThreadPoolExecutor(cpu_count()) as pool:
        answers = {
            layer: pool.submit(HERE.get(layer, _probe), layer)
            for layer in LAYERS
            if not only or layer in only
        }
        for layer, answer in answers.items():
            finding = _finding(layer, answer.result())
            blockers = [
                need for need in ("python", *NEEDS.get(layer, ())) if need in faulty and need != layer
            ]
            if finding.state == "fault":
                faulty.add(layer)
                if blockers:
                    finding = Finding(layer, "waits", detail=f"needs {', '.join(blockers)}")
            yield finding


def _probe(layer: str) -> dict[str, Any]:
    """Ask a layer in a process of its own and return its answer, also if that process dies."""
    command = [sys.executable, probes.__file__, layer]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"the import takes more than {TIMEOUT_S} s"}
    marked = [line for line in done.stdout.splitlines() if line.startswith(probes.MARK)]
    if marked:
        answer: dict[str, Any] = json.loads(marked[-1][len(probes.MARK) :])
        return answer
    if done.returncode < 0:
        return {"error": f"the import crashes ({signal.Signals(-done.returncode).name})"}
    last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
    return {"error": last[0]}


def _finding(layer: str, answer: dict[str, Any]) -> Finding:
    """Turn a layer's answer into a finding with a command that can be copied."""
    version, detail = answer.get("version", ""), answer.get("detail", "")
    trouble = answer.get("error") or answer.get("warning")
    if not trouble:
        return Finding(layer, "ok", version, detail)
    text = " ".join(trouble.split())[:300]
    mend = _command(answer.get("mend") or _mend(layer, text), layer)
    if "error" in answer:
        return Finding(layer, "fault", version, text, mend)
    return Finding(layer, "warning", version, f"{detail}; {text}" if detail else text, mend)


def _mend(layer: str, text: str) -> str:
    """Return the command, still with its places to fill, that mends what an import said."""
    usual = "{doctor} --fix --only cv2" if layer == "cv2" else REINSTALL
    return next((command for pattern, command in KNOWN if re.search(pattern, text)), usual)


def _command(template: str, layer: str) -> str:
    """Fill in this Python, this tool, the tested versions, and the way here where that matters."""
    base = CHECKOUT if "{here}" in template else Path.cwd()
    python, tool = _short(Path(sys.executable), base), _short(CHECKOUT / "tools" / "doctor.py", base)
    text = template.replace("{here}", "" if base == Path.cwd() else f"cd {_quoted(base)} && ")
    text = text.replace("{pip}", f"{python} -m pip").replace("{doctor}", f"{python} {tool}")
    text = text.replace("{pin:LAYER}", f"{{pin:{DISTRIBUTIONS.get(layer, layer)}}}")
    return re.sub(r"\{pin:([\w-]+)\}", lambda found: pinned(found[1]), text)


def _short(path: Path, base: Path) -> str:
    """Return the path as a shell takes it, from a folder where it lies below that."""
    return _quoted(path.relative_to(base) if base in path.parents else path)


def pinned(name: str) -> str:
    """Return `name==version` as requirements.txt pins it for this Python, or the bare name."""
    file = CHECKOUT / "requirements.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    for line in lines:
        found = re.match(rf'({re.escape(name)}==[^\s;]+)(?:\s*;\s*python_version (>=|<) "3\.(\d+)")?', line)
        if found and (found[2] is None or (sys.version_info[1] >= int(found[3])) == (found[2] == ">=")):
            return found[1]
    return name


def fix_cv2(folder: Path) -> list[list[str]]:
    """Return the commands that leave the headless cv2 alone in this environment.

    What is to come is fetched to a folder first: without a network the cv2 that is there stays.
    """
    pip = [sys.executable, "-m", "pip"]
    stand_in = CHECKOUT / "requirements" / "opencv-python"
    owners = sorted({*probes.cv2_owners(), "opencv-python", "opencv-python-headless"})
    headless = pinned("opencv-python-headless")
    fetched, names = [headless], [headless]
    if stand_in.exists():
        fetched, names = [headless, str(stand_in)], [headless, stand_in.name]
    return [
        [*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), *fetched],
        [*pip, "uninstall", "--quiet", "--yes", *owners],
        [*pip, "install", "--quiet", "--no-deps", "--no-index", "--find-links", str(folder), *names],
    ]


def _python(_: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"version": platform.python_version(), "detail": sys.executable}
    if not PYTHON_FROM <= sys.version_info[:2] < PYTHON_BELOW:
        answer["error"] = f"Python {answer['version']} is outside 3.10 to 3.13"
        answer["mend"] = "{here}make install PYTHON=python3.11"
    return answer


def _machine(_: str) -> dict[str, Any]:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    answer: dict[str, Any] = {"version": f"{cpu_count()} cores", "detail": f"{free:.0f} GiB of disk free"}
    if memory := available_memory() / 2**30:
        answer["detail"] = f"{memory:.0f} GiB of memory free, {answer['detail']}"
    shared = Path("/dev/shm")
    if shared.exists() and shutil.disk_usage(shared).total < 2**28:
        answer["warning"] = "/dev/shm is small, on which data loader workers die with a bus error"
        answer["mend"] = (
            "docker run --shm-size=2g …  # or train with --cfg-options train_dataloader.num_workers=0"
        )
    elif free < 2:
        answer["warning"] = "checkpoints will soon fill the disk"
        answer["mend"] = "du -sh work_dirs/*  # shows which runs are large"
    return answer


def _folder(layer: str) -> dict[str, Any]:
    """Try to write into the folder, or into the nearest one above it that exists."""
    folder = Path(os.environ.get("SEGLOOP_DATA", "data") if layer == "data" else layer).absolute()
    place = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return {
            "error": f"{place} cannot be written: {error.strerror}",
            "mend": _own(folder) if place.is_dir() else f"mv {_quoted(place)} {_quoted(place)}.old",
        }
    return {"detail": str(folder) if place == folder else f"{folder} can be made"}


def _own(folder: Path) -> str:
    """Return the command that gives the user this folder, and nothing of those above it, which may be /."""
    place = _quoted(folder)
    if folder.exists():
        return f"sudo chown -R $USER {place}"
    return f"sudo mkdir -p {place} && sudo chown $USER {place}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


HERE: dict[str, Callable[[str], dict[str, Any]]] = {
    "python": _python,
    "machine": _machine,
    "data": _folder,
    "work_dirs": _folder,
}
LAYERS = ("python", "machine", *probes.PROBES, "data", "work_dirs")
