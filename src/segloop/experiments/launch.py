"""Starts a training or a test from a config file and the user's flags."""

from __future__ import annotations

import itertools
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop.data.demo import MakeDemo
from segloop.experiments.class_weights import settle_class_weights
from segloop.experiments.config import find_checkpoint, find_config, is_semantic, load_config
from segloop.experiments.device import choose_device
from segloop.experiments.distributed import agreed, join, once, require_launcher
from segloop.experiments.mistakes import config_mistakes, require_names, require_parts, require_scores
from segloop.experiments.records import claimed
from segloop.experiments.resume import newest_whole, require_whole, resume_command
from segloop.experiments.same_run import settle_same
from segloop.experiments.testing import (
    copy_results,
    prepare_test,
    settle_outputs,
    test_classes,
    use_thresholds,
)
from segloop.experiments.writing import full_disks, require_writable
from segloop.utils.checkpoint_files import noted_checkpoint
from segloop.utils.errors import ConfigError
from segloop.utils.quiet import quiet, silent_imports

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner

TRAINING_SPLITS = ("train", "val")
TEST_SPLITS = ("test",)

_RUNS = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the flags that training and testing share ask for."""

    config: str
    work_dir: str | None = None
    overrides: Sequence[str] = ()
    device: str | None = None
    seed: int | None = None
    launcher: str = "none"
    unsafe_load: bool = False
    make_demo: MakeDemo | None = None  # makes the demo set that a config asks for if it is missing
    command: Sequence[str] = field(default_factory=lambda: list(sys.argv))

    @classmethod
    def of(cls, args: Namespace, *, make_demo: MakeDemo | None = None) -> Options:
        """Take the flags that `segloop.utils.flags.add_common` added to a tool."""
        return cls(
            config=args.config,
            work_dir=args.work_dir,
            overrides=args.cfg_options,
            device=args.device,
            seed=args.seed,
            launcher=args.launcher,
            unsafe_load=args.unsafe_load,
            make_demo=make_demo,
        )


def train(
    options: Options, *, resume: str | None = None, amp: bool = False, auto_scale_lr: bool = False
) -> Runner:
    """Train; `resume` is a checkpoint, `auto` (the newest of the work_dir) or `same`. Return the runner."""
    config = prepare_training(options, resume=resume, amp=amp, auto_scale_lr=auto_scale_lr)
    require_writable(Path(config.work_dir))
    with claimed(Path(config.work_dir)):
        if resume == "same":
            settle_resume(config, agreed(lambda: settle_same(config, options.make_demo)))  # it moves folders
        check_data(config, TRAINING_SPLITS, make_demo=options.make_demo)
        runner = build_runner(config)
        announce(runner)
        from segloop.experiments.checkpoints import trusting
        from segloop.experiments.recording import outcome

        try:
            with (
                full_disks("go on with --resume"),
                outcome(config.work_dir),
                trusting(options.unsafe_load),
                config_mistakes(),
            ):
                runner.train()
        except KeyboardInterrupt:
            say_how_to_go_on(options, work_dir=config.work_dir)
            raise
        return runner


def evaluate(
    options: Options,
    *,
    checkpoint: str | None = None,
    split: str | None = None,
    out: str | None = None,
    show: bool = False,
    show_dir: str | None = None,
    wait_time: float = 2.0,
    tta: bool = False,
    thresholds: bool = True,
) -> tuple[dict[str, float], Path]:
    """Test a checkpoint on a split; write the RUN folder. Return the metrics and the folder.

    `thresholds` says whether the `thresholds.json` beside the checkpoint is applied.
    """
    config, path, folder = prepare_testing(
        options,
        checkpoint=checkpoint,
        split=split,
        out=out,
        show=show,
        show_dir=show_dir,
        wait_time=wait_time,
        tta=tta,
    )
    told = use_thresholds(config, checkpoint=path, wanted=thresholds)
    require_writable(Path(config.work_dir))
    if out is not None:
        require_writable(Path(out) if is_semantic(config) else Path(out).parent, flag="--out")
    check_data(config, TEST_SPLITS, make_demo=options.make_demo)
    runner = build_runner(config)
    if told:
        runner.logger.info(told)
    from segloop.experiments.checkpoints import require_own, trusting

    with full_disks("test again"), trusting(options.unsafe_load), config_mistakes():
        require_own(runner.model, path, classes=test_classes(runner))
        metrics = runner.test()
        once(lambda: copy_results(folder, out))
    return metrics, folder


def prepare_training(
    options: Options, *, resume: str | None = None, amp: bool = False, auto_scale_lr: bool = False
) -> Config:
    """Load the config of a training and settle what its flags ask for."""
    config = prepare(options)
    require_parts(config, "train")
    require_names(config, "val_evaluator")
    require_scores(config)
    settle_class_weights(config)
    if amp:
        use_amp(config)
    scale = config.get("auto_scale_lr") or {}
    if auto_scale_lr or scale.get("enable"):
        if not {"enable", "base_batch_size"} <= set(scale):
            raise ConfigError("A scaled learning rate takes auto_scale_lr=dict(enable=…, base_batch_size=…).")
        scale["enable"] = True
    settle_precision(config)
    settle_resume(config, None if resume == "same" else resume)
    return config


def prepare_testing(
    options: Options,
    *,
    checkpoint: str | None,
    split: str | None,
    folds: Path | None = None,
    **outputs: Any,
) -> tuple[Config, Path, Path]:
    """Load the config of a test and settle what its flags ask for; find the checkpoint, name the RUN folder.

    `outputs` are those of `settle_outputs`, `folds` is that of `prepare_test`.
    """
    config = prepare(options)
    require_parts(config, "test")
    require_names(config, "test_evaluator")
    settle_class_weights(config)
    path = find_checkpoint(checkpoint, work_dir=config.work_dir)
    settle_precision(config)
    folder = prepare_test(config, checkpoint=path, split=split, command=options.command, folds=folds)
    settle_outputs(config, **outputs)
    return config, path, folder


def prepare(options: Options) -> Config:
    """Load the config and bring the process into the state that it asks for."""
    path = find_config(options.config)
    require_launcher(options.launcher, command=options.command)
    quiet()
    choose_device(options.device)
    from segloop import ops

    ops.install()  # the check of a plain mmdet config imports mmcv's operators
    config = load_config(path, overrides=options.overrides, work_dir=options.work_dir)
    from segloop.experiments.strict import check_config

    check_config(config, path=path, overrides=options.overrides)
    config.launcher = options.launcher
    if options.seed is not None:
        config.randomness = {**(config.get("randomness") or {}), "seed": options.seed}
    settle_loaders(config)
    join(config, command=options.command)
    return config


def use_amp(config: Config) -> None:
    """Turn mixed precision on, as `--amp` does in mmseg and mmdet, but on a CPU too."""
    wrapper = config.optim_wrapper
    kind = wrapper.get("type", "OptimWrapper")
    if kind == "AmpOptimWrapper":
        return
    if kind not in ("OptimWrapper", "AutocastOptimWrapper"):
        raise ConfigError(f"--amp works with optim_wrapper.type OptimWrapper, and the config has {kind!r}.")
    wrapper.update(type="AutocastOptimWrapper", enabled=True)  # even where it is slow: it was asked for


def settle_precision(config: Config) -> None:
    """Let validation and test run in the precision of training, unless the config says otherwise."""
    wrapper = config.get("optim_wrapper") or {}
    if wrapper.get("type") != "AutocastOptimWrapper":
        return
    from segloop.experiments.optim import fast_bfloat16

    enabled = wrapper.get("enabled", "auto")
    for name in ("val_cfg", "test_cfg"):
        if config.get(name):
            config[name].setdefault("fp16", fast_bfloat16() if enabled == "auto" else enabled)


def settle_resume(config: Config, resume: str | None) -> None:
    """Set the config's `load_from` and `resume` by what `--resume [CHECKPOINT]` or its own `resume` says.

    Of a folder the newest checkpoint is meant, never the best, which holds weights only.
    """
    if resume is None and not config.get("resume"):
        return
    resume = resume or config.get("load_from") or "auto"
    folder = Path(config.work_dir if resume == "auto" else resume).expanduser()
    if resume in ("best", "last") or (resume != "auto" and not folder.is_dir()):
        config.resume = True
        config.load_from = str(require_whole(find_checkpoint(resume, work_dir=config.work_dir)))
        return
    newest, damaged = newest_whole(folder)
    if newest is None and resume != "auto":
        raise ConfigError(f"There is no checkpoint in {folder} to go on with.")
    if newest is not None:
        config.load_from = str(newest)
    elif config.get("load_from") == "auto":
        config.load_from = None
    for line in damaged:
        _tell(f"{line} Going on from {newest}.")
    config.resume = newest is not None
    if newest is None:
        weights = f", from the weights of {config.load_from}" if config.get("load_from") else ""
        start = f"training starts from the beginning{weights}."
        _tell(f"Nothing to resume in {config.work_dir}; {start}")


def say_how_to_go_on(options: Options, *, work_dir: str) -> None:
    """Say which command goes on with a training that was stopped, and from where; one process says it."""
    from mmengine.dist import get_world_size

    saved = noted_checkpoint(work_dir)
    from_tool = bool(options.command) and Path(options.command[0]).name == "train.py"
    command = resume_command(
        options.command if from_tool else ["tools/train.py", options.config],
        processes=get_world_size() if options.launcher == "pytorch" else None,
    )
    where = f"To go on from {saved.name}" if saved else "Nothing was saved yet. To start again"
    _tell(f"\nStopped. {where}: {command}")


def _tell(line: str) -> None:
    """Say something once, however many processes train."""
    from mmengine.dist import is_main_process

    if is_main_process():
        print(line, file=sys.stderr)


def settle_loaders(config: Config) -> None:
    """Drop what a data loader without worker processes refuses, so that `num_workers=0` alone is enough."""
    for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
        loaders = config.get(name)
        for loader in loaders if isinstance(loaders, list | tuple) else [loaders]:
            if loader and not loader.get("num_workers"):
                loader.pop("prefetch_factor", None)
                loader.persistent_workers = False


def check_data(config: Config, splits: Sequence[str], *, make_demo: MakeDemo | None = None) -> None:
    """Make the demo set if the config asks for it and it is missing; refuse data that cannot be used."""
    from segloop.experiments.data_checks import draw_demo, require_data
    from segloop.experiments.folds import with_folds

    def check() -> None:
        draw_demo(config, make_demo)
        require_data(with_folds(config) if "train" in splits else config, splits)

    once(check)


def build_runner(config: Config) -> Runner:
    """Build the experiment's runner; what the config asks for in vain is said in words."""
    with silent_imports():
        from mmengine.registry import RUNNERS

        import segloop.experiments.components  # noqa: F401
    config.setdefault("runner_type", "ExperimentRunner")
    _keep_apart(config, nth=next(_RUNS))
    try:
        with config_mistakes():
            return RUNNERS.build(config)
    except (KeyError, TypeError, AttributeError) as error:
        if _is_building(error):
            raise ConfigError(
                f"The config asks for something that cannot be built: {_words(error)}"
            ) from error
        raise


def _keep_apart(config: Config, *, nth: int) -> None:
    """Give the second and later runs of one process names of their own.

    mmengine finds loggers and visualizers by name and by the second of the start; with the same name a run
    would write into the folder of the one before it.
    """
    if nth == 0:
        return
    config.setdefault("experiment_name", f"{Path(config.filename or 'run').stem}-{nth}")
    visualizer = config.get("visualizer")
    if visualizer and "name" in visualizer:
        visualizer.name = f"{visualizer.name}-{nth}"


def announce(runner: Runner) -> None:
    """Say in a few lines what is about to run, on what, and where it will be kept."""
    for name, text in outline(runner).items():
        runner.logger.info(f"{name:<10}{text}")


def outline(runner: Runner) -> dict[str, str]:
    """Return what is about to run, on what, and where it will be kept."""
    import torch
    from mmengine.device import get_device
    from mmengine.dist import get_world_size

    from segloop.ops import status

    config = runner.cfg
    kind = get_device()
    where = torch.cuda.get_device_name() if kind == "cuda" else f"threads: {torch.get_num_threads()}"
    processes = f"{get_world_size()} x " if get_world_size() > 1 else ""
    parameters = sum(value.numel() for value in runner.model.parameters())
    lines = {
        "Model": f"{config.model.type}, {parameters / 1e6:.1f} M parameters",
        "Device": f"{processes}{kind} ({where}), {_precision(config)}, mmcv operators: {status().kind}",
    }
    loop, loader = config.get("train_cfg"), config.get("train_dataloader")
    if loop and loader:
        length = f"{loop.max_iters} iterations" if "max_iters" in loop else f"{loop.max_epochs} epochs"
        every = loop.get("val_interval", 1)
        lines["Training"] = f"{length} of {processes}{loader.batch_size} images, validation every {every}"
    return {**lines, "Folder": str(runner.work_dir)}


def _precision(config: Config) -> str:
    wrapper = config.get("optim_wrapper") or {}
    if config.get("train_cfg") and wrapper.get("type") == "AmpOptimWrapper":
        return str(wrapper.get("dtype") or "float16")  # torch's own on a GPU, which this wrapper needs
    return "bfloat16" if (config.get("val_cfg") or {}).get("fp16") else "float32"


def _is_building(error: Exception) -> bool:
    text = str(error)
    return "is not in the" in text or "unexpected keyword" in text or "missing" in text or "`type`" in text


def _words(error: Exception) -> str:
    return " ".join(str(error.args[0] if error.args else error).split())


def summary(metrics: dict[str, Any]) -> str:
    """Return the scores over all classes in one line, as logged (percent); say so where there is none."""
    scores = {name: value for name, value in metrics.items() if "." not in name and "loss" not in name}
    told = [f"{name} {value:.2f}" for name, value in scores.items() if isinstance(value, int | float)]
    return "  ".join(told) or "There is no score: nothing to judge by."
