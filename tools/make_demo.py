"""Draw a demo data set from a seed; nothing is downloaded.

    python tools/make_demo.py multiclass
    python tools/make_demo.py multiclass --out data/tiny --counts train=20 val=5

The set lies in $SEGLOOP_DATA/<task>, or data/<task>, and is the same on every machine.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from segloop.utils.cli import Parser, run
from segloop.utils.errors import UserError, nearest
from segloop.utils.progress import counted


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("task", metavar="TASK", help="which demo: multiclass")
    parser.add_argument(
        "--out", type=Path, help="folder to make (default: $SEGLOOP_DATA or data, then /TASK)"
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other scenes (default: 0)")
    parser.add_argument(
        "--counts",
        nargs="+",
        metavar="SPLIT=N",
        default=["train=800", "val=200", "test=200"],
        help="scenes of each split (default: train=800 val=200 test=200)",
    )
    parser.add_argument("--size", type=int, default=192, help="height and width in pixels (default: 192)")
    parser.add_argument("--workers", type=int, help="processes that draw (default: one per CPU core)")
    parser.add_argument("--force", action="store_true", help="replace a demo set that is there already")
    return parser.parse_args()


def parse_counts(texts: list[str]) -> dict[str, int]:
    """Turn `train=800` and its like into numbers."""
    counts = {}
    for text in texts:
        split, _, number = text.partition("=")
        if not split.isidentifier() or not number.isdecimal():
            raise UserError(f"--counts takes SPLIT=N, such as train=800, not {text!r}")
        counts[split] = int(number)
    return counts


def main() -> None:
    """Draw the set and say where it lies."""
    args = parse_args()
    counts = parse_counts(args.counts)
    from segloop.data.demo import DEMOS  # after --help and typing mistakes: it brings OpenCV

    if args.task not in DEMOS:
        raise UserError(f"No demo {args.task!r}; there is: {', '.join(DEMOS)}.{nearest(args.task, DEMOS)}")
    out = args.out or Path(os.environ.get("SEGLOOP_DATA", "data")) / args.task
    with counted("scenes") as progress:
        info = DEMOS[args.task](
            out,
            seed=args.seed,
            counts=counts,
            size=args.size,
            replace=args.force,
            workers=args.workers,
            progress=progress,
        )
    listed = ", ".join(f"{count} {split}" for split, count in info.splits.items())
    print(f"{out}: {listed}; classes {', '.join(info.class_names)}; {info.content_hash}")


if __name__ == "__main__":
    run(main)
