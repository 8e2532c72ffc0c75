"""Order, laziness and failures of the process pool."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


class Adder:
    """A function with something in it that is sent to each process once."""

    def __init__(self, summand: int) -> None:
        self.summand = summand
        self.sent = 0

    def __call__(self, number: int) -> tuple[int, int]:
        return number + self.summand, self.sent

    def __setstate__(self, state: dict[str, int]) -> None:
        self.__dict__.update(state, sent=state["sent"] + 1)


def test_a_function_is_sent_to_each_process_once_and_never_back() -> None:
    assert list(map_ordered(Adder(5), range(20), workers=2, chunk=1)) == [(n + 5, 1) for n in range(20)]


KILLED = """
import os, signal, sys, time
from segloop.utils.workers import map_ordered

def work(number):
    return os.getpid()

if __name__ == "__main__":
    print(next(map_ordered(work, range(10**9), workers=2, chunk=1)), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a process that ended looks otherwise there")
def test_workers_of_a_killed_process_end(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(KILLED)
    # The workers hold the other end of stdout, so that its end is the end of the last of them.
    done = subprocess.run([sys.executable, "main.py"], cwd=tmp_path, capture_output=True, timeout=60)
    assert int(done.stdout) > 0
