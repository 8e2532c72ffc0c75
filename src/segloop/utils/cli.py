"""How every tool meets its user: flags, one message for a mistake, exit codes."""

from __future__ import annotations

import argparse
import io
import math
import os
import re
import select
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TextIO

from segloop.utils.errors import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_UNREAD,
    EXIT_USER_ERROR,
    FULL,
    UserError,
    nearest,
)


class Parser(argparse.ArgumentParser):
    """An argument parser that shows defaults, keeps the tool's docstring as it is, and guesses typos."""

    def __init__(self, description: str | None = None) -> None:
        # Whole flags alone: argparse takes the typo `--resum` for `--resume`, and the training begins.
        super().__init__(description=description, formatter_class=_Formatter, allow_abbrev=False)
        self.register("type", float, _finite)
        self.register("action", None, _Store)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read a command line; `TASK --out DIR SRC` too, where argparse alone would not know SRC."""
        if any(each.nargs in (argparse.PARSER, argparse.REMAINDER) for each in self._actions):
            return super().parse_args(args, namespace)  # which cannot be mixed
        return super().parse_intermixed_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r"unrecognized arguments: (-\S+)", message)
        if unknown:
            flags = [flag for action in self._actions for flag in action.option_strings]
            message = f"unknown flag {unknown[1]!r}.{nearest(unknown[1].split('=')[0], flags)}"
        print(f"error: {message}\nSee {self.prog} --help", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)


class _Store(argparse.Action):
    """Stores as argparse does, but lists of a flag that is given twice add up: argparse drops the first."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        before = getattr(namespace, self.dest, self.default)
        if option_string and self.nargs in ("+", "*") and before is not self.default:
            values = [*before, *values]
        setattr(namespace, self.dest, values)


def _finite(text: str) -> float:
    """Read a number; nan would pass every check of a range, as it is neither below nor above."""
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is no finite number")
    return value


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps line breaks of the description and leaves room for long flags."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run a tool's `main` and exit with the code that tells how it ended (`segloop.utils.errors`).

    0 done, 1 findings, 2 a user's mistake told in words, 130 interrupted, 141 nobody reads on.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed (`>&-`): the next file would be opened in its place
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            # a file's name, or a dash, may have no place in the terminal's code
            stream.reconfigure(errors="backslashreplace")
    try:
        code = main() or EXIT_DONE
        sys.stdout.flush()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        code = EXIT_USER_ERROR
    except ImportError:  # a half-broken installation, or a bug: show all of it, and who can tell them apart
        traceback.print_exc()
        print("\npython tools/doctor.py names the command that mends an installation.", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = EXIT_INTERRUPTED
    except OSError as error:
        unread = let_go()
        if isinstance(error, BrokenPipeError) and unread:  # by `tool | head`: no fault, and yet not done
            code = EXIT_UNREAD
        elif error.errno in FULL:
            where = f"{error.filename}: " if error.filename else ""
            print(f"error: {where}{error.strerror}. Make room, and start it again.", file=sys.stderr)
            code = EXIT_USER_ERROR
        else:
            raise
    sys.exit(code)


def let_go() -> bool:
    """Print no more to where nothing can be printed, a closed pipe or a full disk; tell if there is such."""
    lost = [stream for stream in (sys.stdout, sys.stderr) if _is_lost(stream)]
    for stream in lost:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return bool(lost)


def _is_lost(stream: TextIO) -> bool:
    try:
        stream.flush()
        reader = select.poll()  # what could not be written may be forgotten, and flush content
        reader.register(stream.fileno(), 0)
        return bool(reader.poll(0))
    except (AttributeError, io.UnsupportedOperation):  # Windows has no poll; a test's stream no number
        return False
    except OSError:
        return True
