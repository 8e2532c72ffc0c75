"""What the tests of dry runs share: to try something in this process, and to see that nothing was left."""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_converters.prepare.demos import make_demo
from segloop.experiments.dry_run.report import Report
from segloop.experiments.dry_run.testing import try_test
from segloop.experiments.dry_run.training import try_training
from segloop.experiments.launch import Options
from segloop.utils.errors import EXIT_USER_ERROR, UserError


class Tried:
    """An exit code, what was printed, and the error that the tool would print below it."""

    def __init__(self, work: Callable[..., int], options: Options, **settings: Any) -> None:
        stream = io.StringIO()
        self.error: UserError | None = None
        with tempfile.TemporaryDirectory() as scratch:
            try:
                self.code = work(options, scratch=Path(scratch), report=Report(stream), **settings)
            except UserError as error:
                self.code, self.error = EXIT_USER_ERROR, error
        self.text = stream.getvalue()

    def row(self, name: str, mark: str = "") -> str:
        """Return the first row of this name, with the lines below it, as one line."""
        rows = re.findall(r"^(\S) (\S+)(.*(?:\n {4,}.*)*)", self.text, re.MULTILINE)
        found = next((row for row in rows if row[1] == name and mark in ("", row[0])), ())
        return " ".join(" ".join(found).split())


def tried_training(config: Path, *overrides: str, work_dir: Path | None = None, **settings: Any) -> Tried:
    """Try a training."""
    return Tried(try_training, _options(config, overrides, work_dir), **settings)


def tried_test(config: Path, *overrides: str, work_dir: Path | None = None, **settings: Any) -> Tried:
    """Try a test."""
    plain: dict[str, Any] = {"out": None, "show": False, "show_dir": None, "wait_time": 2.0, "tta": False}
    return Tried(try_test, _options(config, overrides, work_dir), **plain | settings)


def contents(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    """Return time and bytes of all that lies below a folder, but for caches of checks."""
    return {
        path.relative_to(folder).as_posix(): (
            0 if path.name == "multiclass" else path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in sorted(folder.rglob("*"))
        if ".segloop" not in path.parts
    }


def _options(config: Path, overrides: tuple[str, ...], work_dir: Path | None) -> Options:
    rarely = "default_hooks.checkpoint.interval=100"  # mmengine takes half a second for the config's text
    return Options(
        config=str(config),
        overrides=[rarely, *overrides],
        work_dir=None if work_dir is None else str(work_dir),
        make_demo=make_demo,
    )
