"""Order, laziness and failures of the process pool."""

from __future__ import annotations

import errno
import multiprocessing
import multiprocessing.connection
import os
import signal
import subprocess
import sys
import time
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


def hears_ctrl_c(_: int) -> bool:
    return signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def wait(seconds: int) -> int:
    time.sleep(seconds)
    return seconds


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows has none")
def test_ctrl_c_is_for_the_first_process_alone_from_the_start() -> None:
    assert list(map_ordered(hears_ctrl_c, range(2), workers=2, chunk=1)) == [False, False]
    assert hears_ctrl_c(0)


def test_what_is_left_early_ends_its_processes() -> None:
    others = multiprocessing.active_children()
    results = map_ordered(wait, [0, 20, 20], workers=2, chunk=1)
    assert next(results) == 0
    processes = [process for process in multiprocessing.active_children() if process not in others]
    results.close()  # as a Ctrl-C does
    assert processes
    # is_alive() may say yes for a moment while another thread, the pool's own, hears of the end
    assert all(multiprocessing.connection.wait([process.sentinel], 10) for process in processes)


def test_works_in_this_process_where_processes_cannot_share_a_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")  # /dev/shm

    monkeypatch.setattr(multiprocessing.context.BaseContext, "Lock", refuse)
    monkeypatch.setattr("segloop.utils.workers.ProcessPoolExecutor", None)
    assert list(map_ordered(square, range(3), workers=2)) == [0, 1, 4]


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
