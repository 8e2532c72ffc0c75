"""Declares what the parts of a config hold that no constructor's signature tells."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from segloop.experiments.acceleration import MemoryFormat

LogLevel = Literal["CRITICAL", "FATAL", "ERROR", "WARN", "WARNING", "INFO", "DEBUG", "NOTSET"]


class Processes(TypedDict, total=False):
    """`env_cfg.mp_cfg`."""

    mp_start_method: Literal["fork", "spawn", "forkserver"]
    opencv_num_threads: int


class Distribution(TypedDict, total=False):
    """`env_cfg.dist_cfg`: for mmengine's init_dist, and through it for torch's init_process_group."""

    backend: str
    init_backend: str
    init_method: str
    timeout: float
    world_size: int
    rank: int
    port: int
    tcp_port: int
    group_name: str


class Environment(TypedDict, total=False):
    """`env_cfg`."""

    cudnn_benchmark: bool
    mp_cfg: Processes
    dist_cfg: Distribution
    resource_limit: int
    memory_format: MemoryFormat


class Randomness(TypedDict, total=False):
    """`randomness`."""

    seed: int
    deterministic: bool
    diff_rank_seed: bool


class LearningRateScale(TypedDict, total=False):
    """`auto_scale_lr`."""

    enable: bool
    base_batch_size: int


class Imports(TypedDict, total=False):
    """`custom_imports`."""

    imports: list[str] | str
    allow_failed_imports: bool


class Demo(TypedDict, total=False):
    """`demo`: the set that is drawn if its root is missing."""

    task: str
    root: str
    seed: int


class Group(TypedDict, total=False):
    """`kfold.group`: what is never cut apart."""

    folder: int
    regex: str
    table: str
    column: str


class KFold(TypedDict, total=False):
    """`kfold`: which fold of how many is validated on."""

    fold: int
    folds: int
    seed: int
    splits: list[str] | str
    group: Group


class Compile(TypedDict, total=False):
    """`compile`: torch.compile's arguments."""

    backend: Any
    mode: str
    fullgraph: bool
    dynamic: bool
    options: dict
    disable: bool


class ClipNorm(TypedDict, total=False):
    """`optim_wrapper.clip_grad`, by norm or by value."""

    type: Literal["norm", "value"]
    max_norm: float
    norm_type: float
    error_if_nonfinite: bool
    foreach: bool
    clip_value: float


class Paramwise(TypedDict, total=False):
    """`optim_wrapper.paramwise_cfg` of mmengine's own constructor."""

    custom_keys: dict[str, dict]
    lr_mult: float
    decay_mult: float
    bias_lr_mult: float
    bias_decay_mult: float
    norm_decay_mult: float
    flat_decay_mult: float
    dwconv_decay_mult: float
    dcn_offset_lr_mult: float
    bypass_duplicate: bool


class DataLoading(TypedDict, total=False):
    """What mmengine's runner reads of a data loader's config beside torch's own arguments."""

    dataset: Any
    sampler: Any
    batch_sampler: Any
    collate_fn: Any
    worker_init_fn: Any
    num_batch_per_epoch: int
    disable_subprocess_warning: bool


class Experiment(TypedDict, total=False):
    """The keys of a config that are neither a component nor a list of them."""

    default_scope: str
    custom_imports: Imports
    env_cfg: Environment
    randomness: Randomness
    auto_scale_lr: LearningRateScale
    compile: Compile | bool
    demo: Demo
    kfold: KFold
    work_dir: str
    load_from: str
    resume: bool
    launcher: Literal["none", "pytorch", "slurm", "mpi"]
    log_level: LogLevel | int
    experiment_name: str
    runner_type: str
    find_unused_parameters: bool
    sync_bn: Literal["torch", "mmcv"]
    activation_checkpointing: list[str] | str
    efficient_conv_bn_eval: list[str] | str
    cfg: dict
    strategy: dict
    strict: bool
