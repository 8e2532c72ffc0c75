"""Look at a data set before training on it: one page, one JSON, class weights, and lines for a config.

    python tools/eda.py data/multiclass
    python tools/eda.py train.csv --from airbus --images train_v2 --out work_dirs/eda/ships

Writes OUT/index.html (works from disk), OUT/eda.json, and OUT/class_weights.<scheme>.json, which losses take
as a path. Exit codes: 0 done, 1 some images cannot be used (they are named and left out), 2 a mistake.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from data_converters.opening import open_source, source_parser
from segloop.utils.cli import run
from segloop.utils.errors import EXIT_DONE, EXIT_FINDINGS, UserError
from segloop.utils.progress import counted


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = source_parser(__doc__ or "")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder to write (default: work_dirs/eda/<name>)"
    )
    parser.add_argument("--name", help="what the set is called on the page (default: its own name)")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes (default: one per core, if it lasts)"
    )
    return parser.parse_args()


def main() -> int:
    """Count, draw, write, and say what there is to see."""
    args = parse_args()
    if args.workers is not None and args.workers < 0:
        raise UserError(f"--workers {args.workers}: there are no fewer than 0 processes.")
    images, read_as = open_source(args)
    from segloop.data.info import eda_name
    from segloop.data.statistics import gather  # after --help and typing mistakes: it brings OpenCV
    from segloop.viz.dataset_report import write_report

    place = eda_name(args.source.resolve())
    name = args.name or images.facts.get("name") or place
    with counted("images") as progress:
        found = gather(images, workers=args.workers, progress=progress)
    with counted("images drawn") as progress:
        report = write_report(
            args.out or Path("work_dirs/eda") / place,
            images,
            found,
            name=name,
            source=f"{args.source} ({read_as})",
            progress=progress,
        )
    print(report)
    return EXIT_FINDINGS if found.whole.bad_count else EXIT_DONE


if __name__ == "__main__":
    run(main)
