"""mmengine's runner with a quiet console, a full log file, and a model that suits the machine."""

from __future__ import annotations

import logging
import re
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper, revert_sync_batchnorm
from mmengine.registry import RUNNERS
from mmengine.runner import BaseLoop, Runner
from torch import nn
from torch.utils.data import DataLoader

from segloop.experiments import loading
from segloop.experiments.acceleration import accelerate, compile_networks
from segloop.experiments.checkpoints import read_checkpoint, require_own, require_start, weights_in
from segloop.experiments.folds import with_folds
from segloop.experiments.hooks.plain import PlainCheckpointHook
from segloop.experiments.loops import exact_loop
from segloop.experiments.optim import validating_in_bfloat16
from segloop.experiments.recording import RecordTrainingHook
from segloop.experiments.stopping import outliving, stopping
from segloop.utils.cli import let_go
from segloop.utils.errors import ConfigError, listing
from segloop.utils.quiet import noisy

loading.install()  # whatever a runner loads is read as data, and what its checkpoints hold comes back

# Long records that open every log; a person at a console wants the run, not the inventory.
FILE_ONLY = (
    "\n------------------------------------------------------------\nSystem environment",
    "Config:\n",
)
FILE_ONLY_PARTS = (
    '"HardDiskBackend" is the alias',
    "Checkpoints will be saved to",
    "Exp name:",
    "Hooks will be executed in the following order",
    "Distributed training is not used, all SyncBatchNorm",
    "The prefix is not set in metric class",
    "Because batch augmentations are enabled",
    "Unexpected key(s) in state_dict",
    "All model parameters are initialized",
    "was not initialized by init_cfg",
    '"FileClient" will be deprecated',
    "Failed to search registry with scope",
    "paramwise_options",
    "Resumed iteration number is not divisible",  # the checkpoint hook says what of the gradients is lost
)
ITS_HOOKS = ("runtime_info", "timer", "sampler_seed", "logger", "param_scheduler", "checkpoint")


@RUNNERS.register_module()
class ExperimentRunner(Runner):
    """Runs an experiment as mmengine does; what reaches the console differs, and how fast it computes.

    A run that was killed goes on exactly, with mmengine's own loops and checkpoint hook in the config too.
    `env_cfg.memory_format` lays out the weights: `channels_last` or `contiguous`. `compile=True`, or a dict
    of `torch.compile`'s arguments, compiles backbone, neck and decode head (on a CPU by a C++ compiler).
    """

    def train(self) -> nn.Module:
        """Train; a signal to stop saves a checkpoint first."""
        if not any(isinstance(hook, RecordTrainingHook) for hook in self.hooks):
            super().dump_config()
        if self.cfg.get("kfold"):  # the config itself stays as it was written
            folded = with_folds(self.cfg)
            self._train_dataloader, self._val_dataloader = folded.train_dataloader, folded.val_dataloader
            self._val_evaluator = folded.val_evaluator
        if self._load_from and not self._resume:
            self._look_at_start(str(self._load_from))
        with stopping(self), self._precision():
            return super().train()

    def _look_at_start(self, path: str) -> None:
        """Refuse to start from another model's weights; say which layers do not start from these."""
        if "://" in path:
            return
        fit = require_start(self.model, path)
        anew = [*fit.missing, *(text.partition(":")[0] for text in fit.reshaped)]
        if anew:
            begun = f"{fit.fitting} of {fit.wanted} tensors start from {path}"
            self.logger.info(f"{begun}; anew start:\n{listing(anew, most=20)}")

    def test(self) -> dict[str, float]:
        """Test; the work_dir keeps the config that it was trained with."""
        if not (Path(self.work_dir) / Path(self.cfg.filename or f"{self.timestamp}.py").name).exists():
            super().dump_config()
        with self._precision():
            return super().test()

    def _precision(self) -> AbstractContextManager[None]:
        """Return what lets validation and test compute in the type that training does."""
        kind = (self.cfg.get("optim_wrapper") or {}).get("type")
        halved = any((self.cfg.get(name) or {}).get("fp16") for name in ("val_cfg", "test_cfg"))
        return validating_in_bfloat16() if halved and kind == "AutocastOptimWrapper" else nullcontext()

    def dump_config(self) -> None:
        """Leave it to training and test: mmengine lets a test replace what the work_dir was trained with."""

    def set_randomness(self, seed: int | None, diff_rank_seed: bool = False, **kwargs: Any) -> None:
        """Take one seed for all processes, whatever `diff_rank_seed` says: what each draws goes by its rank.

        Of seeds that differ only the first one's is in the checkpoint.
        """
        super().set_randomness(seed, **kwargs)

    @staticmethod
    def build_dataloader(
        dataloader: DataLoader | dict, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """Build a loader whose order follows from the seed, and whose processes outlive a request to stop."""
        built = Runner.build_dataloader(dataloader, seed)
        if built is not dataloader and built.num_workers:
            built.worker_init_fn = outliving(built.worker_init_fn)
        return built

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the training loop, of the kind that can begin in the middle."""
        return super().build_train_loop(exact_loop(loop))

    def register_default_hooks(self, hooks: dict[str, Any] | None = None) -> None:
        """Register the config's hooks, with those that an exact resume needs."""
        hooks = dict(hooks or {})
        checkpoint = hooks.get("checkpoint", {"type": "CheckpointHook", "interval": 1})
        if isinstance(checkpoint, dict) and checkpoint.get("type") == "CheckpointHook":
            hooks["checkpoint"] = {**checkpoint, "type": "SegLoopCheckpointHook"}
        hooks.setdefault("finite_loss", {"type": "FiniteLossHook"})
        # mmengine takes None for "without" of its own hooks, and stumbles over it for others
        super().register_default_hooks({n: h for n, h in hooks.items() if h is not None or n in ITS_HOOKS})

    def register_hooks(
        self, default_hooks: dict | None = None, custom_hooks: list[Hook | dict] | None = None
    ) -> None:
        """Register the config's hooks, those that record, and the one that keeps checkpoints free of code."""
        kinds = [hook.get("type") if isinstance(hook, dict) else type(hook) for hook in custom_hooks or ()]
        if not {"RecordTrainingHook", RecordTrainingHook} & set(kinds):
            default_hooks = {"record": {"type": "RecordTrainingHook"}, **(default_hooks or {})}
        super().register_hooks(default_hooks, custom_hooks)
        self.register_hook(PlainCheckpointHook(), priority="LOWEST")

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Go on from a checkpoint; one that holds weights only is told apart from a damaged one."""
        self._look_at_resumed(filename)
        try:
            super().resume(filename, *args, **kwargs)
        except KeyError as error:
            if error.args[0] not in ("meta", "epoch", "iter", "message_hub"):
                raise
            raise ConfigError(
                f"{filename} holds weights, but not where its training was, so there is nothing to resume. "
                f"To start a training from them: --cfg-options load_from={filename}"
            ) from error

    def _look_at_resumed(self, path: str) -> None:
        """Refuse to go on with another model's training, one on other classes, or by another optimizer.

        mmengine takes the weights that fit and all of the optimizer's state, whose shapes are then not the
        model's: torch's fused AdamW ends in a segmentation fault.
        """
        if "://" in path:
            return
        content = read_checkpoint(path)
        weights_in(content, path=path)  # a damaged file is told as such
        data = getattr(self._train_loop, "dataloader", None)
        names = (getattr(getattr(data, "dataset", None), "metainfo", None) or {}).get("classes")
        try:
            require_own(self.model, path, classes=names)
            _require_optimizer(self.optim_wrapper, content, path=path)
        except ConfigError as error:
            raise ConfigError(
                f"{error}\nSo --resume cannot go on with its training. To start one from its weights: "
                f"--cfg-options load_from={path}"
            ) from error

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Bring the model into the machine's fastest form before it goes to the device."""
        if self.distributed and get_device() in ("cpu", "mps") and _has_synchronized_norms(model):
            self.logger.info("SyncBatchNorm needs GPUs; each process normalizes by its own images.")
            model = revert_sync_batchnorm(model)
        layout = self.cfg.get("env_cfg", {}).get("memory_format", "contiguous")
        return super().wrap_model(model_wrapper_cfg, accelerate(model, memory_format=layout))

    def _maybe_compile(self, target: str) -> None:
        """Compile the networks, not mmengine's whole `target`, where the config says `compile`."""
        asked = self.cfg.get("compile")
        if asked:
            model = self.model.module if is_model_wrapper(self.model) else self.model
            compile_networks(model, **(asked if isinstance(asked, dict) else {}))
            self.logger.info("The networks will be compiled; the first iterations take minutes.")

    def build_logger(
        self, log_level: int | str = "INFO", log_file: str | None = None, **kwargs: Any
    ) -> MMLogger:
        """Build the logger; its console handler leaves the inventory to the log file."""
        logger = super().build_logger(log_level=log_level, log_file=log_file, **kwargs)
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                to_console(handler)
        return logger


def _has_synchronized_norms(model: nn.Module) -> bool:
    return any(isinstance(module, nn.SyncBatchNorm) for module in model.modules())


def _require_optimizer(wrapper: Any, content: Any, *, path: str) -> None:
    """Refuse the state of an optimizer that has other settings than the config's, and lacks some of them.

    Versions of torch differ in one direction alone: the newer one has settings that the older one lacks. One
    of other groups is refused as well, as torch would.
    """
    optimizer = getattr(wrapper, "optimizer", None)  # not built yet, or several
    saved = content.get("optimizer") if isinstance(content, dict) else None
    groups = saved.get("param_groups") if isinstance(saved, dict) else None
    if not isinstance(optimizer, torch.optim.Optimizer) or not groups:
        return
    there, here = set(groups[0]) - {"params", "param_names", "initial_lr"}, set(optimizer.defaults)
    if there - here and here - there:
        its, ours = ", ".join(sorted(there - here)), ", ".join(sorted(here - there))
        raise ConfigError(
            f"{path} was trained by another optimizer than the config's {type(optimizer).__name__}: "
            f"the file's has {its}, the config's {ours}."
        )
    those, these = (
        [len(group.get("params", ())) for group in each] for each in (groups, optimizer.param_groups)
    )
    if those != these:
        raise ConfigError(
            f"{path} has {len(those)} groups of parameters in its optimizer, and the config makes "
            f"{len(these)}: optim_wrapper.paramwise_cfg is not what it was."
        )


class ConsoleFormatter(logging.Formatter):
    """Writes a record without the scores per class, which the table above it has shown."""

    def format(self, record: logging.LogRecord) -> str:
        return re.sub(r"  (?:IoU|Dice|\w+/[\w@]+)\.[^:\n]+: \S+", "", super().format(record))


def to_console(handler: logging.StreamHandler) -> None:
    """Make a handler write what is meant for a person; where nobody reads any more the run goes on."""

    def report(record: logging.LogRecord) -> None:
        if not let_go():
            logging.StreamHandler.handleError(handler, record)

    handler.addFilter(for_console)
    handler.setFormatter(ConsoleFormatter("%(asctime)s  %(message)s", datefmt="%H:%M:%S"))
    handler.setStream(sys.stdout)
    handler.handleError = report  # type: ignore[method-assign]


def for_console(record: logging.LogRecord) -> bool:
    """Return whether a log record is meant for a person who watches."""
    if noisy() or record.levelno >= logging.ERROR:
        return True
    text = record.getMessage()
    return not text.startswith(FILE_ONLY) and not any(part in text for part in FILE_ONLY_PARTS)
