"""Runs many Python commands in children of one process that has torch and mm* loaded: seconds less for each.

A sandbox's `python` asks this process to fork; the child takes over arguments, environment, folder and
streams, runs the file or module as `__main__`, and its exit code goes back. What is no command of this
repository is run by the real interpreter.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path

# The `python` of a sandbox; it loads nothing but what is built in, and hands signals on.
CLIENT = """#!{real} -IS
import json, os, signal, socket, sys

words = sys.argv[1:]
if words[:1] == ["-u"]:
    del words[0]
ours = words and (words[0].endswith(".py") or (words[0] == "-m" and words[1].startswith({modules!r})))
if not ours:
    os.execv({real!r}, [{real!r}, *words])
link = socket.socket(socket.AF_UNIX)
link.connect({address!r})
asked = {{"words": words, "cwd": os.getcwd(), "env": dict(os.environ)}}
data = json.dumps(asked).encode()
socket.send_fds(link, [len(data).to_bytes(8, "big")], [0, 1, 2])
link.sendall(data)
answers = link.makefile()
child = int(answers.readline())
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, frame: os.kill(child, number))
sys.exit(int(answers.readline() or 1))
"""
MODULES = ("data_converters", "supplementary.")


def write_client(path: Path, address: str) -> None:
    """Write the `python` that asks the process at this address."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CLIENT.format(real=sys.executable, address=address, modules=MODULES), encoding="utf-8")
    path.chmod(0o755)


def load() -> None:
    """Import what makes commands slow to start."""
    import segloop.experiments.components
    import segloop.experiments.launch
    import segloop.experiments.testing
    import segloop.ops

    segloop.ops.install()


def serve(address: str, python: str) -> None:
    """Fork for each command until killed; `python` is what the children take for their interpreter."""
    load()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    print("ready", flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener.settimeout(5)
    parent = os.getppid()
    while os.getppid() == parent:  # a test that was killed cannot say so
        try:
            link, _ = listener.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            link.settimeout(None)
            attend(link, python)
        link.close()


def attend(link: socket.socket, python: str) -> None:
    """Fork the child that runs one command, and tell its process and then its exit code."""
    size, streams, _, _ = socket.recv_fds(link, 8, 3)
    data = b""
    while len(data) < int.from_bytes(size, "big"):
        data += link.recv(1 << 16)
    child = os.fork()
    if child == 0:
        link.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        run(python=python, **json.loads(data))
    for stream in streams:
        os.close(stream)
    link.sendall(f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    link.sendall(f"{code if code >= 0 else 128 - code}\n".encode())
    os._exit(0)


def run(*, words: list[str], cwd: str, env: dict[str, str], python: str) -> None:
    """Run a command as `python WORDS` would, and end this process."""
    from tests.documented.table import shortened

    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    # the old ones remember what their files were
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.executable = python  # a tool that starts another one starts it here, too
    code: object = 0
    try:
        words = shortened(words)
        if words[0] == "-m":
            sys.argv, sys.path[0] = [words[1], *words[2:]], cwd
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv, sys.path[0] = words, str(Path(words[0]).resolve().parent)
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    serve(*sys.argv[1:])
