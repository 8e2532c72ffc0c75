"""The flags that tools share, as OpenMMLab's users know them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any

from segloop.utils.cli import Parser
from segloop.utils.errors import UserError

CONFIGS = (".py", ".json", ".yaml", ".yml")


def add_common(parser: Parser) -> None:
    """Add the flags of training and testing that are the same in both."""
    parser.add_argument("--work-dir", metavar="DIR", help="the run's folder (default: work_dirs/<config>)")
    add_overrides(parser)
    parser.add_argument(
        "--device", metavar="NAME", help="cpu, cuda, cuda:N or mps (default: cuda if there is one)"
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


def check_numbers(args: argparse.Namespace, **least: int) -> None:
    """Refuse a flag below its least value; one that was not given is fine."""
    for name, bound in least.items():
        value = getattr(args, name)
        if value is not None and value < bound:
            raise UserError(f"--{name.replace('_', '-')} {value}: it must be at least {bound}.")


def check_data_root(args: argparse.Namespace) -> None:
    """Refuse a --data-root that is no folder."""
    if args.data_root is not None and not args.data_root.is_dir():
        raise UserError(f"--data-root {args.data_root}: there is no such folder.")


def add_group(parser: Parser) -> None:
    """Add the flag that says which images hang together, with the keys of `kfold.group` in a config."""
    parser.add_argument(
        "--group",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="images that hang together, as tiles of a scene do: folder=1, regex='(scene[0-9]+)_', or "
        "table=FILE column=NAME; intervals and tests are then over groups",
    )


def group_of(args: argparse.Namespace) -> dict[str, Any] | None:
    """Return what --group says, as `segloop.data.groups` reads it; None where it was not given."""
    found: dict[str, Any] = {}
    for word in args.group:
        key, equals, value = word.partition("=")
        if not equals or not value or key not in ("folder", "regex", "table", "column") or key in found:
            raise UserError(f"--group {word}: say folder=1, regex=PATTERN, or table=FILE column=NAME.")
        if key == "folder" and not value.isdecimal():
            raise UserError(f"--group {word}: how many folders, from the left, make a group? folder=1, say.")
        found[key] = int(value) if key == "folder" else value
    return found or None


def add_predicting(parser: Parser) -> None:
    """Add the flags that say how a model predicts, under the names of `segloop.load`."""
    group = parser.add_argument_group("how to predict")
    group.add_argument(
        "--tta",
        nargs="?",
        const="h",
        default="",
        metavar="VIEWS",
        help="average mirrored views: h (default), v, hv; hvr: turned ones, too",
    )
    group.add_argument(
        "--window", metavar="HxW", help="predict larger images in windows of this size, without resizing"
    )
    group.add_argument("--overlap", type=float, metavar="SHARE", help="of a window and the next (0.25)")
    group.add_argument(
        "--score-thr", type=float, metavar="P", help="what counts, in place of the tuned thresholds.json"
    )
    group.add_argument(
        "--thresholds", metavar="FILE", default="auto", help="default: the one beside the checkpoint; or none"
    )
    group.add_argument("--batch-size", type=int, metavar="N", help="images at once (default: by pixels)")
    group.add_argument(
        "--precision",
        default="auto",
        choices=["auto", "float32", "bfloat16", "float16"],
        help="auto: bfloat16 where the processor computes in it, else float32 (a GPU: float16)",
    )
    group.add_argument("--compile", action="store_true", help="torch.compile first, which takes minutes")
    group.add_argument("--no-fuse", action="store_true", help="leave batch norm outside the convolutions")
    group.add_argument(
        "--device", metavar="NAME", help="cpu, cuda, cuda:N or mps (default: cuda if there is one)"
    )
    group.add_argument(
        "--unsafe-load", action="store_true", help="load checkpoints that run code: only files you trust"
    )


def predict_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the flags of `add_predicting` ask for, under the names of `segloop.load`."""
    window = None
    if args.window is not None:
        found = re.fullmatch(r"(\d+)(?:[x×](\d+))?", args.window)
        if not found:
            raise UserError(f"--window {args.window!r} is no HEIGHTxWIDTH, such as 512x512.")
        window = (int(found[1]), int(found[2] or found[1]))
    elif args.overlap is not None:
        raise UserError("--overlap goes with --window, and none is given.")
    overlap = {} if args.overlap is None else {"overlap": args.overlap}
    return {
        "tta": args.tta,
        "window_hw": window,
        **overlap,
        "score_thr": args.score_thr,
        "thresholds": None if args.thresholds == "none" else args.thresholds,
        "batch_size": args.batch_size,
        "precision": args.precision,
        "compile": args.compile,
        "fuse": not args.no_fuse,
        "device": args.device,
    }


def add_overrides(parser: Parser) -> None:
    """Add the flag that overrides config values."""
    parser.add_argument(
        "--cfg-options",
        nargs="+",
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
