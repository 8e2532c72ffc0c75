"""Train an experiment.

  python tools/train.py configs/config_experiment_1.py --dry-run    will it run? what will it take?
  python tools/train.py configs/config_experiment_1.py
  python tools/train.py configs/config_experiment_1.py --resume
  python tools/train.py configs/config_experiment_2.py --cfg-options train_dataloader.batch_size=4

Checkpoints, logs and curves go to work_dirs/<config>; then: python tools/test.py <config>
"""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from segloop.utils.cli import Parser, run
from segloop.utils.flags import add_common, take_back_config


def parse_args() -> Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("config", nargs="?", help="config file")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="CKPT",
        help="go on from this checkpoint; without a name from the newest one in the work_dir; `same`: from "
        "that, if the run there is unfinished and of this config and data, else anew",
    )
    parser.add_argument("--amp", action="store_true", help="mixed precision, on a CPU too (bfloat16)")
    parser.add_argument(
        "--auto-scale-lr", action="store_true", help="scale the learning rate with the batch size"
    )
    add_common(parser)
    args = parser.parse_args()
    take_back_config(parser, args, "resume", empty="auto")
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    return args


def main() -> int:
    """Train, and say what comes next."""
    args = parse_args()
    from data_converters.prepare.demos import make_demo

    if args.dry_run:
        from segloop.experiments.dry_run.command import dry_run

        return dry_run("train", args, make_demo=make_demo)
    from segloop.experiments.launch import Options, train
    from segloop.experiments.testing import next_test

    options = Options.of(args, make_demo=make_demo)
    runner = train(options, resume=args.resume, amp=args.amp, auto_scale_lr=args.auto_scale_lr)
    command = next_test(Path(args.config), Path(runner.work_dir), runner.cfg)
    print(f"\nTrained. The run is in {runner.work_dir}. Next: {command}")
    return 0


if __name__ == "__main__":
    run(main)
