"""What the whole run will take of this machine, from what its first steps took: time, memory, disk."""

from __future__ import annotations

import bisect
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segloop.experiments.dry_run.report import BAD, GOOD, NOTE, Row, duration, plural, size
from segloop.utils.workers import cpu_count

TIGHT = 0.9  # of what is free
LOG_LINE_BYTES = 1200  # one logged iteration in all files: text, two JSON files, TensorBoard
LOG_BYTES = 300_000  # config, environment and model summary of one run


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long a run is, where it begins, and how often it validates, saves and logs."""

    start: int
    steps: int  # to its end, from the first on
    per_epoch: int | None  # iterations of an epoch; None where the run counts iterations
    validates: bool = True
    val_begin: int = 1
    val_interval: int = 1
    val_intervals: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(
        cls, loop: Mapping[str, Any], *, start: int, steps: int, per_epoch: int, validates: bool = True
    ) -> Schedule:
        """Read a `train_cfg`."""
        by_epoch = "max_epochs" in loop
        return cls(
            start=start,
            steps=steps,
            per_epoch=per_epoch if by_epoch else None,
            validates=validates,
            val_begin=loop.get("val_begin", 1),
            val_interval=loop.get("val_interval", 1 if by_epoch else 1000),
            val_intervals=tuple((a, b) for a, b in loop.get("dynamic_intervals") or ()),
        )

    @property
    def left(self) -> int:
        """The iterations that are still to be done."""
        return max(0, self.steps - self.start)

    @property
    def validations(self) -> int:
        """How often the run will validate from its start on."""
        if not self.validates:
            return 0
        unit = self.per_epoch or 1
        end = self.steps // unit
        places = [milestone for milestone, _ in self.val_intervals]
        intervals = [self.val_interval, *(interval for _, interval in self.val_intervals)]
        due = (
            step >= self.val_begin and (step % intervals[bisect.bisect(places, step + 1)] == 0 or step == end)
            for step in range(self.start // unit + 1, end + 1)
        )
        return sum(due)

    def saves(self, interval: int, *, by_epoch: bool) -> int:
        """Return how many checkpoints the run writes from its start on."""
        unit = (self.per_epoch or self.steps) if by_epoch else 1  # iterations that are counted are one epoch
        if interval <= 0:
            return 1  # the last one
        first, end = self.start // unit, self.steps // unit
        return max(1, end // interval - first // interval + (end % interval != 0))


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What parts of a run take, in seconds."""

    step: float
    wait: float  # of a step, for its batch
    validation: float
    save: float
    start: float


def cost(
    *,
    steps: list[float],
    waits: list[float],
    batches: list[float],
    val_batches: int,
    scores_s: float,
    save_s: float,
    start_s: float,
) -> Cost:
    """Return what a step and a validation usually take; the first of each has a warm-up in it."""
    usual = batches[1:] or batches
    validation = statistics.mean(usual) * val_batches + scores_s if usual else 0.0
    return Cost(
        step=statistics.mean(steps) if steps else 0.0,
        wait=statistics.mean(waits) if waits else 0.0,
        validation=validation,
        save=save_s,
        start=start_s,
    )


def time_row(schedule: Schedule, cost: Cost, *, saves: int) -> Row:
    """Return how long the run will take; a checkpoint of before a validation is saved again after it."""
    training = schedule.left * cost.step
    validating = schedule.validations * cost.validation
    saves += schedule.validations if saves else 0
    parts = [f"{plural(schedule.left, 'step')} x {duration(cost.step)}"]
    if schedule.validations:
        parts.append(f"{plural(schedule.validations, 'validation')} x {duration(cost.validation)}")
    if saves and cost.save:
        parts.append(f"{plural(saves, 'save')} x {duration(cost.save)}")
    parts.append(f"start {duration(cost.start)}")
    total = training + validating + saves * cost.save + cost.start
    return Row(GOOD, "time", f"about {duration(total)}: {', '.join(parts)}")


def waiting_rows(cost: Cost, *, workers: int) -> Iterator[Row]:
    """Yield what slows the loading of data down."""
    cores = cpu_count()
    if cost.step > 0 and cost.wait > 0.25 * cost.step and cost.wait > 0.02:
        more = f"raise train_dataloader.num_workers (now {workers}) or lighten its pipeline"
        if workers >= cores:
            more = "lighten the pipeline, or keep decoded samples (KeepInMemory): all cores are busy"
        share = 100 * cost.wait / cost.step
        yield Row(NOTE, "loading", f"{share:.0f} % of a step is spent waiting for its batch: {more}")


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes: the most that this process held, what of it stays between steps, and what is beside it."""

    peak: int
    settled: int
    loaders: int = 0
    kept: int = 0  # what KeepInMemory will have filled at the end
    free: int  # before the run; 0 where it is not known
    batch_size: int
    place: str = "memory"
    loader: str = "train_dataloader"

    @property
    def total(self) -> int:
        """What the run needs at its fullest."""
        return self.peak + self.loaders + self.kept

    def largest_batch(self) -> int:
        """Return the batch size that would fit; what grows with it is what comes and goes in a step."""
        each = max(1, self.peak - self.settled) / self.batch_size
        room = TIGHT * self.free - (self.total - (self.peak - self.settled))
        return int(room / each)


def memory_row(memory: Memory, *, crops: Sequence[str] = (), workers: int = 0) -> Row:
    """Return whether the run fits into memory, and what to lower if it does not."""
    parts = [f"{size(memory.peak)} at the most in a step"]
    if memory.loaders > 0.01 * memory.total:
        parts.append(f"{size(memory.loaders)} in {workers} loader process{'es' * (workers > 1)}")
    if memory.kept > 0.01 * memory.total:
        parts.append(f"{size(memory.kept)} of decoded samples that KeepInMemory will keep")
    text = f"{size(memory.total)}: {', '.join(parts)}" if len(parts) > 1 else parts[0]
    if not memory.free:
        return Row(GOOD, memory.place, f"{text}; how much is free is not known here")
    text += f"; {size(memory.free)} free"
    if memory.total <= TIGHT * memory.free:
        return Row(GOOD, memory.place, text)
    fits = memory.total <= memory.free
    advice = memory_advice(memory.loader, memory.batch_size, fitting=memory.largest_batch(), crops=crops)
    if memory.loaders > 0.2 * memory.total:
        advice = (*advice, f"→ fewer {memory.loader}.num_workers")
    return Row(NOTE if fits else BAD, memory.place, f"{text}{', which is close' if fits else ''}", advice)


def memory_advice(
    loader: str, batch_size: int, *, fitting: int | None = None, crops: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return what to lower where a batch does not fit."""
    advice = []
    if batch_size > 1:
        value = "…" if fitting is None else str(max(1, min(fitting, batch_size - 1)))
        advice.append(f"→ --cfg-options {loader}.batch_size={value} (now {batch_size})")
    if crops:
        advice.append(f"→ a smaller {' or '.join(crops)}")
    return tuple(advice) or ("→ a smaller model or smaller images: the batch holds one already",)


@dataclass(frozen=True, kw_only=True)
class Disk:
    """Bytes and counts of what a run will write, and how much room there is."""

    checkpoint: int
    saves: int
    keep: int  # how many of them are kept; -1: all
    best: int
    bests: int  # how many best ones are kept
    logs: int
    free: int
    where: str

    @property
    def kept(self) -> int:
        """How many checkpoints lie there at the end."""
        return self.saves if self.keep <= 0 else min(self.saves, max(2, self.keep))

    @property
    def total(self) -> int:
        """What is needed at the fullest: a new file is whole before an old one goes."""
        spare = max(self.checkpoint if self.saves > self.kept else 0, self.best)
        return self.kept * self.checkpoint + self.bests * self.best + spare + self.logs


def disk_row(disk: Disk) -> Row:
    """Return whether the run fits on the disk, and what to lower if it does not."""
    parts = [f"{plural(disk.kept, 'checkpoint')} x {size(disk.checkpoint)}"] if disk.checkpoint else []
    if disk.bests and disk.best:
        parts.append(
            f"{disk.bests} best x {size(disk.best)}" if disk.bests > 1 else f"best {size(disk.best)}"
        )
    if disk.saves > disk.kept or disk.best:
        parts.append("one more while it is written")
    parts.append(f"logs {size(disk.logs)}")
    text = f"{size(disk.total)} at the most: {', '.join(parts)}; {size(disk.free)} free in {disk.where}"
    if disk.total <= TIGHT * disk.free:
        return Row(GOOD, "disk", text)
    advice = []
    if disk.kept > 2:
        advice.append("→ --cfg-options default_hooks.checkpoint.max_keep_ckpts=2")
    if disk.checkpoint > 1.2 * disk.best > 0:
        advice.append(
            "→ --cfg-options default_hooks.checkpoint.save_optimizer=False (then --resume starts it anew)"
        )
    advice.append("→ a --work-dir on another disk")
    return Row(NOTE if disk.total <= disk.free else BAD, "disk", text, tuple(advice))


def log_bytes(schedule: Schedule, *, interval: int) -> int:
    """Return about how much a run logs."""
    return LOG_BYTES + LOG_LINE_BYTES * (schedule.left // max(1, interval) + schedule.validations)
