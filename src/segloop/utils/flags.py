"""The flags that tools share, as OpenMMLab's users know them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from segloop.utils.cli import Parser

CONFIGS = (".py", ".json", ".yaml", ".yml")


def add_common(parser: Parser) -> None:
    """Add the flags of training and testing that are the same in both."""
    parser.add_argument("--work-dir", metavar="DIR", help="the run's folder (default: work_dirs/<config>)")
    add_overrides(parser)
    parser.add_argument(
        "--device", metavar="NAME", help="cpu, cuda, cuda:N or mps (default: the best there is)"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="seed of everything random (default: the config's)"
    )
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="how the processes of a distributed run were started",
    )
    parser.add_argument(
        "--unsafe-load", action="store_true", help="load checkpoints that run code: only files you trust"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="check everything, try the largest batches, say what the run will take; keep nothing",
    )
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help=argparse.SUPPRESS)


def add_overrides(parser: Parser) -> None:
    """Add the flag that overrides config values."""
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="override config values: a.b=1, list=1,2 or list=[1,2], dataset.pipeline.2.prob=0.3",
    )


def take_back_config(parser: Parser, args: argparse.Namespace, flag: str, *, empty: str) -> None:
    """Let an option with an optional value stand before the config, as in `--resume configs/a.py`.

    argparse would take the config for the option's value.
    """
    value = getattr(args, flag)
    if args.config is None and value is not None and value.endswith(CONFIGS):
        args.config = value
        setattr(args, flag, empty)
    if args.config is None and args.cfg_options and "=" not in args.cfg_options[-1]:
        args.config = args.cfg_options.pop()  # `--cfg-options a=1 config.py`
    if args.config is None:
        parser.error("name a config, for example configs/config_experiment_1.py")


def without_resume(words: Sequence[str]) -> list[str]:
    """Return a tool's command without `--resume` and the checkpoint that it may have been given.

    >>> without_resume(["train.py", "--resume", "a.pth", "config.py"])
    ['train.py', 'config.py']
    """
    kept: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        if word == "--resume" or word.startswith("--resume="):
            continue
        if before == "--resume" and not word.startswith("-") and not word.endswith(CONFIGS):
            continue
        kept.append(word)
    return kept
