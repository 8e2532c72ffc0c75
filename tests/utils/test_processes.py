"""Who is alive: asked by number and by time."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from segloop.utils.processes import is_alive, machine, run_to_end


def test_this_process_lives_and_began_before_now() -> None:
    assert is_alive(os.getpid())
    assert is_alive(os.getpid(), noted=time.time())


def test_numbers_that_nobody_has_or_that_were_taken_over() -> None:
    assert not is_alive(2**22 + 1)
    assert not is_alive(10**30)
    assert not is_alive(0)
    assert not is_alive(-1)
    if Path("/proc/self/stat").exists():
        assert not is_alive(os.getpid(), noted=1e9)


def test_a_machine_has_one_name_that_says_nothing() -> None:
    assert machine() == machine()
    assert machine() is None or re.fullmatch("[0-9a-f]{12}", machine())


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows has none")
@pytest.mark.timeout(60)
def test_a_signal_that_another_thread_takes_is_handed_on() -> None:
    over = threading.Event()
    threading.Thread(target=over.wait, daemon=True).start()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # here, and in the command
    try:
        send = "import os, signal; os.kill(os.getppid(), signal.SIGTERM); signal.sigwait({signal.SIGTERM})"
        assert run_to_end([sys.executable, "-c", send]) == 0
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        over.set()


@pytest.mark.skipif(os.name == "nt", reason="a process cannot signal another there")
def test_a_command_comes_to_its_own_end_when_both_are_signalled() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    lines = (
        "import os, signal, sys",
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})",
        "os.kill(os.getppid(), signal.SIGINT)  # of a terminal, which this process has got, too",
        "os.kill(os.getppid(), signal.SIGTERM)",
        "signal.sigwait({signal.SIGTERM})",
        "sys.exit(7)",
    )
    assert run_to_end([sys.executable, "-c", "\n".join(lines)]) == 7
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    end = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert run_to_end([sys.executable, "-c", end], environment={"A": "b"}) == 137
