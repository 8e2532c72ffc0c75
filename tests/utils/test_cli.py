"""Exit codes and messages of every tool."""

from __future__ import annotations

import errno
import io
import subprocess
import sys

import pytest

from segloop.utils.cli import Parser, run
from segloop.utils.errors import UserError


def failing(error: BaseException):
    """A main that raises."""

    def main() -> int:
        raise error

    return main


@pytest.mark.parametrize(
    ("main", "code"),
    [
        (lambda: None, 0),
        (lambda: 1, 1),
        (failing(UserError("the mask is broken")), 2),
        (failing(KeyboardInterrupt()), 130),
    ],
)
def test_exit_codes(main, code: int) -> None:
    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == code


def test_a_tool_whose_output_nobody_reads_on_has_not_done_its_work() -> None:
    code = "from segloop.utils.cli import run; run(lambda: print('word ' * 100_000))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as tool:
        assert tool.stdout
        assert tool.stderr
        tool.stdout.close()
        assert tool.stderr.read() == b""
    assert tool.returncode == 141


def test_a_mistake_is_one_message_and_a_bug_keeps_its_traceback(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        run(failing(UserError("the mask is broken")))
    assert capsys.readouterr().err == "error: the mask is broken\n"
    with pytest.raises(ZeroDivisionError):
        run(failing(ZeroDivisionError()))


def test_a_broken_installation_is_sent_to_the_doctor(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as caught:
        run(failing(ImportError("libGL.so.1: cannot open shared object file")))
    assert caught.value.code == 1
    told = capsys.readouterr().err
    assert "libGL.so.1" in told
    assert "tools/doctor.py" in told


@pytest.mark.parametrize("flag", ["--resmue", "--resum"])
def test_a_mistyped_flag_is_guessed(flag: str, capsys: pytest.CaptureFixture) -> None:
    parser = Parser("A tool.")
    parser.add_argument("--resume")
    with pytest.raises(SystemExit) as caught:
        parser.parse_args([flag, "x"])
    assert caught.value.code == 2
    assert f"unknown flag {flag!r}. Did you mean '--resume'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nan", "--share: 'nan' is no finite number"),
        ("inf", "--share: 'inf' is no finite number"),
        ("x", "--share: invalid float value: 'x'"),
    ],
)
def test_a_number_is_finite(text: str, told: str, capsys: pytest.CaptureFixture) -> None:
    parser = Parser()
    parser.add_argument("--share", type=float)
    assert parser.parse_args(["--share", "1e-3"]).share == 0.001
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(["--share", text])
    assert caught.value.code == 2
    assert told in capsys.readouterr().err


def test_words_may_stand_anywhere_among_the_flags() -> None:
    parser = Parser()
    parser.add_argument("task")
    parser.add_argument("source", nargs="?")
    parser.add_argument("--out")
    for words in ("ships here --out there", "ships --out there here", "--out there ships here"):
        args = parser.parse_args(words.split())
        assert (args.task, args.source, args.out) == ("ships", "here", "there")
    assert parser.parse_args(["ships"]).source is None


def test_what_a_terminal_cannot_show_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(shown, encoding="ascii"))
    with pytest.raises(SystemExit) as caught:
        run(lambda: print("– \udcff"))
    assert caught.value.code == 0
    assert shown.getvalue() == b"\\u2013 \\udcff\n"


def test_lists_of_a_flag_that_is_given_twice_add_up() -> None:
    parser = Parser("A tool.")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--to", nargs="+", default=["cvat"])
    parser.add_argument_group("about it").add_argument("--skip", nargs="+")
    parser.add_argument("--size", nargs=2)
    parser.add_argument("--out")
    words = "a --to coco --skip x --to mmseg cvat --size 1 2 --size 3 4 --out b --out c --skip y"
    args = parser.parse_args(words.split())
    assert (args.names, args.to, args.skip) == (["a"], ["coco", "mmseg", "cvat"], ["x", "y"])
    assert (args.size, args.out) == (["3", "4"], "c")
    assert parser.parse_args([]).to == ["cvat"]


def test_another_broken_pipe_is_no_success() -> None:
    with pytest.raises(BrokenPipeError):
        run(failing(BrokenPipeError(errno.EPIPE, "Broken pipe")))


def test_streams_that_were_closed_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stderr", None)
    with pytest.raises(SystemExit) as caught:
        run(lambda: print(sys.stderr.isatty()))
    assert caught.value.code == 0
    sys.stdout.close()
    sys.stderr.close()


def test_a_full_disk_is_told_in_words(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as caught:
        run(failing(OSError(errno.ENOSPC, "No space left on device", "a/b.json")))
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        "error: a/b.json: No space left on device. Make room, and start it again.\n"
    )
