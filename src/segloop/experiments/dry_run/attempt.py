"""What a trial of a training and one of a test share: failures told in rows, and what is free."""

from __future__ import annotations

import errno
import io
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segloop.experiments.data_checks import plain_configs
from segloop.experiments.dry_run.estimate import Memory, memory_advice, memory_row
from segloop.experiments.dry_run.report import BAD, GOOD, NOTE, Report, Row, duration, plural
from segloop.experiments.dry_run.stopwatch import Stopwatch
from segloop.experiments.dry_run.trial import Loading, Trial, Untried
from segloop.experiments.provenance import peak_memory
from segloop.experiments.writing import lacks_shared_memory
from segloop.utils.errors import UserError
from segloop.utils.memory import available_memory
from segloop.utils.quiet import noisy
from segloop.utils.workers import cpu_count

if TYPE_CHECKING:
    from mmengine.config import Config

# How an allocator, and torch of a loader process, say that there is no more.
OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "Cannot allocate memory", "signal: Killed")


@dataclass(frozen=True, kw_only=True)
class Before:
    """The machine before a trial: free bytes of memory, how many programs want a core, and the clock."""

    memory: int
    load: float
    clock: float

    @classmethod
    def now(cls) -> Before:
        """Look at the machine."""
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0  # of the last minute
        return cls(memory=available_memory(), load=load, clock=time.perf_counter())

    @property
    def passed_s(self) -> float:
        """The seconds since then."""
        return time.perf_counter() - self.clock

    def rows(self, *, alone_s: float | None = None) -> Iterator[Row]:
        """Yield that other programs had the cores; `alone_s` is the most that a step takes without them."""
        if self.load > 0.5 * cpu_count():
            cores = plural(cpu_count(), "core")
            text = f"other programs keep it busy (load {self.load:.1f}, {cores}), so times are too long"
            text += f": alone, a step would take {duration(alone_s)} at the most" if alone_s else ""
            yield Row(NOTE, "machine", text)


@contextmanager
def attempt(report: Report, watch: Stopwatch, *, config: Config, loader: str, hide: Path) -> Iterator[None]:
    """Turn what ends a trial into rows; what the run itself would refuse is kept for the end of the report.

    `hide` is the work_dir of the trial, in whose place texts name the config's.
    """
    try:
        with nullcontext() if noisy() else redirect_stdout(io.StringIO()):  # pycocotools thinks aloud
            yield
    except Untried as error:
        report.add(Row(BAD, watch.stage, f"{error}."))
    except UserError as error:
        if _is_full(error.__cause__):
            report.add(_no_room(watch.stage))
            return
        error.args = (str(error).replace(str(hide), str(config.work_dir)),)
        report.refuse(watch.stage, error)
    except Exception as error:
        report.add(_failure(error, watch.stage, config=config, loader=loader))


def _failure(error: Exception, stage: str, *, config: Config, loader: str) -> Row:
    if _is_full(error):
        return _no_room(stage)
    text = str(error)
    batch_size = (config.get(loader) or {}).get("batch_size") or 1
    if lacks_shared_memory(error):
        ways = (f"→ --cfg-options {loader}.num_workers=0", "→ in a container: --shm-size=8g")
        return Row(BAD, "memory", f"in {stage}: the memory that loader processes share is full", ways)
    if isinstance(error, MemoryError) or any(sign in text for sign in OUT_OF_MEMORY):
        crops = crop_keys(config, loader)
        advice = memory_advice(loader, batch_size, crops=crops)
        first = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
        return Row(BAD, "memory", f"in {stage}, a batch of {batch_size} does not fit: {first}", advice)
    traceback.print_exception(error, file=sys.stderr)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = lines[-1] if text.startswith("Caught ") and lines else " ".join(lines[:2])
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return Row(
        BAD, stage, f"{type(error).__name__} in {where}: {told[:300] or place.line} (traceback on stderr)"
    )


def _is_full(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _no_room(stage: str) -> Row:
    text = f"the folder for temporary files is full ({tempfile.gettempdir()}), so the trial could not go on"
    return Row(BAD, stage, text, ("→ set TMPDIR to a folder with more room",))


def device_rows(trial: Trial, outline: Mapping[str, str]) -> Iterator[Row]:
    """Yield what was built, and on what."""
    yield Row(GOOD, "model", outline["Model"])
    yield Row(GOOD, "device", outline["Device"])


def memory_rows(trial: Trial, config: Config, *, split: str, free: int, gpu_free: int) -> Iterator[Row]:
    """Yield what the trial held at its fullest, on the CPU's side and on the GPU's."""
    import torch

    loading, crops = trial.loaders[split], crop_keys(config, f"{split}_dataloader")
    if peak_memory()["process_bytes"]:
        yield memory_row(
            memory_of(trial, config, split=split, free=free), crops=crops, workers=loading.workers
        )
    if gpu_free:
        memory = Memory(
            peak=torch.cuda.max_memory_reserved(),
            settled=trial.watch.gpu_settled,
            free=gpu_free,
            place="GPU memory",
            batch_size=loading.batch_size,
            loader=f"{split}_dataloader",
        )
        yield memory_row(memory, crops=crops)


def memory_of(trial: Trial, config: Config, *, split: str, free: int) -> Memory:
    """Return what the trial held at its fullest, of the memory of the CPU."""
    watch, loading, loader = trial.watch, trial.loaders[split], f"{split}_dataloader"
    return Memory(
        peak=peak_memory()["process_bytes"] or 0,
        settled=watch.settled,
        loaders=watch.loaders,
        kept=kept_samples(loading, config, loader, free=free),
        free=free,
        batch_size=loading.batch_size,
        loader=loader,
    )


def gpu_memory() -> int:
    """Return the bytes that are free on the GPU in use; 0 where there is none."""
    import torch

    return int(torch.cuda.mem_get_info()[0]) if torch.cuda.is_available() else 0


def crop_keys(config: Config, loader: str) -> list[str]:
    """Return the keys of a config that set how large the images of a batch are."""
    found = []
    dataset, key = config[loader]["dataset"], f"{loader}.dataset"
    while "dataset" in dataset:
        dataset, key = dataset["dataset"], f"{key}.dataset"
    for index, step in enumerate(dataset.get("pipeline") or ()):
        kind = str(step.get("type"))
        for name in ("crop_size", "size", "scale", "scales"):
            if name in step and ("Crop" in kind or "Resize" in kind):
                found.append(f"{key}.pipeline.{index}.{name}")
    return found


def kept_samples(loading: Loading, config: Config, loader: str, *, free: int) -> int:
    """Return about how many bytes `KeepInMemory` will have filled in all loader processes at the end."""
    steps = [s for d in plain_configs(config[loader]["dataset"]) for s in d.get("pipeline") or ()]
    keeping = [step for step in steps if step.get("type") == "KeepInMemory"]
    sizes = loading.demand.sizes_hw
    if not keeping or not sizes:
        return 0
    pixels = sum(height * width for height, width in sizes) / len(sizes) * loading.demand.samples
    each = 4 * pixels  # three channels and a mask, a byte each
    return int(min(each * max(1, loading.workers), keeping[0].get("share", 0.25) * free))


def nearest_folder(path: Path) -> Path:
    """Return the folder itself, or the nearest one above it that is there."""
    path = path.absolute()
    return next((place for place in (path, *path.parents) if place.is_dir()), Path(path.anchor))


def place_of(path: Path) -> str:
    """Return the nearest folder of a path as a person calls it.

    >>> place_of(Path("work_dirs/that/is/not/there"))
    'the current folder'
    """
    folder = nearest_folder(path)
    if folder == Path.cwd():
        return "the current folder"
    return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)


def free_disk(path: Path) -> int:
    """Return the bytes that are free where a path will be."""
    return shutil.disk_usage(nearest_folder(path)).free


def loader_rows(loading: Loading, *, split: str) -> Iterator[Row]:
    """Yield what is odd about a loader before anything is loaded."""
    if loading.workers > cpu_count():
        text = f"{split}_dataloader.num_workers is {loading.workers}, and there are {cpu_count()} cores"
        yield Row(NOTE, "loading", text)
