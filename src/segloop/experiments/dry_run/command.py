"""Runs `--dry-run` in a process of its own, so that even one that the system kills is told of in words."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from segloop.data.demo import MakeDemo
from segloop.experiments.dry_run.report import BAD, Report, Row
from segloop.utils.cli import run
from segloop.utils.errors import EXIT_FINDINGS, EXIT_INTERRUPTED, ConfigError

STAGE = "stage"  # the file that says what is being done
PATIENCE_S = 20.0  # for a process that was asked to end


def dry_run(
    kind: str,
    args: Namespace,
    *,
    make_demo: MakeDemo | None = None,
    log: Path | None = None,
    measured: Path | None = None,
) -> int:
    """Try what a tool was asked to do, print the report, leave nothing behind; return the exit code.

    `kind` is `train` or `test`, `args` are the tool's; `make_demo` makes the demo set if it is missing. What
    would be printed goes into the file `log`, if one is named, and what a training measured into `measured`.
    """
    if args.launcher != "none":
        raise ConfigError("--dry-run tries one process: leave out --launcher, and start it without torchrun.")
    scratch = Path(tempfile.mkdtemp(prefix="segloop-"))
    process = multiprocessing.get_context("spawn").Process(
        target=_work, args=(kind, args, make_demo, scratch, log, measured)
    )
    former = signal.signal(signal.SIGTERM, _end)
    try:
        process.start()
        try:
            process.join()
        except KeyboardInterrupt:  # the terminal has sent it to the other process, too
            process.join(PATIENCE_S)
        return _outcome(process.exitcode, scratch)
    finally:
        signal.signal(signal.SIGTERM, former)
        if process.is_alive():
            process.kill()
            process.join()
        shutil.rmtree(scratch, ignore_errors=True)


def _outcome(code: int | None, scratch: Path) -> int:
    """Return the tool's exit code; tell of a process that was killed."""
    if code is None:
        return EXIT_INTERRUPTED
    if code >= 0:
        return code
    stage = (scratch / STAGE).read_text(encoding="utf-8") if (scratch / STAGE).is_file() else "the start"
    report = Report()
    report.add(killed_row(signal.Signals(-code), stage))
    return report.close(ready="", not_ready="The run would not get through.") or EXIT_FINDINGS


def killed_row(number: signal.Signals, stage: str) -> Row:
    """Return what it means that the trial was ended from outside."""
    if number == signal.SIGKILL:
        advice = ("→ a smaller batch_size, a smaller crop, fewer num_workers", "→ more memory")
        text = f"the system killed the trial in {stage}: it needed more memory than there is"
        return Row(BAD, "memory", text, advice)
    return Row(BAD, stage, f"ended by {number.name}: a fault in compiled code, not in the config")


def _work(
    kind: str,
    args: Namespace,
    make_demo: MakeDemo | None,
    scratch: Path,
    log: Path | None,
    measured: Path | None,
) -> NoReturn:
    """Be the other process."""
    if log is not None:
        sys.stdout = sys.stderr = log.open("w", encoding="utf-8", buffering=1)
    with suppress(OSError):  # if memory runs out, the trial is to be killed and not somebody's editor
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)  # what metrics and torch put aside goes along
    multiprocessing.set_start_method(None, force=True)  # loader processes start as they do in a run
    run(lambda: _tries(make_demo, measured)[kind](args, scratch))


def _tries(make_demo: MakeDemo | None, measured: Path | None) -> dict[str, Callable[[Namespace, Path], int]]:
    from segloop.experiments.dry_run.testing import try_test
    from segloop.experiments.dry_run.training import try_training
    from segloop.experiments.launch import Options

    return {
        "train": lambda args, scratch: try_training(
            Options.of(args, make_demo=make_demo),
            scratch=scratch,
            measured=measured,
            resume=args.resume,
            amp=args.amp,
            auto_scale_lr=args.auto_scale_lr,
        ),
        "test": lambda args, scratch: try_test(
            Options.of(args, make_demo=make_demo),
            scratch=scratch,
            checkpoint=args.checkpoint,
            split=args.split,
            out=args.out,
            show=args.show,
            show_dir=args.show_dir,
            wait_time=args.wait_time,
            tta=args.tta,
            thresholds=args.thresholds,
        ),
    }


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
