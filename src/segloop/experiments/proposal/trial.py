"""Tries a proposal as `--dry-run` does, lowers what does not fit, and settles how long it trains."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from segloop.experiments.proposal.write import Measured, Proposal
from segloop.utils.atomic import read_record
from segloop.utils.errors import DataError

ROOM = 0.85  # share of the free memory that a proposal may take


def settle(proposal: Proposal, *, say: Callable[[str], None] = lambda line: None) -> Proposal:
    """Write a proposal, try it, and return it as it was written last: with a batch that fits, and a length.

    A trial that ends with findings is a DataError that holds its report; the config stays to be looked at.
    """
    while True:
        proposal.write()
        say(f"Trying {proposal.file} with batches of {proposal.batch} …")
        code, report, found = _try(proposal.file)
        memory, free = found.get("memory_bytes", 0), found.get("memory_free", 0)
        if (memory > ROOM * free > 0 or "does not fit" in report) and proposal.batch > 1:
            proposal = replace(proposal, batch=max(1, proposal.batch // 2))
            continue
        if code or "step_s" not in found:
            raise DataError(f"{proposal.file} was written, and does not get through its trial:\n{report}")
        measured = Measured(
            step_s=found["step_s"], validation_s=found["validation_s"], memory_bytes=int(memory)
        )
        proposal = proposal.after(measured)
        proposal.write()
        return proposal


def _try(config: Path) -> tuple[int, str, dict[str, float]]:
    """Return the exit code of a dry run, what it printed, and what it measured."""
    from segloop.experiments.dry_run.command import dry_run

    args = Namespace(
        config=str(config),
        work_dir=None,
        cfg_options=[],
        device=None,
        seed=None,
        launcher="none",
        unsafe_load=False,
        resume=None,
        amp=False,
        auto_scale_lr=False,
    )
    with tempfile.TemporaryDirectory(prefix="segloop-") as folder:
        log, measured = Path(folder, "log"), Path(folder, "measured.json")
        code = dry_run("train", args, log=log, measured=measured)
        text = log.read_text(encoding="utf-8") if log.exists() else ""
        return code, text, read_record(measured) or {}
