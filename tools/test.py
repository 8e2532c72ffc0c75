"""Test a trained experiment and write its RUN folder, which analysis, comparison and reports read.

  python tools/test.py configs/config_experiment_1.py
  python tools/test.py configs/config_experiment_1.py work_dirs/config_experiment_1/iter_2000.pth --split val

Without a checkpoint the best one of the work_dir is taken, or the newest.
"""

from __future__ import annotations

import os
from argparse import Namespace

from segloop.utils.cli import Parser, run
from segloop.utils.flags import add_common


def parse_args() -> Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", nargs="?", help="checkpoint file, or best, or last (default: best)")
    parser.add_argument(
        "--split", metavar="NAME", help="which split to test (default: the config's test split)"
    )
    parser.add_argument(
        "--out", help="also write predictions: a folder of PNGs (semantic), a .json or .pkl file (instance)"
    )
    parser.add_argument("--show", action="store_true", help="show each prediction in a window")
    parser.add_argument("--show-dir", metavar="DIR", help="draw predictions into <work_dir>/<timestamp>/DIR")
    parser.add_argument(
        "--wait-time", type=float, default=2, metavar="S", help="seconds per shown picture (2)"
    )
    parser.add_argument("--tta", action="store_true", help="test-time augmentation")
    parser.add_argument(
        "--no-thresholds",
        dest="thresholds",
        action="store_false",
        help="do not apply the thresholds.json beside the checkpoint (tools/tune.py writes it)",
    )
    add_common(parser)
    args = parser.parse_args()
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    return args


def main() -> int:
    """Test, and say the scores and where the RUN is."""
    args = parse_args()
    from data_converters.prepare.demos import make_demo

    if args.dry_run:
        from segloop.experiments.dry_run.command import dry_run

        return dry_run("test", args, make_demo=make_demo)
    from segloop.experiments.launch import Options, evaluate, summary

    metrics, folder = evaluate(
        Options.of(args, make_demo=make_demo),
        checkpoint=args.checkpoint,
        split=args.split,
        out=args.out,
        show=args.show,
        show_dir=args.show_dir,
        wait_time=args.wait_time,
        tta=args.tta,
        thresholds=args.thresholds,
    )
    print(f"\n{summary(metrics)}\nThe RUN is in {folder}")
    return 0


if __name__ == "__main__":
    run(main)
