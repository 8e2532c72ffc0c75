"""Where a result comes from: command, code, versions, data, hardware, memory; no user, no host."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import metadata
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import segloop
from segloop import ops
from segloop.data.digests import file_digests
from segloop.data.info import FILE_NAME, DatasetInfo, content_hash
from segloop.utils.errors import UserError
from segloop.utils.progress import counted
from segloop.utils.workers import cpu_count

# A package may come as one of several distributions; the first that is installed is recorded.
DISTRIBUTIONS = {
    "torch": ("torch",),
    "mmengine": ("onedl-mmengine", "mmengine"),
    "mmcv": ("onedl-mmcv", "mmcv", "mmcv-lite"),
    "mmseg": ("onedl-mmsegmentation", "mmsegmentation"),
    "mmdet": ("onedl-mmdetection", "mmdet"),
    "numpy": ("numpy",),
    "opencv": ("opencv-python-headless", "opencv-python"),
    "pillow": ("pillow",),
    "pycocotools": ("pycocotools",),
}


def provenance(
    *,
    command: Sequence[str] | None = None,
    seed: int | None = None,
    data_root: Path | str | None = None,
    folder: Path | None = None,
    modules: Sequence[str] = (),
    hash_data: bool = True,
) -> dict[str, Any]:
    """Return what a run records of its origin; paths are relative to the run's `folder`.

    `modules` are those that the config imports besides our own.
    """
    status = ops.status()
    return {
        "command": command_line(sys.argv if command is None else command),
        "code": code_state(modules),
        "versions": versions(),
        "operators": {"kind": status.kind, "reason": status.reason},
        "seed": seed,
        "data": data_identity(data_root, folder=folder, hashed=hash_data),
        "hardware": hardware(),
    }


def command_line(command: Sequence[str]) -> list[str]:
    """Return a command as typed; absolute paths are made relative to the current folder, or to `~`.

    >>> command_line(["tools/train.py", str(Path.cwd() / "configs/a.py"), "--seed", "1"])[1]
    'configs/a.py'
    """
    return [_inside(word, Path.cwd()) for word in command]


def code_state(modules: Sequence[str] = ()) -> dict[str, Any]:
    """Return commit, whether files differ from it, and a hash of the source itself.

    The hash covers this package and the `modules` that a config imports: two trainings of one hash ran the
    same code, whatever git says of files beside it, and where there is no git.
    """
    return {"commit": None, "dirty": None, **(git_state() or {}), "source": source_hash(modules)}


def source_hash(modules: Sequence[str] = ()) -> str:
    """Return `sha256:…` over the Python files of this package and of other modules, by name."""
    files: dict[str, Path] = {}
    for module in ["segloop", *(name for name in modules if name.partition(".")[0] != "segloop")]:
        found = _find_module(module)
        folders = [Path(folder) for folder in (found and found.submodule_search_locations) or ()]
        for path in (path for folder in folders for path in folder.rglob("*.py")):
            files[f"{module}/{_below(path, folders)}"] = path
        if found and found.origin and not folders:
            files[module] = Path(found.origin)
    names = sorted(files)
    total = hashlib.sha256()
    for name, digest in zip(names, file_digests([files[name] for name in names]), strict=True):
        total.update(f"{name}\0{digest.hex() if digest else ''}\n".encode())
    return f"sha256:{total.hexdigest()}"


def git_state() -> dict[str, Any] | None:
    """Return the commit of this code and whether files differ; None outside a checkout or without git."""
    package = Path(segloop.__file__)
    if _git(package.parent, "ls-files", "--error-unmatch", package.name) is None:
        return None  # installed into an environment that lies in somebody else's checkout
    commit = _git(package.parent, "rev-parse", "HEAD")
    changes = _git(package.parent, "status", "--porcelain")
    if commit is None or changes is None:
        return None
    return {"commit": commit.strip(), "dirty": bool(changes.strip())}


def versions() -> dict[str, str | None]:
    """Return the version of each layer of the stack, None where it is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version(), "segloop": segloop.__version__}
    for name, distributions in DISTRIBUTIONS.items():
        found[name] = next((v for v in map(_version, distributions) if v is not None), None)
    return found


def data_identity(
    root: Path | str | None, *, folder: Path | None = None, hashed: bool = True
) -> dict[str, Any]:
    """Return name, root and content hash of a data set with a `dataset.json`; else only the root.

    `content_hash` is that of the files that are there, `declared_hash` the one that `dataset.json` tells.
    """
    unknown: dict[str, Any] = dict.fromkeys(("name", "root", "content_hash", "declared_hash"))
    if root is None:
        return unknown
    unknown["root"] = relative_path(Path(root), to=folder or Path.cwd())
    if not (Path(root) / FILE_NAME).is_file():
        return unknown
    try:
        info = DatasetInfo.read(root)
        with counted("files hashed") as progress:
            found = content_hash(root, cached=True, progress=progress) if hashed else None
    except UserError:  # a damaged dataset.json is the training's matter; the record goes on without it
        return unknown
    return unknown | {"name": info.name, "content_hash": found, "declared_hash": info.content_hash}


def hardware() -> dict[str, Any]:
    """Return the processor, the cores this process may use, memory in bytes, and the GPU if there is one."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "cpu": _cpu_name(),
        "instructions": torch.backends.cpu.get_cpu_capability(),  # which of its kernels torch takes
        "cores": cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_bytes": _memory(),
        "gpu": gpu,
        "system": platform.system(),
        "machine": platform.machine(),
    }


def peak_memory() -> dict[str, int | None]:
    """Return the most memory held at once so far, in bytes: by this process, and on the GPU by torch."""
    import torch

    gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    return {"process_bytes": _most_resident(), "gpu_bytes": gpu}


def _most_resident() -> int | None:
    # Linux's ru_maxrss begins with what the process held that started this one; VmHWM does not.
    with contextlib.suppress(OSError, StopIteration, ValueError, IndexError):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def relative_path(path: Path, *, to: Path) -> str:
    """Return `path` seen from the folder `to`, POSIX style; unchanged where no way leads there."""
    try:
        return Path(os.path.relpath(path, to)).as_posix()
    except ValueError:
        return path.as_posix()


def now() -> str:
    """Return the time in UTC, to the second, as ISO 8601 writes it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def home_folder() -> Path:
    """Return the home folder, or `~` itself of a user whom the system does not know."""
    return Path(os.path.expanduser("~"))  # noqa: PTH111, Path.home() ends in an error there


def _inside(word: str, folder: Path) -> str:
    option, equals, value = word.rpartition("=")
    path = Path(value)
    if path.is_absolute() and path.is_relative_to(folder):
        return f"{option}{equals}{path.relative_to(folder).as_posix()}"
    home = home_folder()
    if path.is_absolute() and path.is_relative_to(home) and home != Path(home.anchor):
        return f"{option}{equals}~/{path.relative_to(home).as_posix()}"  # the folder above names the user
    return word


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


def _below(path: Path, folders: Sequence[Path]) -> str:
    return next(path.relative_to(each).as_posix() for each in folders if path.is_relative_to(each))


def _find_module(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except (ImportError, ValueError):  # of a parent that is not there, or of a module made by hand
        return None


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _cpu_name() -> str | None:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
