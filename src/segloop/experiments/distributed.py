"""Brings the processes of a distributed run together: on GPUs as mmengine does, on CPUs with gloo."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

from segloop.utils.errors import EXIT_USER_ERROR, ConfigError

if TYPE_CHECKING:
    from mmengine.config import Config

T = TypeVar("T")


def require_launcher(launcher: str, *, command: Sequence[str]) -> None:
    """Refuse `--launcher pytorch` in a process that torchrun did not start; say how to start it."""
    if launcher == "pytorch" and not {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= set(os.environ):
        raise ConfigError(
            f"--launcher pytorch is for processes that torchrun started; start with:\n  {torchrun(command)}"
        )


def join(config: Config, *, command: Sequence[str]) -> None:
    """Join the other processes of the run, before any of them writes; without a launcher, do nothing."""
    from mmengine.device import get_device
    from mmengine.dist import init_dist, is_distributed, is_main_process
    from mmengine.utils.dl_utils import set_multi_processing

    if config.launcher == "none" or is_distributed():
        return
    on_gpus = get_device() not in ("cpu", "mps")
    if not on_gpus:
        if config.launcher != "pytorch":
            raise ConfigError(
                f"--launcher {config.launcher} needs GPUs, and there are none here; start with:\n"
                f"  {torchrun(command)}"
            )
        settle_for_cpu(config)
    hooks = list(config.get("custom_hooks") or [])
    if not any(isinstance(hook, dict) and hook.get("type") == "SameBuffersHook" for hook in hooks):
        config.custom_hooks = [*hooks, {"type": "SameBuffersHook"}]  # a config that a run has kept has it
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # as mmengine does, with a warning each
    environment = config.get("env_cfg") or {}
    options = dict(environment.get("dist_cfg") or {})
    # What mmengine's runner would do, in its order, but not before the data are checked and drawn.
    set_multi_processing(**(environment.get("mp_cfg") or {}), distributed=True)
    if on_gpus:
        init_dist(config.launcher, **options)
    else:  # init_dist asks for a GPU first
        import torch.distributed

        seconds = options.get("timeout")
        torch.distributed.init_process_group(
            options["backend"], timeout=timedelta(seconds=seconds) if seconds else None
        )
    if not is_main_process():
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # one of them speaks


def settle_for_cpu(config: Config) -> None:
    """Let processes without a GPU talk by gloo where the config says nccl, and name DDP no device.

    `sync_bn`, which would make every batch norm one that needs a GPU, is left out.
    """
    environment = config.get("env_cfg") or {}
    options = environment.get("dist_cfg") or {}
    backend = options.get("backend", "nccl")
    options = {**options, "backend": "gloo" if backend == "nccl" else backend}
    config.env_cfg = {**environment, "dist_cfg": options}
    config.pop("sync_bn", None)
    config.model_wrapper_cfg = {
        "type": "MMDistributedDataParallel",
        "broadcast_buffers": False,
        "find_unused_parameters": config.get("find_unused_parameters", False),
        **(config.get("model_wrapper_cfg") or {}),
        "device_ids": None,  # mmengine's default is the number of a GPU
    }


def once(work: Callable[[], None]) -> None:
    """Let the main process do `work` while the others wait; if it fails they end without a word."""
    from mmengine.dist import broadcast_object_list, is_main_process

    failed = [True]
    try:
        if is_main_process():
            work()
            failed = [False]
    finally:
        broadcast_object_list(failed)
    if failed[0]:
        raise SystemExit(EXIT_USER_ERROR)


def agreed(find: Callable[[], T]) -> T:
    """Return in each process what the main one finds, once it has; if it fails all end as in `once`."""
    from mmengine.dist import broadcast_object_list

    found: list[Any] = [None]

    def work() -> None:
        found[0] = find()

    once(work)
    broadcast_object_list(found)
    return found[0]


def any_of_all() -> Callable[[bool], bool]:
    """Return a function that tells each process whether it is true in any; all call it equally often.

    They talk by gloo, for the answer must not wait for a GPU.
    """
    import torch.distributed
    from mmengine.dist import get_world_size

    if get_world_size() == 1:
        return bool
    group = torch.distributed.new_group(backend="gloo")

    def asked(own: bool) -> bool:
        found = torch.tensor(int(own))
        torch.distributed.all_reduce(found, torch.distributed.ReduceOp.MAX, group=group)
        return bool(found)

    return asked


def torchrun(command: Sequence[str]) -> str:
    """Return the command line that starts two processes of a tool.

    >>> torchrun(["tools/train.py", "a b.py", "--launcher", "slurm"])
    "torchrun --nproc_per_node=2 tools/train.py 'a b.py' --launcher pytorch"
    """
    words = ["pytorch" if before == "--launcher" else word for before, word in pairwise(["", *command])]
    return f"torchrun --nproc_per_node=2 {shlex.join(words)}"
