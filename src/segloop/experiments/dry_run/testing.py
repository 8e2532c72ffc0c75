"""Tries a test: config, folders, data, whether the checkpoint is this model's, a few batches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop.experiments.dry_run import attempt as attempts
from segloop.experiments.dry_run import data as data_rows
from segloop.experiments.dry_run import estimate, sandbox
from segloop.experiments.dry_run.report import BAD, GOOD, NOTE, Report, Row, duration, plural, size
from segloop.experiments.dry_run.stopwatch import Stopwatch
from segloop.experiments.dry_run.training import config_row, demo_row, validation_row
from segloop.experiments.dry_run.trial import Trial, build_test
from segloop.experiments.launch import TEST_SPLITS, Options, outline, prepare_testing
from segloop.experiments.testing import use_thresholds
from segloop.experiments.writing import require_writable
from segloop.utils.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config

READY = "Ready: this test will start and write its RUN."
NOT_READY = "Not ready:"


def try_test(
    options: Options,
    *,
    scratch: Path,
    report: Report | None = None,
    checkpoint: str | None = None,
    split: str | None = None,
    thresholds: bool = True,
    **outputs: Any,
) -> int:
    """Try a test and report; `scratch` is a folder to throw away. Return the exit code.

    `outputs` are those of `segloop.experiments.testing.settle_outputs`.
    """
    report = Report() if report is None else report
    before = attempts.Before.now()
    report.say(f"Trying {options.config}. Nothing is kept.\n")
    folds = scratch / "folds"
    config, path, folder = prepare_testing(
        options, checkpoint=checkpoint, split=split, folds=folds, **outputs
    )
    report.add(config_row(config))
    if split not in (None, "test"):
        report.add(Row(GOOD, "split", f"{split}; below it is called test, for it takes the test's place"))
    if told := use_thresholds(config, checkpoint=path, wanted=thresholds):
        report.add(Row(GOOD, "thresholds", told))
    try_folders(config, folder, report)
    whole = sandbox.demo_in_scratch(config, scratch, options.make_demo)
    if whole:
        report.add(demo_row(config, whole))
    data = data_rows.look_at_files(config, TEST_SPLITS, report)
    if data.usable:
        _try_batches(config, path, options, data, report, scratch=scratch, before=before)
    else:
        report.say("  Nothing was tried on these data.")
    return report.close(ready=READY, not_ready=NOT_READY)


def _try_batches(
    config: Config,
    path: Path,
    options: Options,
    data: data_rows.Data,
    report: Report,
    *,
    scratch: Path,
    before: attempts.Before,
) -> None:
    from segloop.experiments.checkpoints import trusting

    gpu_free = attempts.gpu_memory()
    copy, work_dir = sandbox.into_scratch(config, scratch)
    watch = Stopwatch(scratch)
    trial = None
    with (
        attempts.attempt(report, watch, config=config, loader="test_dataloader", hide=work_dir),
        trusting(options.unsafe_load),
    ):
        trial = build_test(copy, work_dir, facts=data.facts.get("test", {}), watch=watch)
        data_rows.look_at_loaded({"test": trial.loaders["test"].dataset}, config, data, report)
        report.add(attempts.device_rows(trial, outline(trial.runner)))
        watch.at("checkpoint")
        report.add(checkpoint_rows(path, trial))
        start_s = before.passed_s
        trial.runner.test()
        report.add(validation_row(trial, "test"))
        report.add(estimate_rows(trial, config, start_s=start_s))
        report.add(before.rows())
        report.add(attempts.memory_rows(trial, config, split="test", free=before.memory, gpu_free=gpu_free))


def try_folders(config: Config, folder: Path, report: Report) -> None:
    """Report whether the places that a test writes to can be written."""
    try:
        require_writable(Path(config.work_dir), keep=False)
    except UserError as error:
        report.refuse("work_dir", error)
    else:
        text = f"{folder} is there and will be replaced" if folder.is_dir() else f"{folder} will be written"
        report.add(Row(NOTE if folder.is_dir() else GOOD, "RUN", text))
    for path in sandbox.outputs(config, "test_evaluator"):
        place = attempts.nearest_folder(path if path.is_dir() else path.parent)
        if not os.access(place, os.W_OK):
            report.add(Row(BAD, "out", f"{path} cannot be written"))


def checkpoint_rows(path: Path, trial: Trial) -> Iterator[Row]:
    """Yield whether a checkpoint is this model's, and knows the classes by the same names."""
    from segloop.experiments.checkpoints import class_difference, read_checkpoint, require_fit, weights_in

    content = read_checkpoint(path)
    weights = weights_in(content, path=path)
    model = trial.runner.model
    wanted = (getattr(trial.loaders["test"].dataset, "metainfo", None) or {}).get("classes")
    told = class_difference(content, wanted)
    require_fit(model, weights, path=path, classes=told)
    meta = content.get("meta") if isinstance(content, dict) else None
    meta = meta if isinstance(meta, dict) else {}
    reached = f", after iteration {meta['iter']}" if isinstance(meta.get("iter"), int) else ""
    text = f"{path}: all {len(model.state_dict())} tensors are the model's{reached}"
    yield Row(GOOD, "checkpoint", text)
    if told:
        yield Row(BAD, "classes", told)


def estimate_rows(trial: Trial, config: Config, *, start_s: float) -> Iterator[Row]:
    """Yield time and disk of the whole test."""
    watch, loading = trial.watch, trial.loaders["test"]
    usual = watch.batches[1:] or watch.batches
    batch_s = sum(usual) / len(usual)
    total = loading.batches * batch_s + watch.scores_s + start_s
    parts = f"{plural(loading.batches, 'batch')} x {duration(batch_s)}, start {duration(start_s)}"
    yield Row(GOOD, "time", f"about {duration(total)}: {parts}")
    written = sum(file.stat().st_size for file in trial.work_dir.glob("test/*/**/*") if file.is_file())
    needed = int(written / max(1, loading.tried) * loading.demand.samples)
    free = attempts.free_disk(Path(config.work_dir))
    place = attempts.place_of(Path(config.work_dir))
    mark = GOOD if needed <= estimate.TIGHT * free else NOTE if needed <= free else BAD
    yield Row(mark, "disk", f"{size(needed)} for the RUN; {size(free)} free in {place}")
