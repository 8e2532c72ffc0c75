"""The smallest of what the machine and the container still allow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from segloop.utils.memory import available_memory, private_memory, resident_memory


def write(root: Path, files: dict[str, str]) -> None:
    """Lay out the files of a pretended system."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_the_machines_memory_counts_where_no_container_limits(tmp_path: Path) -> None:
    write(tmp_path, {"proc/meminfo": "MemTotal: 9 kB\nMemAvailable:    4 kB\n"})
    assert available_memory(tmp_path) == 4096
    write(tmp_path, {"sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/memory.current": "1\n"})
    assert available_memory(tmp_path) == 4096


@pytest.mark.parametrize(
    "files",
    [
        {"memory.max": "1000", "memory.current": "600", "memory.stat": "anon 1\ninactive_file 50\n"},
        {
            "memory/memory.limit_in_bytes": "1000",
            "memory/memory.usage_in_bytes": "600",
            "memory/memory.stat": "total_inactive_file 50\n",
        },
    ],
)
def test_a_containers_limit_counts_without_its_file_cache(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, {"proc/meminfo": "MemAvailable: 100 kB\n"})
    write(tmp_path / "sys/fs/cgroup", files)
    assert available_memory(tmp_path) == 450


def test_a_system_that_does_not_tell_has_none_to_give(tmp_path: Path) -> None:
    assert available_memory(tmp_path) == 0


def test_what_this_process_holds(tmp_path: Path) -> None:
    write(tmp_path, {"proc/self/statm": "900 7 5 1 0 3 0"})
    assert resident_memory(tmp_path) == 7 * os.sysconf("SC_PAGE_SIZE")
    assert resident_memory(tmp_path / "gone") == 0


def test_what_processes_share_is_not_counted(tmp_path: Path) -> None:
    lines = "00400000-7ff [rollup]\nRss: 90 kB\nPss: 50 kB\nPrivate_Clean: 3 kB\nPrivate_Dirty: 4 kB\n"
    write(tmp_path, {"proc/7/smaps_rollup": lines, "proc/8/smaps_rollup": lines})
    assert private_memory([7, 8, 9], tmp_path) == 14 * 1024
