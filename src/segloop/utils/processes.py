"""Runs a command to its end; tells whether a process that was noted earlier still runs."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

LOOKS_S = 0.05  # from one look at a command that runs to the next
SLACK_S = 2.0  # the times that are compared are whole seconds


def run_to_end(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> int:
    """Run a command, let signals be its own matter, and return its exit code; `environment` is added.

    A terminal's Ctrl-C reaches the command by itself: a training saves first, and `subprocess.run` would kill
    it after a quarter of a second. SIGTERM is handed on, or the command would outlive this process.
    """
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with subprocess.Popen(command, env={**os.environ, **(environment or {})}) as process:
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
        try:
            # A plain wait does not hear of a signal that the system gives to another thread, such as torch's.
            while (code := process.poll()) is None:
                time.sleep(LOOKS_S)
            return code if code >= 0 else 128 - code
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)


def machine() -> str | None:
    """Return a name for this machine since it was started; None where there is none.

    It is a hash of a random number that the kernel draws at its start, and of the space of process numbers (a
    container has its own), so it says nothing of who or where.
    """
    try:
        drawn = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115, it is no path
    except OSError:
        return None
    return hashlib.sha256(f"{drawn} {space}".encode()).hexdigest()[:12]


def is_alive(process: int, *, noted: float | None = None) -> bool:
    """Return whether a process of this number runs, and ran already when it was `noted` (seconds, epoch).

    Numbers are used again, so a process that began after the note is another one.
    """
    if os.name == "nt" or process <= 0:  # there, os.kill ends a process instead of asking for it
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    try:
        # The name in brackets may hold blanks and brackets itself; state and times follow the last one.
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        state, *rest = fields.rpartition(")")[2].split()
        lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
        booted = next(float(line.split()[1]) for line in lines if line.startswith("btime "))
        began = booted + float(rest[18]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration):
        return True  # no /proc: there is a process, and no way to know more
    return state not in ("Z", "X") and (noted is None or began <= noted + SLACK_S)
