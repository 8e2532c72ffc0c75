"""Tries a training: config, folders, data, weights, a few steps, a validation; says what it all will take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop.experiments.config import last_checkpoint
from segloop.experiments.dry_run import attempt as attempts
from segloop.experiments.dry_run import data as data_rows
from segloop.experiments.dry_run import estimate, sandbox
from segloop.experiments.dry_run.report import BAD, GOOD, NOTE, Report, Row, duration, plural
from segloop.experiments.dry_run.stopwatch import SAVING, Stopwatch
from segloop.experiments.dry_run.trial import DONE, Loading, Trial, build_training, run_training
from segloop.experiments.folds import with_folds
from segloop.experiments.launch import (
    TRAINING_SPLITS,
    Options,
    outline,
    prepare_training,
    settle_resume,
)
from segloop.experiments.records import running_process
from segloop.experiments.same_run import BEFORE, is_same
from segloop.experiments.writing import require_writable
from segloop.utils.atomic import write_json
from segloop.utils.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config

READY = "Ready: this training will start and reach its first validation."
NOT_READY = "Not ready:"


def try_training(
    options: Options,
    *,
    scratch: Path,
    report: Report | None = None,
    measured: Path | None = None,
    resume: str | None = None,
    amp: bool = False,
    auto_scale_lr: bool = False,
) -> int:
    """Try a training and report; `scratch` is a folder to throw away. Return the exit code.

    What was measured is written to the file `measured`, if one is named, as JSON.
    """
    report = Report() if report is None else report
    before = attempts.Before.now()
    report.say(f"Trying {options.config}. Nothing is kept.\n")
    config = prepare_training(options, resume=resume, amp=amp, auto_scale_lr=auto_scale_lr)
    report.add(config_row(config))
    if resume == "same" and is_same(config):
        settle_resume(config, "auto")
    try_folder(config, report, aside=resume == "same")
    whole = sandbox.demo_in_scratch(config, scratch, options.make_demo)
    if whole:
        report.add(demo_row(config, whole))
    try:
        config = with_folds(config, folder=scratch / "folds")
    except UserError as error:
        report.refuse("kfold", error)
    data = data_rows.look_at_files(config, TRAINING_SPLITS, report)
    report.add(sandbox.backend_rows(config))
    if data.usable:
        found = _try_steps(config, options, data, report, scratch=scratch, before=before, whole=whole or {})
        if measured is not None:
            write_json(measured, found)
    else:
        report.say("  No step was tried on these data.")
    return report.close(ready=READY, not_ready=NOT_READY)


def _try_steps(
    config: Config,
    options: Options,
    data: data_rows.Data,
    report: Report,
    *,
    scratch: Path,
    before: attempts.Before,
    whole: dict[str, int],
) -> dict[str, float]:
    """Try some steps, report, and return what they took: seconds and bytes."""
    from segloop.experiments.checkpoints import trusting

    gpu_free = attempts.gpu_memory()
    copy, work_dir = sandbox.into_scratch(config, scratch)
    watch = Stopwatch(scratch)
    trial = None
    with (
        attempts.attempt(report, watch, config=config, loader="train_dataloader", hide=work_dir),
        trusting(options.unsafe_load),
    ):
        trial = build_training(copy, work_dir, facts=data.facts, watch=watch)
        datasets = {split: loading.dataset for split, loading in trial.loaders.items()}
        data_rows.look_at_loaded(datasets, config, data, report)
        report.add(attempts.device_rows(trial, outline(trial.runner)))
        report.add(attempts.loader_rows(trial.loaders["train"], split="train"))
        report.add(weight_rows(config, trial.runner.model))
        start_s = before.passed_s
        try:
            run_training(trial)
        finally:
            report.add(step_rows(trial))
        report.add(resume_rows(config, trial))
    if trial is not None and watch.stage == DONE and watch.steps:
        report.add(estimate_rows(trial, config, start_s=start_s, whole=whole))
        report.add(before.rows(alone_s=watch.alone_s))
        report.add(attempts.memory_rows(trial, config, split="train", free=before.memory, gpu_free=gpu_free))
        cost = cost_of(trial, start_s=start_s, whole=whole)
        memory = attempts.memory_of(trial, config, split="train", free=before.memory)
        # Other programs may have had the cores meanwhile; they will not have them all the time.
        share = min(1.0, (watch.alone_s or cost.step) / cost.step) if cost.step else 1.0
        return {
            "step_s": share * cost.step,
            "validation_s": share * cost.validation,
            "memory_bytes": memory.total,
            "memory_free": memory.free,
        }
    return {}


def config_row(config: Config) -> Row:
    """Return that the strict check has passed; had it not, nothing would have come this far."""
    if config.get("strict", True):
        return Row(GOOD, "config", "each key is read, each argument is known and of the right kind")
    return Row(NOTE, "config", "strict=False: faults are warnings, on stderr")


def try_folder(config: Config, report: Report, *, aside: bool = False) -> None:
    """Report whether the work_dir can be written, and what is in it; `aside`: a run moves that aside."""
    folder = Path(config.work_dir)
    try:
        require_writable(folder, keep=False)
    except UserError as error:
        report.refuse("work_dir", error)
        return
    if process := running_process(folder):
        text = f"{folder}: a training writes there now (process {process})"
        report.add(Row(BAD, "work_dir", text, ("→ wait for it, or choose another --work-dir",)))
        return
    saved = last_checkpoint(folder)
    if saved is not None and not config.get("resume"):
        text = f"{folder} holds an earlier run, up to {saved.name}"
        if aside:
            report.add(
                Row(NOTE, "work_dir", f"{text}, which is another; it will be moved to {folder}{BEFORE}")
            )
            return
        text += "; files of the same name will be replaced"
        report.add(Row(NOTE, "work_dir", text, ("→ --resume goes on with it, --work-dir spares it",)))
        return
    report.add(Row(GOOD, "work_dir", f"{folder} can be written{'' if folder.is_dir() else '; it is new'}"))


def demo_row(config: Config, whole: dict[str, int]) -> Row:
    """Return that the data will be drawn by the run, and that this is a sample."""
    counts = ", ".join(f"{count} {split}" for split, count in whole.items())
    text = (
        f"{config.demo['root']} is missing: the run will draw the demo set ({counts}); tried on a few scenes"
    )
    return Row(NOTE, "data", text)


def weight_rows(config: Config, model: Any) -> Iterator[Row]:
    """Yield which tensors of `load_from` a training that starts anew will take."""
    from segloop.experiments.checkpoints import compare_weights, read_weights

    path = config.get("load_from")
    if not path or config.get("resume") or "://" in str(path):
        return
    fit = compare_weights(model, read_weights(path))
    below = tuple(line for part in fit.parts() for line in part.splitlines())
    mark = GOOD if fit.exact else NOTE if fit.fitting else BAD
    yield Row(mark, "load_from", f"{path}: {fit.fitting} of {fit.wanted} tensors fit the model's", below)


def resume_rows(config: Config, trial: Trial) -> Iterator[Row]:
    """Yield where a resumed run goes on."""
    if not config.get("resume"):
        return
    place = f"{config.load_from} goes on after iteration {trial.start_iter} of {trial.max_iters}"
    if not trial.watch.steps:
        yield Row(BAD, "resume", f"{place}: nothing is left to train", ("→ raise train_cfg.max_iters",))
    else:
        yield Row(GOOD, "resume", place)


def step_rows(trial: Trial) -> Iterator[Row]:
    """Yield what the tried steps did."""
    watch, train = trial.watch, trial.loaders["train"]
    if not watch.steps:
        return
    text = f"{plural(len(watch.steps), 'step')} of {plural(train.batch_size, 'image')}"
    text += f", {_demanding(train)} first"
    if watch.usual_steps:
        text += f": {duration(sum(watch.usual_steps) / len(watch.usual_steps))} a step"
    loss = "" if watch.loss is None else f", loss {watch.loss:.3g}"
    yield Row(GOOD, "training", f"{text}{loss}")
    if "val" in trial.loaders and watch.stage in (SAVING, DONE):
        yield validation_row(trial)


def validation_row(trial: Trial, split: str = "val") -> Row:
    """Return what the tried batches of an evaluation gave."""
    watch, loading = trial.watch, trial.loaders[split]
    scores = [name for name in watch.scores if "." not in name and "loss" not in name]
    name = "validation" if split == "val" else split
    text = f"{plural(len(watch.batches), 'batch')} of "
    text += f"{plural(loading.batch_size, 'image')}, {_demanding(loading)} first"
    if not scores:
        return Row(NOTE, name, f"{text}; no score, for nothing was found in these images")
    return Row(GOOD, name, f"{text}; scores: {', '.join(scores[:8])}{' …' * (len(scores) > 8)}")


def cost_of(trial: Trial, *, start_s: float, whole: dict[str, int]) -> estimate.Cost:
    """Return what steps, validations and saves of the whole run will take."""
    watch, val = trial.watch, trial.loaders.get("val")
    val_batches = 0 if val is None else val.batches
    if val is not None and "val" in whole:
        val_batches = -(-whole["val"] // val.batch_size)
    first = len(watch.steps) - len(watch.usual_steps)
    return estimate.cost(
        steps=watch.usual_steps or watch.steps,
        waits=watch.waits[first:],
        batches=watch.batches,
        val_batches=val_batches,
        scores_s=watch.scores_s,
        save_s=trial.save_s,
        start_s=start_s,
    )


def estimate_rows(trial: Trial, config: Config, *, start_s: float, whole: dict[str, int]) -> Iterator[Row]:
    """Yield time and disk of the whole run."""
    train = trial.loaders["train"]
    schedule = estimate.Schedule.of(
        config.train_cfg,
        start=trial.start_iter,
        steps=trial.max_iters,
        per_epoch=train.batches,
        validates="val" in trial.loaders,
    )
    cost = cost_of(trial, start_s=start_s, whole=whole)
    disk = disk_of(trial, config, schedule)
    yield estimate.time_row(schedule, cost, saves=disk.saves if disk.checkpoint else 0)
    yield from estimate.waiting_rows(cost, workers=train.workers)
    yield estimate.disk_row(disk)


def disk_of(trial: Trial, config: Config, schedule: estimate.Schedule) -> estimate.Disk:
    """Return what the run's checkpoints and logs will take."""
    from mmengine.hooks import LoggerHook

    from segloop.experiments.hooks.checkpoint import SegLoopCheckpointHook

    hooks = trial.runner.hooks
    saving = next((hook for hook in hooks if isinstance(hook, SegLoopCheckpointHook)), None)
    logging = next((hook for hook in hooks if isinstance(hook, LoggerHook)), None)
    settings = (config.get("default_hooks") or {}).get("checkpoint") or {}
    place = Path(settings.get("out_dir") or config.work_dir)
    return estimate.Disk(
        checkpoint=trial.checkpoint_bytes,
        saves=schedule.saves(saving.interval, by_epoch=saving.by_epoch) if saving else 0,
        keep=saving.max_keep_ckpts if saving else 0,
        best=trial.best_bytes,
        bests=len(saving.key_indicators) if saving and saving.save_best else 0,
        logs=estimate.log_bytes(schedule, interval=logging.interval if logging else 10),
        free=attempts.free_disk(place),
        where=attempts.place_of(place),
    )


def _demanding(loading: Loading) -> str:
    demand = loading.demand
    size = demand.largest_hw
    words = [f"the largest ({size[1]}x{size[0]})" if size and size[0] else "the first"]
    if demand.most_instances:
        words.append(f"the fullest ({plural(demand.most_instances, 'instance')})")
    return " and ".join(words)
