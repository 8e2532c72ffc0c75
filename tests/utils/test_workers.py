"""Order, laziness and failures of the process pool."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from segloop.utils.workers import map_ordered


def square(number: int) -> int:
    return number * number


def die(number: int) -> int:
    os._exit(1)


def test_keeps_the_order_across_processes() -> None:
    assert list(map_ordered(square, range(50), workers=2, chunk=3)) == [n * n for n in range(50)]


def test_one_worker_runs_in_this_process() -> None:
    assert list(map_ordered(lambda n: (n, os.getpid()), [1], workers=1)) == [(1, os.getpid())]


def test_says_that_a_worker_died() -> None:
    with pytest.raises(RuntimeError, match="worker process died"):
        list(map_ordered(die, range(4), workers=2))


def test_works_from_a_script_on_stdin() -> None:
    script = (
        "from segloop.utils.workers import map_ordered\nprint(list(map_ordered(abs, [-1, 2], workers=2)))"
    )
    done = subprocess.run([sys.executable, "-"], input=script, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[1, 2]", done.stderr
