"""Checkpoints that a run can go on from exactly, whatever happened while they were written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_world_size, is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.registry import HOOKS

from segloop.experiments.distributed import any_of_all
from segloop.experiments.hooks.finite import require_finite_weights
from segloop.experiments.loops import VALIDATED
from segloop.utils.atomic import clear_remains, open_atomic, write_text
from segloop.utils.checkpoint_files import NOTE, last_checkpoint
from segloop.utils.errors import ConfigError, UserError, nearest

BACKEND = "segloop_atomic"
KEPT = "kept_checkpoints"  # the hub's list of the names that the run keeps
DROPPED = "dropped_checkpoints"  # of those that go once the one that says so is saved


@register_backend(BACKEND, force=True)
class AtomicBackend(LocalBackend):
    """mmengine's file backend for local disks, but a file is the old one or the whole new one."""

    def put(self, obj: bytes, filepath: Path | str) -> None:
        """Write a file."""
        with open_atomic(filepath, "wb") as file:
            file.write(obj)


@HOOKS.register_module()
class SegLoopCheckpointHook(CheckpointHook):
    """Save as mmengine's `CheckpointHook` does, and takes what it takes, so that nothing is lost by a kill.

    Files are written atomically, and older ones are removed only then; two are kept at least, for a damaged
    one must leave another. What was saved before a validation is saved again after it, with the scores. With
    `stop_asked` the run is saved and ended (KeyboardInterrupt) after the iteration, even in a validation. Of
    several processes, whose signals come in different iterations, all end after the same one, in training.
    """

    max_keep_ckpts: int
    backend_args: dict | None
    last_ckpt: str | None
    stop_asked = False
    asked: Callable[[bool], bool] = staticmethod(bool)
    saved_at: int | None = None  # the iteration of `last_ckpt`
    gradients: dict[str, torch.Tensor] | None = None

    def before_train(self, runner: Any) -> None:
        """Find where to save and what is there already."""
        if self.max_keep_ckpts > 0:
            self.max_keep_ckpts = max(2, self.max_keep_ckpts)
        super().before_train(runner)
        if self.backend_args is self.file_client_args is None and isinstance(self.file_backend, LocalBackend):
            self.backend_args = {"backend": BACKEND}
        if self.backend_args == {"backend": BACKEND} and is_main_process():
            for folder in {Path(self.out_dir), Path(runner.work_dir)}:
                clear_remains(folder)  # of a kill while something was written
            if (
                not runner._resume
            ):  # of an earlier training in this folder, which --resume must not go on with
                (Path(runner.work_dir) / NOTE).unlink(missing_ok=True)
        older = [self.filename_tmpl.format(step) for step in getattr(self, "keep_ckpt_ids", ())]
        self.kept = list(runner.message_hub.runtime_info.get(KEPT, older))
        self._remove(runner.message_hub.runtime_info.get(DROPPED, ()))  # a kill may have come in between
        if self.save_best:  # a run that goes on from another's checkpoint must not remove that one's best
            self._set_best({name: self._here(path) for name, path in self._best().items()})
        source = (runner._load_from or last_checkpoint(runner.work_dir)) if runner._resume else None
        if source is not None and Path(source).resolve().parent == Path(self.out_dir).resolve():
            self.last_ckpt, self.saved_at = str(source), runner.iter
        if runner._resume and _accumulates(runner.optim_wrapper):
            self._tell_of_lost_gradients(runner)
        if self.gradients is not None:
            for name, value in _plain(runner.model).named_parameters():
                if name in self.gradients:
                    value.grad = self.gradients[name].to(value.device)
            self.gradients = None
        self.asked = any_of_all()

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Save if it is time, or if the run is to stop."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        if self.asked(self.stop_asked):
            self._stop(runner, reached=runner.iter + 1)

    def after_val_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Save and stop in the middle of a validation, if the run is to stop; resuming begins with it."""
        if self.stop_asked and get_world_size() == 1:  # others have other shares of the validation
            for hook in runner.hooks:
                if isinstance(hook, EMAHook):
                    hook._swap_ema_parameters()  # a validation runs with the averaged weights in place
            self._stop(runner, reached=runner.iter)

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Save the best weights; remove the former best ones only then."""
        if not self.save_best:
            return
        metrics = _with_undefined(self.key_indicators, dict(metrics or {}), runner)
        _require_scores(self.key_indicators, metrics)
        former = self._best()
        self._set_best(dict.fromkeys(former))  # mmengine removes first, and a full disk would leave none
        last, self.last_ckpt = self.last_ckpt, None  # mmengine would save that again, before it is time
        try:
            super().after_val_epoch(runner, metrics)
        finally:
            self.last_ckpt = last
        best = {name: path or former.get(name) for name, path in self._best().items()}
        self._set_best(best)
        for path in {path for path in former.values() if path} - set(best.values()):
            if is_main_process() and self.file_backend.isfile(path):
                self.file_backend.remove(path)

    def after_val(self, runner: Any) -> None:
        """Save once more what was saved before the validation, now with all that came of it."""
        runner.message_hub.update_info(VALIDATED, runner.iter)
        if self.last_ckpt is not None and self.saved_at == runner.iter:
            self._save(runner, Path(self.last_ckpt).name, meta=dict(epoch=runner.epoch, iter=runner.iter))

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Add the gradients of an accumulation that is not at its end."""
        if "optimizer" in checkpoint and _accumulates(runner.optim_wrapper):
            checkpoint["gradients"] = {
                name: value.grad.cpu()
                for name, value in _plain(runner.model).named_parameters()
                if value.grad is not None
            }

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Take back the gradients of an accumulation; say if the file is not one to resume from."""
        if not runner._resume:
            return
        self.gradients = checkpoint.get("gradients")
        if "optimizer" not in checkpoint:
            runner.logger.warning("The checkpoint holds weights only: the optimizer starts anew.")

    def _tell_of_lost_gradients(self, runner: Any) -> None:
        if self.gradients is None or get_world_size() > 1:
            kept = "no gradients" if self.gradients is None else "those of the main process alone"
            runner.logger.warning(
                f"The checkpoint was saved while gradients were accumulated and holds {kept}: the next step "
                "differs from that of a run that was left alone."
            )

    def _save_checkpoint_with_step(self, runner: Any, step: int, meta: dict) -> None:
        self._save(runner, self.filename_tmpl.format(step), meta=meta)

    def _save(self, runner: Any, name: str, *, meta: dict) -> None:
        require_finite_weights(runner, reached=meta["iter"])
        kept = [*(other for other in self.kept if other != name), name]
        most = self.max_keep_ckpts if self.max_keep_ckpts > 0 else len(kept)
        former, self.kept = kept[:-most], kept[-most:]
        path = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info(KEPT, self.kept)
        runner.message_hub.update_info(DROPPED, former)
        runner.message_hub.update_info("last_ckpt", path)
        try:
            runner.save_checkpoint(
                self.out_dir,
                name,
                self.file_client_args,
                save_optimizer=self.save_optimizer,
                save_param_scheduler=self.save_param_scheduler,
                meta=meta,
                by_epoch=self.by_epoch,
                backend_args=self.backend_args,
                **self.args,
            )
            if is_main_process():
                write_text(Path(runner.work_dir) / NOTE, path)
        except OSError as error:
            there = f" {self.last_ckpt} is whole." if self.last_ckpt else ""
            raise UserError(
                f"{path} could not be saved: {error.strerror or error}.{there} "
                "Make room, then go on with --resume."
            ) from error
        self.last_ckpt, self.saved_at = path, meta["iter"]
        self._remove(former)

    def _remove(self, names: Iterable[str]) -> None:
        for name in names if is_main_process() else ():
            path = self.file_backend.join_path(self.out_dir, name)
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)

    def _stop(self, runner: Any, *, reached: int) -> None:
        if self.saved_at != reached:
            self._save(runner, f"iter_{reached}.pth", meta=dict(epoch=runner.epoch, iter=reached))
        self.asked(True)  # waits: torchrun ends all processes once one has ended, also one that still saves
        raise KeyboardInterrupt

    def _here(self, path: str | None) -> str | None:
        """Return where a best checkpoint lies in this run's folder, which may have moved; None if nowhere."""
        if path is None or not isinstance(self.file_backend, LocalBackend):
            return path
        here = self.file_backend.join_path(self.out_dir, Path(path).name)
        return here if self.file_backend.isfile(here) else None

    def _best(self) -> dict[str, str | None]:
        if len(self.key_indicators) == 1:
            return {"": self.best_ckpt_path}  # 'auto' learns its name only at the first validation
        return dict(self.best_ckpt_path_dict)

    def _set_best(self, paths: dict[str, str | None]) -> None:
        if len(self.key_indicators) == 1:
            (self.best_ckpt_path,) = paths.values()
        else:
            self.best_ckpt_path_dict = paths


def _with_undefined(names: list[str], metrics: dict[str, Any], runner: Any) -> dict[str, Any]:
    """Add None for scores that a metric leaves out where there is nothing to judge by: no better than any."""
    evaluators = runner.val_evaluator.metrics if metrics else ()
    known = {name for metric in evaluators for name in getattr(metric, "score_names", ())}
    undefined = [name for name in names if name in known and name not in metrics]
    if undefined:
        told = f"{', '.join(undefined)}: nothing to judge by in this validation, so it chooses no checkpoint"
        runner.logger.warning(told)
    return metrics | dict.fromkeys(undefined)


def _require_scores(names: list[str], metrics: dict[str, float]) -> None:
    """Say in words that `save_best` names a score that the validation does not give."""
    there = [name for name in metrics if "." not in name]  # those of one class are many
    for name in names if metrics else ():
        if name != "auto" and name not in metrics:
            raise ConfigError(
                f"default_hooks.checkpoint.save_best is {name!r}, which is none of the validation's scores: "
                f"{', '.join(there)}.{nearest(name, metrics)}"
            )


def _accumulates(optim_wrapper: Any) -> bool:
    wrappers = optim_wrapper.values() if isinstance(optim_wrapper, OptimWrapperDict) else [optim_wrapper]
    return any(not wrapper.should_update() for wrapper in wrappers)


def _plain(model: Any) -> torch.nn.Module:
    return model.module if is_model_wrapper(model) else model
