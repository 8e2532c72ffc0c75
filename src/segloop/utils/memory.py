"""How much memory this process may still use, and how much it holds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def available_memory(root: Path = Path("/")) -> int:
    """Return the bytes that can still be allocated without swapping; 0 where the system does not tell.

    Inside a container its own limit counts, which `/proc/meminfo` does not know.
    """
    figures = [_meminfo(root / "proc/meminfo"), *_cgroup(root / "sys/fs/cgroup")]
    return min((figure for figure in figures if figure is not None), default=0)


def _meminfo(path: Path) -> int | None:
    try:
        for line in path.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def _cgroup(folder: Path) -> list[int | None]:
    """Return what is left of the limits of cgroups' two versions; pages of cached files can be taken back."""
    v1 = folder / "memory"
    return [
        _left(folder / "memory.max", folder / "memory.current", folder / "memory.stat", "inactive_file"),
        _left(
            v1 / "memory.limit_in_bytes",
            v1 / "memory.usage_in_bytes",
            v1 / "memory.stat",
            "total_inactive_file",
        ),
    ]


def _left(limit: Path, used: Path, stat: Path, cached: str) -> int | None:
    try:
        taken = int(used.read_text())
        top = int(limit.read_text())  # "max" where there is none
        files = dict(line.split() for line in stat.read_text().splitlines())
    except (OSError, ValueError):
        return None
    return max(0, top - taken + int(files.get(cached, 0)))


def resident_memory(root: Path = Path("/")) -> int:
    """Return the bytes that this process holds in memory now; 0 where the system does not tell."""
    try:
        pages = int((root / "proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def private_memory(processes: Iterable[int], root: Path = Path("/")) -> int:
    """Return the bytes that these processes hold for themselves alone; what they share is not counted."""
    total = 0
    for process in processes:
        try:
            lines = (root / f"proc/{process}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))
        except (OSError, ValueError, IndexError):  # it has ended, or there is no such file here
            continue
    return total
