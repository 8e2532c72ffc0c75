"""Who is alive: asked by number and by time."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from segloop.utils.processes import is_alive, machine


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
