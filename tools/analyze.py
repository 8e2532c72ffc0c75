"""Say where a tested model is wrong, why, and what to look at next.

    python tools/analyze.py configs/config_experiment_1.py
    python tools/analyze.py work_dirs/config_experiment_1/test/test-iter_500 --topk 50
    python tools/analyze.py RUN --data-root /mnt/data/multiclass

RUN is a RUN folder, a work_dir, or a config (its newest RUN). Writes RUN/analysis: index.html, which works
from disk, analysis.json, images.csv, suspects.csv, LIST files, pictures of the best and worst predictions.
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
    parser.add_argument("run", metavar="RUN", help="RUN folder, work_dir or config")
    parser.add_argument("--split", metavar="NAME", help="the newest RUN of this split (default: of any)")
    parser.add_argument("--topk", type=int, default=20, metavar="N", help="images a ranking names (20)")
    parser.add_argument(
        "--data-root", type=Path, metavar="DIR", help="where the data set lies, if it was moved"
    )
    add_group(parser)
    parser.add_argument("--repeats", type=int, default=1000, metavar="N", help="bootstrap resamples (1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the bootstrap (0)")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes (default: one per core, if it lasts)"
    )
    return parser.parse_args()


def main() -> int:
    """Measure, write, and say what there is to see."""
    args = parse_args()
    check_numbers(args, topk=1, repeats=100, workers=0, seed=0)
    check_data_root(args)
    group = group_of(args)
    from segloop.analysis.analysis_folder import write_analysis
    from segloop.analysis.analyze import analyze
    from segloop.analysis.instance_analysis import analyze_instances
    from segloop.analysis.runs import read_run
    from segloop.analysis.summary import summary

    found = read_run(args.run, split=args.split)
    print(f"{found.folder}: {len(found.images):,} images", flush=True)
    with counted("images") as progress:
        analysis = (analyze_instances if found.kind == "instance" else analyze)(
            found,
            data_root=args.data_root,
            topk=args.topk,
            group=group,
            repeats=args.repeats,
            seed=args.seed,
            workers=args.workers,
            progress=progress,
        )
    with counted("pictures") as progress:
        page = write_analysis(analysis, topk=args.topk, progress=progress)
    print(f"{summary(analysis.numbers)}\n\nLook at {page}")
    return 0


if __name__ == "__main__":
    run(main)
