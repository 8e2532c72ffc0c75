"""Compare tested models: who is better, how surely, on which images, and at what cost.

    python tools/compare.py configs/config_experiment_1.py configs/config_experiment_2.py
    python tools/compare.py work_dirs/a work_dirs/b work_dirs/c --split test --out work_dirs/compare/abc
    python tools/compare.py RUN RUN --common --score IoU.fish
    python tools/compare.py RUN RUN --group regex='(scene[0-9]+)_'

RUN is a RUN folder, a work_dir, or a config (its newest RUN); all must be tests on the same images. Writes
OUT: index.html, which works from disk, compare.json, compare.md, images.csv, wins.csv.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from segloop.utils.cli import Parser, run
from segloop.utils.flags import add_group, check_data_root, check_numbers, group_of
from segloop.utils.progress import counted


def parse_args() -> Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("runs", metavar="RUN", nargs="+", help="RUN folders, work_dirs or configs")
    parser.add_argument("--split", metavar="NAME", help="the newest RUNs of this split (default: of any)")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="OUT",
        default=Path("work_dirs/compare"),
        help="folder (work_dirs/compare)",
    )
    parser.add_argument(
        "--common", action="store_true", help="compare on the images that are the same in all RUNs"
    )
    parser.add_argument(
        "--score", metavar="KEY", help="what decides (default: what checkpoints were kept by)"
    )
    parser.add_argument(
        "--topk", type=int, default=4, metavar="N", help="images drawn that each wins, of each pair (4)"
    )
    parser.add_argument(
        "--data-root", type=Path, metavar="DIR", help="where the data set lies, if it was moved"
    )
    add_group(parser)
    parser.add_argument("--repeats", type=int, default=1000, metavar="N", help="bootstrap resamples (1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the resamples (0)")
    return parser.parse_args()


def main() -> int:
    """Compare, write, and say what came out."""
    args = parse_args()
    check_numbers(args, topk=0, repeats=100, seed=0)
    check_data_root(args)
    group = group_of(args)
    from segloop.analysis.comparable import open_runs
    from segloop.analysis.compare import compare
    from segloop.analysis.comparison_folder import require_free, text, write_comparison

    require_free(args.out)
    runs = open_runs(args.runs, split=args.split)
    with counted("RUNs") as progress:
        comparison = compare(
            runs,
            common=args.common,
            score=args.score,
            group=group,
            repeats=args.repeats,
            seed=args.seed,
            topk=args.topk,
            data_root=args.data_root,
            progress=progress,
        )
    with counted("pictures") as progress:
        page = write_comparison(comparison, args.out, progress=progress)
    print(f"{text(comparison)}\n\nLook at {page}")
    return 0


if __name__ == "__main__":
    run(main)
