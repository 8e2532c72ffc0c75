"""Collect the numbers of a training and its test: flat files that DVC, spreadsheets and plots read.

    python tools/collect.py work_dirs/config_experiment_1 numbers
    python tools/collect.py work_dirs/dvc/ships/train --copy work_dirs/dvc/ships/test

Writes into OUT metrics.json (scores as fractions), curves.csv, classes.csv and, of semantic tests,
confusion.csv. With --copy the work_dir's records, logs and RUNs are copied, its checkpoints not.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from segloop.utils.cli import Parser, run
from segloop.utils.errors import UserError, writing


def parse_args() -> Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("work_dir", type=Path, metavar="WORK_DIR", help="a training's folder; only read")
    parser.add_argument("out", type=Path, nargs="?", metavar="OUT", help="folder for the numbers")
    parser.add_argument("--copy", type=Path, metavar="DIR", help="copy all but the checkpoints there")
    args = parser.parse_args()
    if args.out is None and args.copy is None:
        raise UserError("Say what to do: name a folder OUT for the numbers, or --copy DIR.")
    return args


def main() -> int:
    """Copy, write, and say what there is."""
    args = parse_args()
    from segloop.analysis.flat_files import copy_run, write_numbers

    if args.copy is not None:
        with writing(args.copy):
            copy_run(args.work_dir, args.copy)
        print(f"{args.copy}: {args.work_dir} without its checkpoints")
    if args.out is not None:
        with writing(args.out):
            written = write_numbers(args.work_dir, args.out)
        print(f"{args.out}: {', '.join(written)}")
    return 0


if __name__ == "__main__":
    run(main)
